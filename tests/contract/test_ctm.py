import pytest

from pyscorer.contract.ctm import Segment, read_ctm, write_ctm
from pyscorer.errors import InputError


def test_ctm_comes_back_as_written(tmp_path):
    alignments = [
        ("a", [Segment("SIL", 0, 29), Segment("AA", 29, 3)]),
        ("b", [Segment("T", 1357, 11), Segment("T", 1368, 9)]),
    ]
    write_ctm(tmp_path / "phones.ctm", alignments)
    assert (tmp_path / "phones.ctm").read_text().splitlines()[1] == "a 1 0.29 0.03 AA"
    assert list(read_ctm(tmp_path / "phones.ctm")) == alignments


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a 1 0.00 AA\n", "ctm:1: not `utterance channel start duration label`"),
        ("a 1 zero 0.1 AA\n", "ctm:1: not `utterance"),
        ("a 1 nan 0.1 AA\n", "ctm:1: not `utterance"),
        ("a 1 0 inf AA\n", "ctm:1: not `utterance"),
        ("a 1 -0.1 0.2 AA\n", "ctm:1: not `utterance"),
        ("a 1 0.1 -0.2 AA\n", "ctm:1: not `utterance"),
        ("a 1 1e9 0.2 AA\n", "ctm:1: not `utterance"),
        ("a 1 0 0.2 AA 0.9 lex spk\n", "ctm:1: not `utterance"),
        ("a 1 0 1 SIL\na 1 1 0.00 AA\n", "ctm:2: a: AA lasts 0.00 s, less than a frame"),
        ("a 1 0 1 SIL\na 2 1 1 AA\n", "ctm:2: a: channel 2 after channel 1"),
        ("a 1 1 1 B\na 1 0 1 AA\n", "ctm:2: a: starts before"),
        ("a 1 0.00 0.10 AA\na 1 0.05 0.10 B\n", "ctm:2: a: starts before"),
        ("a 1 0 1 AA\nb 1 0 1 AA\na 1 1 1 B\n", "ctm:3: utterance a stands in two places"),
    ],
)
def test_a_bad_ctm_is_named_by_line(tmp_path, lines, message):
    (tmp_path / "ctm").write_text(lines)
    with pytest.raises(InputError, match=message):
        list(read_ctm(tmp_path / "ctm"))


def test_comments_and_blank_lines_are_passed_over_and_a_sixth_column_is_the_confidence(tmp_path):
    lines = [";; made by another aligner", "a A 0.10 0.20 AA 0.97", "", "a A 0.3 0.1 B NA", "  "]
    (tmp_path / "ctm").write_text("\n".join(lines))
    assert list(read_ctm(tmp_path / "ctm")) == [
        ("a", [Segment("AA", 10, 20, 0.97), Segment("B", 30, 10)])
    ]


def test_segments_that_meet_in_milliseconds_meet_in_frames(tmp_path):
    (tmp_path / "ctm").write_text("a 1 0.006 0.012 AA\na 1 0.018 0.013 B\na 1 0.031 0.110 C\n")
    ((_, segments),) = read_ctm(tmp_path / "ctm")
    assert [(s.start, s.end) for s in segments] == [(1, 2), (2, 3), (3, 14)]
