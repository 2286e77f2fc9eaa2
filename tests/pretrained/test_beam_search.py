"""Beam search with a tiny Whisper of random weights, held against greedy and exhaustive search."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from made_whisper import MELS, tiny, write_model, write_tokenizer

from pyscorer.pretrained.beam_search import beam_search
from pyscorer.pretrained.recogniser import Recogniser, load_recogniser
from pyscorer.pretrained.whisper import Memory
from pyscorer.pretrained.word_times import cut_in_order, token_bounds


@pytest.fixture
def recogniser(tmp_path: Path) -> Recogniser:
    folder = write_model(tmp_path / "model", tiny(words=305, longest_text=60))
    write_tokenizer(folder)
    return load_recogniser(folder)


def memories(recogniser: Recogniser, recordings: int, seed: int = 0) -> list[Memory]:
    torch.manual_seed(seed)
    model = recogniser.model
    return model.memories(model.encode(torch.randn(recordings, 40, MELS))[-1])


def keeping(recogniser: Recogniser, tokens: list[int]) -> Recogniser:
    """A recogniser that allows these tokens alone, and the end."""
    found = Recogniser(recogniser.model, recogniser.tokens)
    found.never[:] = True
    found.never[[*tokens, recogniser.tokens.end]] = False
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_of_one_is_greedy(recogniser: Recogniser, seed: int):
    heard, limits = memories(recogniser, 3, seed), [2, 2, 2]
    greedy = recogniser.transcribe(heard, limits)
    for one, search in zip(greedy, beam_search(recogniser, heard, limits, 1), strict=True):
        (candidate,) = search.candidates
        assert list(candidate.tokens) == one.tokens
        np.testing.assert_allclose(candidate.log_probabilities, one.log_probabilities, atol=1e-4)


def test_a_wide_beam_finds_the_best_of_all_texts(recogniser: Recogniser):
    words = [67, 70, 90]
    limited, end = keeping(recogniser, words), recogniser.tokens.end
    heard = memories(recogniser, 2)
    texts = [list(t) for n in (1, 2, 3) for t in itertools.product(words, repeat=n)]
    texts = [[*text, end] if len(text) < 3 else text for text in texts]
    for i, search in enumerate(beam_search(limited, heard, [3, 3], 27)):
        own = [(keys[i : i + 1], values[i : i + 1]) for keys, values in heard]
        means = {
            tuple(t for t in text if t != end): float(
                limited.likelihoods(own, [text])[0][:, 0].mean()
            )
            for text in texts
        }
        ranked = sorted(means, key=lambda text: -means[text])
        assert [one.tokens for one in search.candidates] == ranked[:27]
        found = [one.mean for one in search.candidates]
        assert found == pytest.approx([means[text] for text in ranked[:27]], abs=1e-4)


def test_recordings_decoded_together_give_what_each_gives_alone(recogniser: Recogniser):
    heard = memories(recogniser, 3)
    together = beam_search(recogniser, heard, [4, 1, 6], 3)
    for i, limit in enumerate((4, 1, 6)):
        own = [(keys[i : i + 1], values[i : i + 1]) for keys, values in heard]
        (alone,) = beam_search(recogniser, own, [limit], 3)
        assert [c.tokens for c in alone.candidates] == [c.tokens for c in together[i].candidates]
        assert all(1 <= len(c.tokens) <= limit for c in alone.candidates)
        assert len({c.tokens for c in alone.candidates}) == len(alone.candidates)


def test_nothing_is_said_for_ever(recogniser: Recogniser):
    word, other = 67, 70
    limited = keeping(recogniser, [word, other])
    with torch.no_grad():  # the end is out of reach, and one word far likelier than the other
        bias = torch.zeros(limited.model.config.vocabulary)
        bias[word], bias[limited.tokens.end] = 50, -50
        decode = limited.model.decode
        limited.model.decode = lambda *a: decode(*a) + bias  # type: ignore[method-assign]
        (search,) = beam_search(limited, memories(recogniser, 1), [40], 1)
    said = "".join("a" if token == word else "b" for token in search.candidates[0].tokens)
    assert len(said) == 40 and said.startswith("aaab")
    for size in range(1, 9):
        assert not any(said[i : i + size] * 4 == said[i : i + 4 * size] for i in range(40))


def test_the_cut_that_gains_most_by_hand():
    gains = np.array(
        [[1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 5.0, 0.5, 3.0, 0.0], [0.0, 0.0, 0.0, 9.0, 0.1]]
    )
    assert cut_in_order(gains).tolist() == [0, 1, 3, 5]
    assert cut_in_order(gains[:, :2]).tolist() == [0, 1, 1, 2]
    assert cut_in_order(gains[:1]).tolist() == [0, 5]


def test_a_cut_is_the_best_of_all():
    gains = np.random.default_rng(0).normal(size=(4, 9))
    cuts = itertools.combinations(range(1, 9), 3)
    best = max(
        ([0, *cut, 9] for cut in cuts),
        key=lambda b: sum(gains[i, b[i] : b[i + 1]].sum() for i in range(4)),
    )
    assert cut_in_order(gains).tolist() == best


def test_tokens_follow_each_other_within_the_speech(recogniser: Recogniser):
    texts = [[67, 70, 90], [67]]
    first, second = token_bounds(recogniser, memories(recogniser, 2), texts, [20, 12])
    assert len(first) == 4 and len(second) == 2
    assert first[0] == second[0] == 0
    assert (np.diff(first) > 0).all() and first[-1] < 20 and second[-1] < 12
