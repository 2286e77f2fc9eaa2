import pytest

from pyscorer.contract.classes import (
    ACCEPTED,
    Classes,
    check_classes,
    read_classes,
    read_response_labels,
    write_classes,
)
from pyscorer.contract.scales import SPEECHOCEAN, make_scales, read_scales, write_scales
from pyscorer.errors import InputError


def test_without_the_file_scales_are_those_of_speechocean762(tmp_path):
    assert read_scales(tmp_path) == SPEECHOCEAN
    assert SPEECHOCEAN.overall == "total"
    assert SPEECHOCEAN.level("rater") == SPEECHOCEAN.level("utterance")


def test_scales_are_read_as_they_were_written(tmp_path):
    scales = make_scales(
        {"utterance": {"flow": [1, 5], "range": [-1, 1]}, "child_below": None}, "manifest"
    )
    write_scales(tmp_path, scales)
    assert read_scales(tmp_path) == scales
    assert scales.overall is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"utterance": {"flow": [5, 1]}}, "utterance flow: 5 to 1 is no range"),
        ({"utterance": {"flow": [1]}}, "utterance.flow"),
        ({"utterance": {"two words": [1, 2]}}, "two words"),
        ({"utterance": {}, "phone": {"a": [0, 1], "b": [0, 1]}}, "phone"),
        ({"utterance": {"flow": [0, 1]}, "overall_aspect": "x"}, "x is no utterance aspect"),
    ],
)
def test_scales_that_are_none_are_refused(content, fault):
    with pytest.raises(InputError, match=f"manifest: .*{fault}"):
        make_scales(content, "manifest")


def test_classes_and_labels(tmp_path):
    write_classes(tmp_path, ACCEPTED)
    assert read_classes(tmp_path) == ACCEPTED
    labels = tmp_path / "response_labels.csv"
    labels.write_text("utterance,class\na,accepted\nb,\nc,rejected\n")
    assert read_response_labels(tmp_path, ACCEPTED) == {"a": 0, "c": 1}
    labels.write_text("utterance,class\na,accepted\nb,fine\n")
    with pytest.raises(InputError, match="csv:3: b: class fine is not one of: accepted, rejected"):
        read_response_labels(tmp_path, ACCEPTED)
    labels.write_text("utterance,class\na,accepted\na,accepted\n")
    with pytest.raises(InputError, match="csv:3: a: stands already in line 2"):
        read_response_labels(tmp_path, ACCEPTED)


@pytest.mark.parametrize("names", [("A1",), ("A1", "A1"), ("A1", "")])
def test_levels_need_two_names(names):
    with pytest.raises(InputError, match="at least two"):
        check_classes(Classes("levels", names), "x")
