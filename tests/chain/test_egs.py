from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscorer.chain.egs import Aligned, Chunk, change_tempo, cut, hold_out, plan_epoch
from pyscorer.chain.egs import _features as features_of
from pyscorer.contract.ctm import Segment


def utterance(frames: int, speaker: str = "s") -> Aligned:
    half = frames // 2
    segments = (Segment("SIL", 0, half), Segment("AA", half, frames - half))
    return Aligned(f"{speaker}-{frames}", speaker, Path("feats.scp"), segments)


@pytest.mark.parametrize("frames", [1, 14, 15, 149, 150, 151, 300, 301, 3333])
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_chunks_cover_every_frame_and_are_no_wider_than_asked(frames: int, shift: int):
    chunks = cut(utterance(frames), 150, shift)
    assert len({c.width for c in chunks}) == 1
    assert chunks[0].width <= 150
    assert chunks[0].width % 15 == 0
    assert chunks[0].start == -shift
    covered = set()
    for chunk in chunks:
        covered |= set(range(chunk.start, chunk.start + chunk.width))
    assert covered >= set(range(frames))
    # at most one width step of a chunk is not its own
    assert len(chunks) * chunks[0].width - (frames + shift) < 15 * len(chunks)


def test_an_utterance_of_334_frames_by_hand():
    """Three chunks, of 334 / 3 rounded up to 120, from 0, (334 - 120) / 2 and 334 - 120."""
    assert [(c.start, c.width) for c in cut(utterance(334), 150)] == [
        (0, 120),
        (107, 120),
        (214, 120),
    ]


def test_an_epoch_has_every_chunk_once_in_minibatches_of_one_width():
    utterances = [utterance(n) for n in range(40, 440, 7)]
    batches = plan_epoch(utterances, 150, 8, np.random.default_rng(3))
    assert sum(len(b) != 8 for b in batches) <= 1
    for batch in batches:
        assert len({c.width for c in batch}) == 1
    for u in utterances:
        frames = {
            t
            for batch in batches
            for c in batch
            if c.utterance is u
            for t in range(c.start, c.start + c.width)
        }
        assert frames >= set(range(u.frames))


def test_epochs_differ_and_are_drawn_by_their_generator_alone():
    utterances = [utterance(n) for n in range(40, 440, 7)]
    one, again, other = (
        plan_epoch(utterances, 150, 8, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_validation_is_in_order_and_unshifted():
    utterances = [utterance(n) for n in (100, 100, 160, 160)]
    batches = plan_epoch(utterances, 150, 8, None)
    assert [[(c.start, c.width) for c in b] for b in batches] == [
        [(0, 90), (70, 90)] * 2,
        [(0, 105)] * 2,
    ]


def test_widened_chunks_stay_in_the_utterance_if_it_is_long_enough():
    """500 frames make two chunks of 255, the others one of 45 and one of 300: all become 300."""
    long, short = utterance(500), utterance(40)
    (batch,) = plan_epoch([long, short, utterance(290)], 300, 5, np.random.default_rng(0))
    assert [c.width for c in batch] == [300] * 4
    starts = sorted(c.start for c in batch if c.utterance is long)
    assert -2 <= starts[0] <= 0
    assert starts[1] == 500 - 300
    (start,) = (c.start for c in batch if c.utterance is short)
    assert -2 <= start <= 0


def test_speakers_are_held_out_whole():
    utterances = [utterance(n, f"s{n % 10}") for n in range(20, 80)]
    train, valid = hold_out(utterances, 0.2, seed=1)
    assert len({u.speaker for u in valid}) == 2
    assert not {u.speaker for u in train} & {u.speaker for u in valid}
    assert len(train) + len(valid) == len(utterances)
    assert hold_out(utterances, 0.2, seed=1) == (train, valid)
    assert hold_out(utterances, 0.2, seed=2) != (train, valid)


def test_another_tempo_stretches_phones_and_features():
    """A ramp stays a ramp: frame t of the stretched utterance is frame t / factor of the old."""
    ramp = np.arange(40, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    segments = (Segment("SIL", 0, 10), Segment("AA", 10, 20), Segment("B", 30, 10))
    slow = change_tempo(Aligned("u", "s", Path("feats.scp"), segments), 1.5)
    assert slow.segments == (Segment("SIL", 0, 15), Segment("AA", 15, 30), Segment("B", 45, 15))
    assert (slow.frames, slow.recorded) == (60, 40)
    rows = features_of(ramp, Chunk(slow, 0, 60), 20, 0)
    assert rows.shape == (58, 3)
    np.testing.assert_allclose(rows[:, 0], np.arange(58) * 39 / 59 - 19.5, atol=1e-4)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30), st.floats(0.5, 1.5))
def test_a_phone_keeps_the_frames_of_an_output_frame(lengths: list[int], factor: float):
    ends = np.cumsum(lengths).tolist()
    segments = tuple(
        Segment("AA", end - length, length) for end, length in zip(ends, lengths, strict=True)
    )
    changed = change_tempo(Aligned("u", "s", Path("feats.scp"), segments), factor).segments
    assert all(a.end == b.start for a, b in pairwise(changed)) and changed[0].start == 0
    assert all(
        after.length >= min(before.length, 3)
        for before, after in zip(segments, changed, strict=True)
    )
    assert changed[-1].end >= round(ends[-1] * factor)


def test_tempo_is_drawn_anew_for_every_utterance_and_seeded():
    utterances = [utterance(300, f"s{i}") for i in range(20)]
    plans = [
        plan_epoch(utterances, 150, 8, np.random.default_rng(seed), tempo=0.1) for seed in (1, 1, 2)
    ]
    assert plans[0] == plans[1] != plans[2]
    lengths = {chunk.utterance.frames for batch in plans[0] for chunk in batch}
    assert len(lengths) > 10 and min(lengths) >= 270 and max(lengths) <= 330
