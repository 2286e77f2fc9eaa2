"""n-gram models, edits, bags and word vectors on cases worked out by hand."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscorer.errors import InputError
from pyscorer.proficiency import bags, ngram, vectors
from pyscorer.proficiency.edits import Edit, align, closest, distance, marked, word_cost

TEXT = [["a", "b"], ["a", "c"], ["a", "b", "b"]]
words = st.lists(st.sampled_from(["i", "want", "wants", "tea", "a", "the"]), max_size=6)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_sum_to_one_after_any_history(order):
    model = ngram.train_ngram(TEXT, order)
    known = [*model.vocabulary, ngram.UNKNOWN]
    for history in (
        [ngram.START],
        [ngram.START, "a"],
        ["a", "b"],
        ["c"],
        ["never"],
        ["b", "c", "a"],
    ):
        total = sum(math.exp(ngram.word_score(model, history, w)[0]) for w in known)
        assert total == pytest.approx(1.0)


def test_bigram_worked_out_by_hand():
    model = ngram.train_ngram([["a"], ["a"], ["b"]], 2, discount=0.5)
    # <s> a twice and <s> b once: (2 - 0.5) / 3; unigrams: a 2, b 1, </s> 3 of 6.
    assert ngram.word_score(model, [ngram.START], "a") == (pytest.approx(math.log(1.5 / 3)), 0)
    # After b only </s> was seen (1 - 0.5); a backs off: 0.5 / (1 - 2.5 / 6) * 1.5 / 6.
    expected = 0.5 / (1 - 2.5 / 6) * 1.5 / 6
    assert ngram.word_score(model, ["b"], "a") == (pytest.approx(math.log(expected)), 1)


def test_five_features_of_a_sentence():
    model = ngram.train_ngram(TEXT, 2)
    total, per_word, per_known, oov, backoffs = ngram.features(model, ["a", "z"])
    scores = [
        ngram.word_score(model, [ngram.START], "a"),
        ngram.word_score(model, ["a"], "z"),
        ngram.word_score(model, ["z"], ngram.END),
    ]
    assert total == pytest.approx(sum(s for s, _ in scores))
    assert per_word == pytest.approx(total / 3)
    assert per_known == pytest.approx((scores[0][0] + scores[2][0]) / 2)
    assert oov == 1 and backoffs == sum(n for _, n in scores)
    assert ngram.features(model, [])[3] == 0
    assert all(math.isfinite(f) for f in ngram.features(ngram.train_ngram([], 3), ["x"]))


def brute_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    return min(
        brute_distance(a[1:], b[1:]) + (a[0] != b[0]),
        brute_distance(a[1:], b) + 1,
        brute_distance(a, b[1:]) + 1,
    )


@given(words, words)
def test_distance_is_levenshtein_and_its_limit_only_caps(a, b):
    exact = brute_distance(a[:4], b[:4])
    assert distance(a[:4], b[:4]) == exact
    assert min(distance(a[:4], b[:4], 2), 3) == min(exact, 3)


@given(words, words)
def test_alignment_spells_both_sides_and_its_cost_is_the_sum_of_its_steps(a, b):
    cost, edits = align(a, b)
    assert [e.reference for e in edits if e.reference] == a
    assert [e.response for e in edits if e.response] == b
    steps = [word_cost(e.reference, e.response) if e.reference and e.response else 1 for e in edits]
    assert cost == pytest.approx(sum(steps))


def test_the_closest_reference_does_not_depend_on_order():
    references = [("three", "tickets"), ("a", "ticket"), ("two", "tickets")]
    cost, edits = closest(("the", "tickets"), references)
    assert (cost, edits) == closest(("the", "tickets"), references[::-1])
    assert edits[0] == Edit("three", "the")
    assert marked(edits) == "{three>the} tickets"
    assert closest((), [("a", "tea")])[0] == 2
    assert closest(("tea",), []) == (1.0, [Edit("", "tea")])


def test_bags_and_tfidf():
    vocabulary = bags.choose_vocabulary([["b", "a"], ["a", "c"]], 2)
    assert vocabulary == ["a", "b"]
    counts = bags.bags([["a", "a", "z"], []], vocabulary)
    assert counts.tolist() == [[2, 0], [0, 0]]
    idf = bags.inverse_document_frequency(np.array([[1, 0], [1, 1]]), np.array([1.0, 3.0]))
    assert idf == pytest.approx([math.log(5 / 5) + 1, math.log(5 / 4) + 1])
    scaled = bags.tfidf(counts, idf)
    assert np.linalg.norm(scaled, axis=1) == pytest.approx([1, 0])


def test_skipgram_puts_words_of_like_context_together():
    sentences = [(["i", "drink", d, "now"], 5.0) for d in ("tea", "milk")]
    sentences += [(["we", "see", p, "there"], 5.0) for p in ("paris", "rome")]
    found = vectors.train_skipgram(sentences, dimension=8, steps=150)

    def cosine(a, b):
        return found[a] @ found[b] / np.linalg.norm(found[a]) / np.linalg.norm(found[b])

    assert cosine("tea", "milk") > cosine("tea", "rome") + 0.3
    again = vectors.train_skipgram(sentences, dimension=8, steps=150)
    assert np.array_equal(found["tea"], again["tea"])


def test_word2vec_files_text_and_binary(tmp_path):
    table = {"tea": np.array([1.5, -2], np.float32), "a": np.array([0, 1], np.float32)}
    (tmp_path / "v.txt").write_text("2 2\na 0 1\ntea 1.5 -2\n")
    binary = b"2 2\n" + b"".join(
        w.encode() + b" " + struct.pack("<2f", *v) + b"\n" for w, v in table.items()
    )
    (tmp_path / "v.bin").write_bytes(binary)
    for name in ("v.txt", "v.bin"):
        found = vectors.read_vectors(tmp_path / name, {"tea", "missing"})
        assert list(found) == ["tea"] and found["tea"].tolist() == [1.5, -2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.txt", b"nonsense\n", ":1: a word2vec file begins"),
        ("v.txt", b"1 2\ntea 1\n", ":2: expected a word and 2 numbers"),
        ("v.txt", b"1 2\ntea 1 x\n", ":2: not a number"),
        ("v.txt", b"1 2\nrum 1 2\n", "none of the corpus's words"),
        ("v.bin", b"2 2\ntea 1234", "cut off at word 1 of 2"),
    ],
)
def test_faulty_word2vec_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        vectors.read_vectors(tmp_path / name, {"tea"})


def test_sequences_mark_the_end_of_the_prompt():
    table = {"tea": np.array([1, 2], np.float32)}
    values, lengths = vectors.sequences([["tea"], []], [["tea", "zz"], []], table, marker=True)
    assert values[0].tolist() == [[1, 2, 0], [0, 0, 1], [1, 2, 0], [0, 0, 0]]
    assert lengths.tolist() == [4, 1]
    values, lengths = vectors.sequences([[]], [[]], table, marker=False)
    assert values.shape == (1, 1, 2) and lengths.tolist() == [1]
