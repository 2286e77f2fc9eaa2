import math
from itertools import chain
from pathlib import Path

import pytest

from pyscorer.errors import InputError
from pyscorer.recognition.language_model import grammar_fst, read_arpa, vocabulary, write_arpa

TEXT = [["A", "B"], ["A", "C"], ["B"]]


def read(path: Path) -> dict[tuple[str, ...], tuple[float, float]]:
    """N-gram -> probability and back-off weight."""
    table = {}
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        if len(fields) > 1:
            weight = 10 ** float(fields[2]) if len(fields) > 2 else 1.0
            table[tuple(fields[1].split())] = 10 ** float(fields[0]), weight
    return table


def probability(table, words: tuple[str, ...]) -> float:
    """Katz back-off, as every reader of ARPA files computes it."""
    if words in table:
        return table[words][0]
    return table.get(words[:-1], (0, 1.0))[1] * probability(table, words[1:])


def test_witten_bell_by_hand(tmp_path: Path):
    write_arpa(tmp_path / "lm.arpa", TEXT, 2)
    table = read(tmp_path / "lm.arpa")
    # A follows <s> in 2 of 3 sentences; 2 words are seen after <s>, so g = 2 / (2 + 3).
    # A is 2 of 8 words, sentence ends counted.
    assert table["A",][0] == pytest.approx(2 / 8, rel=1e-5)
    assert table["<s>", "A"][0] == pytest.approx(3 / 5 * 2 / 3 + 2 / 5 * 2 / 8, rel=1e-5)
    assert table["<s>",] == (pytest.approx(1e-99), pytest.approx(2 / 5, rel=1e-5))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_probabilities_after_every_history_sum_to_one(tmp_path: Path, order: int):
    write_arpa(tmp_path / "lm.arpa", TEXT, order)
    table = read(tmp_path / "lm.arpa")
    words = {*chain(*TEXT), "</s>"}
    for history in [(), ("<s>",), ("A",), ("<s>", "A"), ("A", "B"), ("C", "C")][: 2 * order]:
        total = sum(probability(table, (*history, word)) for word in words)
        assert total == pytest.approx(1, abs=1e-5), history


def test_a_written_file_is_whole_and_makes_a_grammar_of_its_sentences(tmp_path: Path):
    write_arpa(tmp_path / "lm.arpa", TEXT, 2)
    ngrams = read_arpa(tmp_path / "lm.arpa")
    assert vocabulary(ngrams) == ["A", "B", "C"]
    symbols = ["<eps>", "A", "B", "C", "#0", "<s>", "</s>"]
    grammar = grammar_fst(ngrams, {symbol: i for i, symbol in enumerate(symbols)})
    assert grammar.start >= 0
    table = read(tmp_path / "lm.arpa")
    state, cost = grammar.start, 0.0
    for word in (1, 2):  # A B: both bigrams are there, so no back-off arc is taken
        (arc,) = (a for a in arcs(grammar, state) if a.ilabel == word)
        state, cost = arc.nextstate, cost + arc.weight.value
    cost += grammar.final(state).value
    expected = math.log(table["<s>", "A"][0] * table["A", "B"][0] * table["B", "</s>"][0])
    assert -cost == pytest.approx(expected, abs=1e-4)


def arcs(fst, state):
    import kaldifst

    return list(kaldifst.ArcIterator(fst, state))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\end\\", "", "cut short"),
        ("ngram 2=", "ngram 2=1", "2-grams, 1"),
        ("\\data\\", "", r"no .data. section"),
        ("\t<s> A", "\t<s> A B C", "not a 2-gram"),
        ("\\1-grams:\n", "\\1-grams:\nnan\tX\n", "not a 1-gram"),
        ("ngram 1=", "ngram x=", "expected `ngram N=COUNT`"),
    ],
)
def test_garbled_files_are_named_with_their_line(tmp_path: Path, old: str, new: str, message: str):
    write_arpa(tmp_path / "lm.arpa", TEXT, 2)
    path = tmp_path / "bad.arpa"
    text = (tmp_path / "lm.arpa").read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=r"bad\.arpa.*" + message):
        read_arpa(path)


def test_no_text_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no text"):
        write_arpa(tmp_path / "lm.arpa", [], 3)
