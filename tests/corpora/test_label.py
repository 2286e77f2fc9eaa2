"""Stage label: a valid data directory with the labels of today, and nothing else of today."""

from pathlib import Path

import pytest

from pyscorer.contract.classes import read_classes, read_response_labels
from pyscorer.contract.datadir import read_data_dir, read_labels
from pyscorer.corpora import sample, spoken_sample
from pyscorer.corpora.label import label
from pyscorer.corpora.prepare import PrepareOptions, prepare
from pyscorer.corpora.synthesis import SampleOptions
from pyscorer.corpora.validate import ValidateOptions, validate
from pyscorer.errors import InputError

SMALL = SampleOptions(speakers=12, natives=0, utterances=1)
RIGHT = "language and meaning correct"


def valid(root: Path, corpus: str) -> Path:
    """The valid data directory of the train split."""
    prepared, data = root / "prepared", root / "data"
    prepare(corpus, "train", prepared, PrepareOptions(), root)
    validate(*(prepared, prepared / "lexicon.txt", data, root / "faults.csv"), ValidateOptions())
    return data


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    spoken_sample.generate(root / "spoken_sample", SMALL, jobs=2)
    return root, valid(root, "spoken_sample")


def test_without_an_edit_it_is_the_same_directory(made, tmp_path):
    root, data = made
    label(data, "spoken_sample", "train", tmp_path / "new" / "out", root)
    files = sorted(p.name for p in data.iterdir())
    assert sorted(p.name for p in (tmp_path / "new" / "out").iterdir()) == files
    for name in files:
        assert (tmp_path / "new" / "out" / name).read_bytes() == (data / name).read_bytes(), name
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["out"], "nothing is left behind"


def test_an_edited_label_comes_in_and_an_utterance_that_was_dropped_does_not(made, tmp_path):
    root, data = made
    source = root / "spoken_sample" / "train" / "response_labels.csv"
    before = source.read_text()
    keys = list(read_data_dir(data).utterances)
    kept = tmp_path / "data"
    kept.mkdir()
    for file in data.iterdir():  # without the last utterance
        lines = file.read_text().splitlines(keepends=True)
        (kept / file.name).write_text("".join(x for x in lines if keys[-1] not in x))
    lines = [f"{k},{RIGHT}" for k in keys]
    source.write_text("\n".join(["utterance,class", *lines]) + "\n")
    try:
        label(kept, "spoken_sample", "train", tmp_path / "out", root)
    finally:
        source.write_text(before)
    found = read_response_labels(tmp_path / "out", read_classes(tmp_path / "out"))
    assert found == dict.fromkeys(keys[:-1], 0)
    assert list(read_data_dir(tmp_path / "out").utterances) == keys[:-1]


def test_a_label_that_is_none_is_named(made, tmp_path):
    root, data = made
    source = root / "spoken_sample" / "train" / "response_labels.csv"
    before = source.read_text()
    source.write_text(before.replace(RIGHT, "splendid", 1))
    try:
        with pytest.raises(InputError, match="splendid is not one of"):
            label(data, "spoken_sample", "train", tmp_path / "out", root)
    finally:
        source.write_text(before)
    assert not (tmp_path / "out").exists()


def test_scores_are_labels(tmp_path):
    sample.generate(tmp_path / "sample", SMALL, jobs=2)
    data = valid(tmp_path, "sample")
    table = tmp_path / "sample" / "train" / "utterance_scores.csv"
    header, first, *rest = table.read_text().splitlines()
    at = header.split(",").index("total")
    cells = first.split(",")
    cells[at] = "3" if cells[at] != "3" else "4"
    table.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    label(data, "sample", "train", tmp_path / "out", tmp_path)
    old, new = (read_labels(folder, "utterance") for folder in (data, tmp_path / "out"))
    changed = old.set_index("utterance").compare(new.set_index("utterance"))
    assert list(changed.index) == [cells[0]] and set(changed.columns.droplevel(1)) == {"total"}
    assert read_labels(tmp_path / "out", "phone").equals(read_labels(data, "phone"))
