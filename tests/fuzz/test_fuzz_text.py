"""Any text gives words or an InputError, soon, in every stage that reads one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import EXAMPLES, fresh, fuzz, mutated, survives

from pyscorer.contract.characters import LONGEST, fold, plain
from pyscorer.contract.files import read_table
from pyscorer.corpora.spoken_call import read_grammar, read_responses, translation_words
from pyscorer.errors import InputError
from pyscorer.lexicon.normalise import english_words, lexicon_spelling, transcript_text
from pyscorer.lexicon.words import text_words
from pyscorer.pretrained.recogniser_view import plain_words

LEXICON = {"I": [("AY",)], "DON'T": [("D", "OW", "N", "T")], "T-SHIRT": [("T",)], "N": [("N",)]}
SPELLING = lexicon_spelling(LEXICON)
SIGNS = "1,.:- $%½'n’t*_<>[]@&+=#/()ıİß👍你٣²\u0301\u200b\x00\ud800"
WORDS = ("1999", "am", "pm", "st", "th", "km", "May", "in", "don", "e.g.", "Mr.", "No.")
PIECES = st.sampled_from([*SIGNS, *WORDS])
LONG = LONGEST // 4 if EXAMPLES > 100 else LONGEST // 10


@fuzz
@given(st.text() | st.lists(PIECES, max_size=30).map("".join))
def test_any_text(text: str) -> None:
    survives(lambda: plain(text))
    survives(lambda: fold(text))
    survives(lambda: english_words(text, SPELLING))
    survives(lambda: transcript_text(text))
    survives(lambda: translation_words(text))
    survives(lambda: plain_words(text, ["T-SHIRT"]))


@fuzz
@given(st.text(max_size=20) | st.lists(PIECES, max_size=8).map("".join))
def test_any_text_that_is_read_aloud(text: str) -> None:
    survives(lambda: text_words(text, LEXICON))


@pytest.mark.parametrize(
    "piece",
    (
        *"1-a'(*½<[0你\u0301\u200b",
        *(
            "1,000",
            "9.",
            "a.",
            "a\u0301\u0323",
            "$1 ",
            "'n'",
            '5" "',
            "a@b.",
            "fine.Then.",
            "1:",
            "I ",
        ),
        *("I ", "’ ", "1-", "1 - ", "e.g. ", "Mr. ", "a-", "5' ", "in 1999 ", "No. 1"),
    ),
)
def test_long_texts_end_soon(piece: str) -> None:
    text = (piece * LONG)[:LONG]
    survives(lambda: english_words(text, SPELLING))
    survives(lambda: transcript_text(text[: LONG // 4]))
    survives(lambda: text_words(text[:999], LEXICON))


def test_a_million_figures_are_refused() -> None:
    for text in ("7" * 10**6, "7" * 50_000, f"1{',000' * 20_000}", "0." + "7" * 50_000):
        said = survives(lambda text=text: english_words(text, SPELLING))
        assert isinstance(said, InputError) and len(str(said)) < 300
        survives(lambda text=text: transcript_text(text))


TEXT = b"a1 I DON'T\na2 T-SHIRT 25\n"
RESPONSES = (
    "Id\tPrompt\tRecResult\tlanguage\tmeaning\n"
    "a1\tFrag: Nächte\ti’d like 3 nights\tcorrect\tcorrect\n"
    "a2\tFrag: Nächte\t<unk>\tincorrect\tcorrect\n"
).encode()
GRAMMAR = (
    "<grammar><prompt_unit><prompt>Frag: Nächte</prompt><translated_prompt>ask (a | the)"
    "</translated_prompt><response>yes</response></prompt_unit></grammar>"
).encode()


@fuzz
@given(mutated(TEXT))
def test_texts_of_a_data_directory(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = fresh(tmp_path_factory) / "text"
    path.write_bytes(content)
    survives(lambda: [english_words(v, SPELLING) for v in read_table(path).values()])


@fuzz
@given(mutated(RESPONSES), mutated(GRAMMAR))
def test_responses_and_grammar(
    tmp_path_factory: pytest.TempPathFactory, responses: bytes, grammar: bytes
) -> None:
    folder: Path = fresh(tmp_path_factory)
    (folder / "responses.csv").write_bytes(responses)
    (folder / "grammar.xml").write_bytes(grammar)
    survives(lambda: read_responses(folder / "responses.csv"))
    survives(lambda: read_grammar(folder / "grammar.xml"))
