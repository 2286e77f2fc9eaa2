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
        ("a 1 0.00 0.10 AA\na 1 0.05 0.10 B\n", "ctm:2: a: starts before"),
        ("a 1 0 1 AA\nb 1 0 1 AA\na 1 1 1 B\n", "ctm:3: utterance a stands in two places"),
    ],
)
def test_a_bad_ctm_is_named_by_line(tmp_path, lines, message):
    (tmp_path / "ctm").write_text(lines)
    with pytest.raises(InputError, match=message):
        list(read_ctm(tmp_path / "ctm"))
