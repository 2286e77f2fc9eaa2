"""Texts as people type them: kind A."""

import wave
from pathlib import Path

from bad_input import command, tried

from pyscorer.contract.classes import LANGUAGE_MEANING
from pyscorer.contract.files import read_table
from pyscorer.corpora.spoken_call import read_responses
from pyscorer.lexicon.words import text_words
from pyscorer.pretrained.recogniser_view import plain_words
from pyscorer.proficiency.response_file import read_response_file

KIND = "A. text"
WORDS = (
    *("A", "AND", "AT", "DEGREES", "DOGS'", "DON'T", "FIVE", "HALF", "HAVE", "I", "IN", "IT"),
    *("KNOW", "MISTER", "O'CLOCK", "ROCK", "ROLL", "T-SHIRT", "TEN", "THE", "TO", "WEEK"),
)
LEXICON = {word: [("AH",)] for word in WORDS}


def read(text: str, said: str) -> str:
    """What `score --text` reads."""
    words = [word.word for word in text_words(text, LEXICON)]
    assert " ".join(words) == said, words
    return f"read as {said}"


def aloud(given: str, text: str, said: str = "") -> None:
    """A row for a text to be read aloud; without `said` it is refused."""
    tried(KIND, given)(lambda _: read(text, said))


aloud("typographic and other apostrophes", "I don’t, don`t, don′t, don＇t", "I" + 4 * " DON'T")
aloud("an apostrophe set apart by a tokeniser", "I don 't know", "I DON'T KNOW")
aloud("rock ’n’ roll", "rock ’n’ roll", "ROCK 'n' ROLL")
aloud("the dogs' in single quotes", "‘the dogs’’ week", "THE DOGS' WEEK")
aloud("letters with combining accents (NFD)", "a cafe\u0301", "A café")
aloud("a soft hyphen and zero-width characters", "we\u00adek we\u200bek \ufeffI", "WEEK WEEK I")
aloud("a non-breaking hyphen", "a T‑shirt", "A T-SHIRT")
aloud("dashes without spaces", "I know—I have", "I KNOW I HAVE")
aloud("full-width letters and a ligature", "Ｉ ｋｎｏｗ ﬁve", "I KNOW FIVE")
aloud("no-break and em spaces", "I\u00a0know\u2003it", "I KNOW IT")
aloud("the Turkish dotless ı", "thıs ıs")
aloud("a text in Cyrillic", "привет")
aloud("an emoji", "I know 👍")
aloud("a control character", "I kn\x07ow")
aloud("what a wrong encoding left", "I don\ufffdt know")
aloud("nothing but punctuation", "... — “”")
aloud("dollars", "$5", "FIVE dollars")
aloud("dollars and cents", "it costs $5.50")
aloud("percent", "50%", "fifty percent")
aloud("thousands", "1,000 dogs", "one thousand dogs")
aloud("a decimal point", "3.5", "three point FIVE")
aloud("a decimal comma", "3,5")
aloud("a negative number", "−5 degrees", "minus FIVE DEGREES")
aloud("a year", "in 1999", "IN nineteen ninety nine")
aloud("a year, or a number", "1999 dogs")
aloud("a date in figures", "12/05/2020")
aloud("a time", "at 10:05 a.m.", "AT TEN oh FIVE A m")
aloud("an ordinal number", "the 21st week", "THE twenty first WEEK")
aloud("a range", "5–10", "FIVE TO TEN")
aloud("a fraction", "½")
aloud("a mixed number", "3½", "three AND A HALF")
aloud("a sum", "5 + 5 = 10", "FIVE plus FIVE equals TEN")
aloud("an address", "me@home.org", "me AT home dot org")
aloud("an ampersand", "rock & roll", "ROCK AND ROLL")
aloud("a title", "Mr. Know", "MISTER KNOW")
aloud("an abbreviation", "e.g. dogs")
aloud("initials", "U.S.A.", "U S A")
aloud("a slash", "and/or")
aloud("a hashtag", "#rock")
aloud("letters and figures in a word", "mp3")
aloud("20,000 figures", "7" * 20_000)


def data_directory(folder: Path, text: str) -> None:
    with wave.open(str(folder / "u.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(b"\0\x20\0\xe0" * 8000)
    contents = {
        "text": f"u {text}\n",
        "wav.scp": "u u.wav\n",
        "utt2spk": "u u\n",
        "spk2utt": "u u\n",
        "word_scores.csv": "utterance,word_index,word,accuracy,stress,total\nu,0,Don’t,5,5,5\n",
        "lexicon.txt": "DON'T D OW N T\nKNOW N OW\n",
    }
    (folder / "data").mkdir()
    for name, content in contents.items():
        (folder / "data" / name).write_text(content, encoding="utf-8")


def validated() -> str:
    said = command(
        *("validate", "--data", "data", "--lexicon", "data/lexicon.txt", "--out", "valid"),
        *("--report", "report.csv"),
    )
    return [line for line in said.splitlines() if line.strip() and "audio:" not in line][-1]


@tried(KIND, "a Kaldi text and word labels with typographic apostrophes, in small letters")
def kaldi_text(folder: Path) -> str:
    data_directory(folder, "don’t know.")
    said = validated()
    assert read_table(Path("valid/text")) == {"u": "DON'T KNOW"}
    return said


@tried(KIND, "a Kaldi text with a sign that is read in several ways")
def kaldi_sign(folder: Path) -> str:
    data_directory(folder, "don't know/know")
    return validated()


@tried(KIND, "prompts typed in NFD, the grammar in NFC, figures in a response")
def prompts(folder: Path) -> str:
    (folder / "g.xml").write_text(
        "<grammar><prompt_unit><prompt>Frag: 3 Nächte</prompt><response>three nights</response>"
        "</prompt_unit></grammar>"
    )
    header = "Id\tPrompt\tRecResult\tlanguage\tmeaning\n"
    row = "{}\tFRAG: 3 Na\u0308chte\t{} nights\tcorrect\tcorrect\n"
    train = "".join(row.format(f"a{i}", i) for i in range(6))
    (folder / "train.csv").write_text(header + train)
    (folder / "test.csv").write_text(header + row.format("b", "three"))
    command(
        *("prepare_responses", "--train", "train.csv", "--test", "test.csv", "--grammar", "g.xml"),
        *("--out", "out"),
    )
    found = read_response_file(Path("out/train.csv"), LANGUAGE_MEANING)
    assert {r.prompt for r in found} == {"Frag: 3 Nächte"}
    return f"prompt {found[0].prompt}, response {found[3].recognised}"


@tried(KIND, "a recogniser's transcript with marks and what cannot be read in one way")
def transcript(folder: Path) -> str:
    row = "a\tFrag\t<unk> I’d like 24/7 *z, please\tcorrect\tcorrect\n"
    (folder / "r.csv").write_text("Id\tPrompt\tRecResult\tlanguage\tmeaning\n" + row)
    (response,) = read_responses(Path("r.csv"))
    assert response.recognised == "<unk> i'd like 24/7 *z please"
    return f"kept as it stands: {response.recognised}"


@tried(KIND, "figures in what Whisper heard")
def heard(folder: Path) -> str:
    words = " ".join(plain_words("There’s 25 men—in a T-shirt.", ["T-SHIRT"]))
    assert words == "THERE'S TWENTY FIVE MEN IN A T-SHIRT"
    return f"read as {words}"
