"""One spelling of characters: what looks the same to a reader is the same text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscorer.contract.characters import LONGEST, fold, plain
from pyscorer.errors import InputError

SAME = {
    "don't": "don’t don‘t don`t don´t don′t don＇t don‛t donʼt donʹt donꞌt don՚t don‵t don｀t",
    "information": "in\xadfor\xadma\xadtion in\u200bformation \ufeffinformation infor\u2060mation "
    "\u202einformation\u202c in\u200dformation information\ufe0f in\u034fformation",
    "Nächte": "Na\u0308chte Nächte",
    "fine": "ﬁne ｆｉｎｅ 𝐟𝐢𝐧𝐞 ﬁ\u200bne",
    "T-shirt": "T‐shirt T‑shirt T–shirt T−shirt T﹣shirt T－shirt T-\u00adshirt",
    '"yes"': "“yes” „yes“ «yes» »yes« ‹yes› 「yes」 ＂yes＂ ″yes″",
    "5%": "５％ 5﹪ 5\u200b%",
    "well...": "well… well‥. well...",
    "20°C": "20℃ 20°C",
}


@pytest.mark.parametrize(("read", "typed"), SAME.items())
def test_what_looks_the_same_is_the_same(read: str, typed: str) -> None:
    assert {plain(form) for form in typed.split(" ")} == {read}


@pytest.mark.parametrize("space", "\t\n\v\f\r\x85\xa0\u1680\u2002\u2009\u202f\u3000\u2028\u2029")
def test_every_space_is_a_space(space: str) -> None:
    assert plain(f"{space}a{space}{space}b ") == "a b"


def test_long_dashes_part_words() -> None:
    assert plain("T-shirt—red ― so") == "T-shirt - red - so"


def test_case_accents_and_what_is_not_the_same_stay() -> None:
    for text in ("Für 3 Nächte?", "½ 2² № ™", "thıs", "İ ß", "你好", "👍", "naïve"):
        assert plain(text) == text


@pytest.mark.parametrize("character", "\0\x07\x1b\x1f\x7f\ufffd\ue000\ud800\ufdd0")
def test_what_is_no_character_is_refused_by_its_code(character: str) -> None:
    with pytest.raises(InputError, match=f"U\\+{ord(character):04X}"):
        plain(f"a{character}b")


def test_a_text_that_nobody_says_is_refused() -> None:
    with pytest.raises(InputError, match="at most"):
        plain("a" * (LONGEST + 1))


def test_texts_are_compared_without_case() -> None:
    assert fold("STRASSE") == fold("Straße")
    assert fold("CAFE\u0301") == fold("café")
    assert fold("ÀÉ") == fold("a\u0300é")
    assert fold("thıs") != fold("this")
    assert fold("İ") != fold("i")


@given(st.text(max_size=30))
def test_plain_text_stays_as_it_is(text: str) -> None:
    try:
        once = plain(text)
    except InputError:
        return
    assert plain(once) == once
    assert fold(once) == fold(text) == fold(fold(text))
    assert plain(unicodedata.normalize("NFD", text)) == once
    assert plain(unicodedata.normalize("NFC", text)) == once
