import numpy as np
import pytest

from pyscorer.contract.classes import (
    ACCEPTED,
    Classes,
    check_classes,
    read_classes,
    read_response_labels,
    write_classes,
)
from pyscorer.contract.scales import (
    SPEECHOCEAN,
    check_same,
    from_unit,
    make_scales,
    read_scales,
    to_unit,
    write_scales,
)
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
        ({"utterance": {"word": [1, 2]}}, "utterance word: the name of a column"),
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


OWN = make_scales(
    {"utterance": {"flow": [1, 5], "range": [-1, 1]}, "word": {"clarity": [0, 100]}}, "own"
)


def test_scores_are_shares_of_their_range():
    # 1..5: a quarter of the way is 2; -1..1: the middle is 0.
    assert to_unit(np.array([1.0, 2.0, 5.0]), (1, 5)).tolist() == [0, 0.25, 1]
    assert from_unit(np.array([0.25, 0.5]), (-1, 1)).tolist() == [-0.5, 0]
    scores = np.float32([0, 0.7, 3.3, 10])
    # What is divided by its top, as ever, to the bit.
    assert (to_unit(scores, (0.0, 10.0)) == scores / 10.0).all()
    assert (from_unit(scores, (0.0, 2.0)) == scores * 2.0).all()


def test_the_mean_of_all_puts_each_aspect_on_the_range_of_the_first():
    scores = np.array([[2.0, 0.0], [np.nan, 1.0], [3.0, np.nan], [np.nan, np.nan]])
    # Shares .25 and .5: .375 of 1..5 is 2.5. One alone counts for all: 1 of -1..1 is 5.
    found = OWN.overall_scores("utterance", scores)
    np.testing.assert_allclose(found, [2.5, 5, 3, np.nan])
    named = make_scales(
        {"utterance": OWN.utterance, "overall_aspect": "range"}, "own"
    ).overall_scores("utterance", scores)
    # The aspect itself; where it is missing, flow 3, half of its range, as `range` has it.
    np.testing.assert_allclose(named, [0, 1, 0, np.nan])


def test_what_stands_for_all_comes_first_and_one_alone_does():
    assert list(SPEECHOCEAN.shown("utterance"))[:2] == ["total", "accuracy"]
    assert list(SPEECHOCEAN.shown("word")) == ["total", "accuracy", "stress"]
    assert OWN.overall_of("utterance") is None and OWN.overall_of("word") == "clarity"
    assert list(OWN.shown("utterance")) == ["flow", "range"]


def test_an_aspect_is_chosen_by_name_or_stands_for_all():
    assert SPEECHOCEAN.chosen(None, "data") == "total"
    assert SPEECHOCEAN.chosen("fluency", "data") == "fluency"
    with pytest.raises(InputError, match=r"data: no aspect tempo; choose one of: flow \(1 to 5\)"):
        OWN.chosen("tempo", "data")
    with pytest.raises(
        InputError, match="data: no aspect that stands for all; choose one of: flow"
    ):
        OWN.chosen(None, "data")
    words = make_scales({"utterance": {}, "word": {"clarity": [0, 100]}}, "own")
    with pytest.raises(InputError, match="none is scored"):
        words.chosen(None, "data")


def test_age_groups_are_cut_where_the_scales_say():
    young = make_scales({"utterance": {}, "child_below": 12}, "own")
    assert [young.age_group(age) for age in ("11", "12", None)] == ["child", "adult", "unknown"]
    alike = make_scales({"utterance": {}, "child_below": None}, "own")
    assert alike.age_group("11") is None


def test_directories_of_other_scales_do_not_go_together(tmp_path):
    for name, scales in (("one", OWN), ("two", OWN), ("other", SPEECHOCEAN)):
        write_scales(tmp_path / name, scales)
    assert check_same(tmp_path / "one", tmp_path / "two") == OWN
    with pytest.raises(
        InputError, match=r"other: utterance scores: accuracy 0 to 10, .*flow 1 to 5"
    ):
        check_same(tmp_path / "one", tmp_path / "other")
