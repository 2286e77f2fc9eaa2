"""Utterances one by one are those of the data directory read at once."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pyscorer.contract.datadir import DataDir, Span, Utterance, read_data_dir, write_data_dir
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError

ONE = Utterance("a-1", "a", Path("/audio/a-1.wav"), ("GO", "ON"), (("G", "OW"), ("AA", "N")))
LONG = Utterance("b-1", "b", Path("/audio/b-1.wav"), ("GO",) * 11, (("G", "OW"),) * 11)
PLAIN = [replace(ONE, canonical=None), replace(LONG, canonical=None)]


@pytest.fixture
def written(tmp_path):
    def write(*utterances: Utterance) -> Path:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        (tmp_path / "data").mkdir()
        write_data_dir(tmp_path / "data", DataDir({u.key: u for u in utterances}))
        return tmp_path / "data"

    return write


@pytest.mark.parametrize(
    "utterances",
    [
        PLAIN,
        [ONE, LONG],
        [PLAIN[0], LONG],
        [replace(u, span=Span("r", 0.5, 1.25), audio=Path("/r.wav")) for u in PLAIN],
        [replace(u, prompt="what?") for u in PLAIN],
        [replace(u, prompt="what?", words=()) for u in PLAIN],
    ],
)
def test_they_are_the_same_in_the_same_order(utterances, written):
    data = written(*utterances)
    found = read_utterances(data)
    assert not isinstance(found, dict)  # read in little memory
    assert dict(found) == read_data_dir(data).utterances == {u.key: u for u in utterances}
    assert list(found.values()) == utterances and len(found) == 2
    assert found["b-1"] == utterances[1] and "b-2" not in found


@pytest.mark.parametrize("name", ["text", "wav.scp", "utt2spk", "canonical"])
def test_a_directory_in_another_order_is_read_at_once(name, written):
    data = written(ONE, LONG)
    lines = (data / name).read_text().splitlines(keepends=True)
    (data / name).write_text("".join(reversed(lines)))
    assert read_utterances(data) == read_data_dir(data).utterances


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("utt2spk", "a-1 a\n", "utt2spk: lacks utterance b-1, which"),
        ("canonical", "a-1.0 G OW\n", "canonical: a-1: 1 words with phones, 2 words in text"),
        ("canonical", "a-1.0 X\n", "canonical: a-1.0: not phones of a word: X"),
        ("text", "a-1 GO\na-1 ON\n", "text:2: duplicate key a-1"),
    ],
)
def test_errors_are_those_of_the_directory(name, content, message, written):
    data = written(ONE, LONG)
    (data / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_utterances(data)
    with pytest.raises(InputError, match=message):
        read_data_dir(data)
