"""Alignments of copies at another speed."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscorer.alignment.scale_alignment import scale_alignment, scale_segments
from pyscorer.contract.ctm import Segment, read_ctm, write_ctm
from pyscorer.contract.files import write_table
from pyscorer.errors import InputError


def test_times_are_divided_by_the_speed() -> None:
    segments = [Segment("AH", 0, 9), Segment("T", 9, 9), Segment("SIL", 20, 7)]
    slow = [Segment("AH", 0, 10), Segment("T", 10, 10), Segment("SIL", 22, 8)]
    assert scale_segments(segments, 0.9) == slow


@given(st.lists(st.integers(1, 30), min_size=1), st.floats(0.5, 2))
def test_what_touched_still_touches_and_nothing_vanishes(lengths: list[int], speed: float) -> None:
    segments, start = [], 0
    for length in lengths:
        segments.append(Segment("AH", start, length))
        start += length
    scaled = scale_segments(segments, speed)
    assert all(s.length >= 1 for s in scaled)
    assert all(a.end == b.start for a, b in pairwise(scaled))
    # A segment that keeps its one frame pushes those after it.
    assert abs(scaled[-1].end - start / speed) <= 1 + len(lengths)


def test_copies_get_the_alignment_of_their_originals(tmp_path: Path) -> None:
    for name in ("phones.ctm", "words.ctm"):
        lines = {"a": [Segment("X", 0, 11)], "b": [Segment("X", 3, 11)]}
        write_ctm(tmp_path / "ali" / name, lines.items())
    write_table(tmp_path / "data/utt2uniq", {"sp1.1-b": "b"})
    scale_alignment(tmp_path / "data", tmp_path / "ali", tmp_path / "out", 1.1)
    for name in ("phones.ctm", "words.ctm"):
        assert list(read_ctm(tmp_path / "out" / name)) == [("sp1.1-b", [Segment("X", 3, 10)])]
    write_table(tmp_path / "data/utt2uniq", {"sp1.1-c": "c"})
    with pytest.raises(InputError, match=r"words\.ctm: 1 of the 1 .* first c"):
        scale_alignment(tmp_path / "data", tmp_path / "ali", tmp_path / "out", 1.1)
