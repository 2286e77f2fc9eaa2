"""The words of a text: what is typed, and what is read. What has several readings is refused."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyscorer.contract.characters import plain
from pyscorer.errors import InputError
from pyscorer.lexicon.normalise import (
    english_words,
    lexicon_spelling,
    same_word,
    transcript_text,
)

LEXICON = (
    *("I", "A", "THE", "DON'T", "CAN'T", "O'CLOCK", "ROCK"),
    *("AND", "ROLL", "DOGS", "EARS", "T-SHIRT", "RED", "IT"),
    *("COSTS", "FIVE", "TEN", "DOLLARS", "PER", "CENT", "KILOMETRES"),
    *("MR", "POLISH", "Polish", "CAFÉ", "<UNK>", "MP3", "THREE"),
)
SPELLING = lexicon_spelling(LEXICON)


def read(text: str) -> str:
    return " ".join(english_words(text, SPELLING))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("i don’t", "I DON'T"),
        ("I don`t", "I DON'T"),
        ("i don' t", "I DON'T"),
        ("i don 't", "I DON'T"),
        ("“I can’t” — red, 'red'! the...", "I CAN'T RED RED THE"),
        ("rock 'n' roll", "ROCK 'n' ROLL"),
        ("rock ’n’ roll", "ROCK 'n' ROLL"),
        ("rock'n'roll", "ROCK 'n' ROLL"),
        ("rock & roll", "ROCK AND ROLL"),
        ("rock&roll", "ROCK AND ROLL"),
        ("the dogs' ears", "THE DOGS EARS"),
        ("five o’clock", "FIVE O'CLOCK"),
        ("a red T‑shirt", "A RED T-SHIRT"),
        ("T-shirt--red", "T-SHIRT RED"),
        ("red-eared", "RED eared"),
        ("fine.Then", "fine Then"),
        ("red。 the！ 《red》、 red؟", "RED THE RED RED"),
        ("*red* _red_ (red) [red]", "RED RED RED [red]"),
        ("café", "CAFÉ"),
        ("cafe\u0301", "CAFÉ"),
        ("polish", "POLISH"),
        ("Polish", "Polish"),
        ("<unk> mp3", "<UNK> MP3"),
        ("hello <noise> *z, !SIL.", "hello <noise> *z !SIL"),
    ],
)
def test_words_are_those_that_the_lexicon_has(typed: str, said: str) -> None:
    assert read(typed) == said


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("25", "twenty FIVE"),
        ("0", "zero"),
        ("1,000 people", "one thousand people"),
        (
            "1,234,567",
            "one million two hundred AND thirty four thousand FIVE hundred AND sixty seven",
        ),
        ("3.5 miles", "THREE point FIVE miles"),
        ("3.50", "THREE point FIVE zero"),
        (".5", "point FIVE"),
        ("-5 degrees", "minus FIVE degrees"),
        ("−5°C", "minus FIVE degrees celsius"),
        ("1°", "one degree"),
        ("it costs $5.", "IT COSTS FIVE DOLLARS"),
        ("$1", "one dollar"),
        ("£5", "FIVE pounds"),
        ("5 €", "FIVE euros"),
        ("$5 million", "FIVE million DOLLARS"),
        ("50% off", "fifty PER CENT off"),
        ("50 %", "fifty PER CENT"),
        ("5-10%", "FIVE to TEN PER CENT"),
        ("5–10 days", "FIVE to TEN days"),
        ("in 1999", "in nineteen ninety nine"),
        ("in 1905", "in nineteen oh FIVE"),
        ("Since 2000", "Since two thousand"),
        ("December 1999", "December nineteen ninety nine"),
        ("1990–1995", "nineteen ninety to nineteen ninety FIVE"),
        ("21st", "twenty first"),
        ("the 3rd", "THE third"),
        ("11th", "eleventh"),
        ("3:30", "THREE thirty"),
        ("3:05 pm", "THREE oh FIVE p m"),
        ("3:00", "THREE O'CLOCK"),
        ("10 a.m. red", "TEN A m RED"),
        ("3½", "THREE AND A half"),
        ("5 km", "FIVE KILOMETRES"),
        ("5kg", "FIVE kilograms"),
        ("5 + 5 = 10", "FIVE plus FIVE equals TEN"),
        ("5×5", "FIVE times FIVE"),
        ("5 km-red", "FIVE KILOMETRES RED"),
        ("#5", "number FIVE"),
        ("a 5-year-old", "A FIVE year old"),
        ("2nd-hand", "second hand"),
        ("COVID-19", "COVID nineteen"),
        ("me@home.org", "me at home dot org"),
        ("Mr. Red", "MR RED"),
        ("Mrs. Red", "missus RED"),
        ("Dr Red", "doctor RED"),
        ("etc.", "etcetera"),
        ("U.S.A.", "U S A"),
        ("J. K. Red", "J K RED"),
        ("５", "FIVE"),
        ('he said "I am 5"', "he said I am FIVE"),
    ],
)
def test_figures_and_signs_are_spoken_out(typed: str, said: str) -> None:
    assert read(typed) == said


@pytest.mark.parametrize(
    "typed",
    """1999 people|$5.50|€5-10|1,00|3,5|1,2,3|1.2.3|007|5/6|24/7|and/or|12/05/2020|May 5|5 May|5:60
    2:1|15:00|0:30|2st|½|5²|10k|90s|'99|5's|6" tall|6' tall|5 m|5 ft|No. 5|e.g. this|St. John|Ph.D.
    mp4|B2B|word(s)|home.org|http://a.b|x_y|C++|5 * 5|5 - 3|~5|≈5|%|°|#tag|№5|§|™|👍|٣|x\u20ac
    \u0301 a|don&#39;t|rock &amp; roll|donâ€™t|cafÃ©|<i>red</i>|w/o|5 km/h|room 101|3 x 4|5 %=10
    1,2nd
    12345678901234567|it.then|_|&&""".replace("\n", "|").split("|"),
)
def test_what_has_several_readings_is_refused_by_name(typed: str) -> None:
    with pytest.raises(InputError, match=r'^".+(write it as it was said|remove it)'):
        english_words(f"the {typed.strip()}", SPELLING)


def test_a_figure_of_the_lexicon_is_a_word() -> None:
    assert english_words("24/7 Mr.", lexicon_spelling(["24/7", "MR."])) == ["24/7", "MR."]


def test_transcripts_are_small_letters_with_hyphens_and_marks_as_they_stand() -> None:
    assert transcript_text("I’d like a T-shirt, in Forty-Two!") == "i'd like a t-shirt in forty-two"
    assert transcript_text("3 nights") == "three nights"
    assert transcript_text("the <unk> [OOV] *z xxx vis à vis") == "the <unk> [oov] *z xxx vis à vis"
    assert transcript_text("24/7, or and/or?") == "24/7 or and/or"


def test_words_are_the_same_in_any_case_and_with_any_apostrophe() -> None:
    assert same_word("Don’t,", "DON'T")
    assert same_word("Mr.", "mister")
    assert not same_word("GO", "GONE")
    assert not same_word("25", "twenty")


@given(st.text(max_size=40))
@example("5 5")
def test_words_are_their_own_normal_form(text: str) -> None:
    try:
        words = english_words(text, SPELLING)
    except InputError:
        return
    assert english_words(" ".join(words), SPELLING) == words
    assert english_words(unicodedata.normalize("NFD", text), SPELLING) == words
    for word in words:
        if SPELLING(word) is None and word[0] not in "<[*!":
            assert all(c.isalpha() or c == "'" or unicodedata.category(c)[0] == "M" for c in word)


KINDS = "aZé’'`-–.,;:!?\"“(‹½5٣$€%&+@#/\\*_~^<>|=°²™👍\u0301\u200b\xad\x07\t "


@given(st.lists(st.sampled_from(KINDS), max_size=8).map("".join))
def test_nothing_vanishes_in_silence(text: str) -> None:
    """Of all but spaces, format characters and punctuation there is a word, or an error."""
    try:
        words = english_words(text, SPELLING)
    except InputError:
        return
    silent = set(" .,;:!?\"()'-*_")
    wanted = [token for token in plain(text).split() if set(token) - silent]
    assert len(words) >= len(wanted)
