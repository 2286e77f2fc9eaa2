import pytest

from pyscorer.contract.ctm import Segment
from pyscorer.contract.decoded import Alternative, Decoded, read_decoded, write_decoded
from pyscorer.errors import InputError

HEARD = [
    Decoded(
        "a",
        (Segment("GOOD", 10, 20, 0.9), Segment("DAY", 40, 15, 0.25)),
        (Alternative(("GOOD", "DAY"), -3.5), Alternative(("GOOD",), -7.25)),
    ),
    Decoded("b", ()),
    Decoded("c", (Segment("YES", 0, 8, 1.0),), (Alternative(("YES",), -1.0),)),
]


def test_what_was_heard_is_read_as_it_was_written(tmp_path):
    write_decoded(tmp_path, HEARD)
    assert (tmp_path / "hyp.text").read_text() == "a GOOD DAY\nb\nc YES\n"
    assert (tmp_path / "words.ctm").read_text().splitlines()[1] == "a 1 0.40 0.15 DAY 0.2500"
    assert list(read_decoded(tmp_path)) == HEARD


def test_files_of_two_runs_are_not_taken_for_one(tmp_path):
    write_decoded(tmp_path, HEARD)
    (tmp_path / "hyp.text").write_text("a GOOD NIGHT\nb\nc YES\n")
    with pytest.raises(InputError, match=r"words\.ctm: a: words GOOD DAY, hyp\.text has GOOD NIGH"):
        list(read_decoded(tmp_path))
    (tmp_path / "hyp.text").write_text("a GOOD DAY\nb\n")
    with pytest.raises(InputError, match=r"words\.ctm: utterance c is not in hyp\.text"):
        list(read_decoded(tmp_path))
