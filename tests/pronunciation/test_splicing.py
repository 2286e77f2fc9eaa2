"""Spliced utterances keep words whole and speakers apart."""

from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.pooled import PooledSet, make_pooled
from pyscorer.errors import InputError
from pyscorer.pronunciation.splicing import (
    Splices,
    draw_splices,
    read_splices,
    splice,
    write_splices,
)

# Phones of the words of each utterance; a feature is 100 utterance + 10 word + phone.
WORDS = {"a-0": [2, 1, 3], "a-1": [1, 1], "b-0": [2], "b-1": [4, 2]}
SPEAKERS = np.array([key[0] for key in WORDS])


@pytest.fixture
def pooled() -> PooledSet:
    rows = [
        (u, w, p)
        for u, counts in enumerate(WORDS.values())
        for w, count in enumerate(counts)
        for p in range(count)
    ]
    utterance, word, phone = np.array(rows).T
    features = (100 * utterance + 10 * word + phone)[:, None].astype(np.float32)
    return make_pooled(list(WORDS), features, utterance, ["AA"] * len(rows), word, phone)


def test_words_are_taken_whole_in_the_order_asked_for(pooled: PooledSet) -> None:
    wanted = Splices(
        ["x", "y"],
        np.array([2, 3]),
        ["b-1", "a-0", "a-1"],
        np.array([0, 1, 1, 2, 1]),
        np.array([1, 2, 0, 1, 1]),
    )
    made = splice(pooled, wanted)
    assert made.keys == ["x", "y"]
    assert made.features[:, 0].tolist() == [310, 311, 20, 21, 22, 0, 1, 110, 10]
    assert made.word_index.tolist() == [0, 0, 1, 1, 1, 0, 0, 1, 2]
    assert made.phone_index.tolist() == [0, 1, 0, 1, 2, 0, 1, 0, 0]
    assert (made.phone_counts.tolist(), made.word_counts.tolist()) == ([5, 4], [2, 3])


def test_an_utterance_is_made_of_different_words_of_its_speaker(pooled: PooledSet) -> None:
    drawn = draw_splices(pooled, SPEAKERS, 5)
    assert len(set(drawn.keys)) == 20
    at = np.cumsum(drawn.counts)[:-1]
    for key, sources, words in zip(
        drawn.keys, np.split(drawn.sources, at), np.split(drawn.words, at), strict=True
    ):
        original = key.partition("-")[2]
        assert len(words) == len(WORDS[original])
        assert {drawn.names[source][0] for source in sources} == {original[0]}
        assert len(set(zip(sources, words, strict=True))) == len(words)
    assert splice(pooled, drawn).phone_counts.sum() == len(splice(pooled, drawn).features)


def test_a_table_gives_back_what_was_written(pooled: PooledSet, tmp_path: Path) -> None:
    drawn = draw_splices(pooled, SPEAKERS, 2)
    write_splices(tmp_path / "splices.csv", drawn)
    read = read_splices(tmp_path / "splices.csv")
    assert read.keys == drawn.keys
    for name in ("counts", "words"):
        assert getattr(read, name).tolist() == getattr(drawn, name).tolist()
    names = [[table.names[source] for source in table.sources] for table in (read, drawn)]
    assert names[0] == names[1]


def test_bad_tables_are_named(pooled: PooledSet, tmp_path: Path) -> None:
    for source, word in (("c-0", 0), ("a-1", 2)):
        wrong = Splices(["x"], np.array([1]), [source], np.array([0]), np.array([word]))
        with pytest.raises(InputError, match=f"no word {word} of utterance {source}"):
            splice(pooled, wrong)
    with pytest.raises(InputError, match="with --splices"):
        read_splices(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_text("utterance,word\n")
    with pytest.raises(InputError, match="no column source, word_index"):
        read_splices(tmp_path / "bad.csv")
