"""Whisper's tokens, on a vocabulary of single bytes and four joined pieces."""

from pathlib import Path

import pytest
from made_whisper import write_tokenizer

from pyscorer.errors import InputError
from pyscorer.pretrained.tokens import Tokens, read_tokens


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    write_tokenizer(tmp_path)
    return read_tokens(tmp_path)


def pieces(tokens: Tokens, text: str) -> list[str]:
    return [tokens.decode([token]) for token in tokens.encode(text)]


def test_the_pair_that_training_joined_first_is_joined_first(tokens: Tokens):
    # Of " hean", "he" is the first; then " he" beats "an", which comes last.
    assert pieces(tokens, " hean") == [" he", "an"]
    # In " an" both " a" and "an" could be joined, and " a" was first.
    assert pieces(tokens, " an") == [" a", "n"]


def test_words_are_not_joined_over_their_ends(tokens: Tokens):
    assert pieces(tokens, "h e he's a") == ["h", " ", "e", " he", "'", "s", " a"]


def test_any_text_comes_back(tokens: Tokens):
    for text in ("", " he  an\n", "naïve 12_3 你好 €", "I'm — he"):
        assert tokens.decode(tokens.encode(text)) == text


def test_half_a_character_is_no_error(tokens: Tokens):
    assert tokens.decode(tokens.encode("é")[:1]) == "\ufffd"


def test_special_tokens_are_no_text(tokens: Tokens):
    assert tokens.decode([*tokens.encode("an"), tokens.end, 304]) == "an"


def test_models_for_several_languages_are_told_the_language(tmp_path: Path):
    write_tokenizer(tmp_path, special=50256)  # where GPT-2's vocabulary ends
    assert read_tokens(tmp_path).text_start == [50257, 50260]
    write_tokenizer(tmp_path, special=50257)
    assert read_tokens(tmp_path).text_start == [50258, 50259, 50260, 50261]


def test_what_is_no_tokenizer_is_refused_by_name(tmp_path: Path):
    with pytest.raises(InputError, match=r"tokenizer\.json: no such file"):
        read_tokens(tmp_path)
    for text in ("{", "{}", '{"model": {"vocab": {}}, "added_tokens": []}'):
        (tmp_path / "tokenizer.json").write_text(text)
        with pytest.raises(InputError, match=r"tokenizer\.json: not "):
            read_tokens(tmp_path)
