"""What was spoken and what was labelled change apart from each other."""

import os
from pathlib import Path

import pytest
import yaml

from pyscorer.corpora.manifests import MANIFESTS, load_manifest
from pyscorer.corpora.sources import (
    Part,
    newest,
    note,
    recordings,
    sources,
    write_recordings,
)

THEN, LATER = 1_600_000_000, 1_600_000_100


def at(path: Path, content: str, when: int = THEN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (when, when))
    return path


def time_of(path: Path) -> int:
    return int(path.stat().st_mtime)


def test_labels_of_a_published_corpus_are_the_files_that_its_manifest_names():
    found = sources(load_manifest("speechocean762", MANIFESTS), Path("s"), "train")
    assert found.labels.files == (Path("s/resource/scores.json"), Path("s/resource/raters.json"))
    assert Path("s/train/text") in found.spoken.files
    assert Path("s/test/text") not in found.spoken.files
    assert not set(found.labels.files) & set(found.spoken.files)


def test_a_split_by_rule_is_read_from_those_that_it_is_of():
    manifest = load_manifest("speechocean762_acceptance", MANIFESTS)
    for split, text in (("acoustic", "train/text"), ("train", "train/text"), ("test", "test/text")):
        files = sources(manifest, Path("s"), split).spoken.files
        assert [f for f in files if f.name == "text"] == [Path("s") / text]
        assert manifest.path in files  # its rules decide


def test_the_time_is_that_of_the_newest(tmp_path):
    one, other = at(tmp_path / "a", "x"), at(tmp_path / "b", "y", LATER)
    assert newest([one, other, tmp_path / "absent"]) == LATER * 10**9
    assert newest([]) == newest([tmp_path / "absent"]) == 0
    note(tmp_path / "changes", Part((one,)), [other])
    assert time_of(tmp_path / "changes") == LATER


def test_what_is_right_already_is_not_touched(tmp_path):
    note(tmp_path / "changes", Part((at(tmp_path / "a", "x"),)))
    before = (tmp_path / "changes").stat()
    note(tmp_path / "changes", Part((tmp_path / "a",)))
    assert (tmp_path / "changes").stat().st_ino == before.st_ino


def test_audio_that_comes_to_be_known_is_no_change(tmp_path):
    """The first run does not know yet which recordings a split has."""
    text, wav = at(tmp_path / "text", "x", LATER), at(tmp_path / "wav", "y", THEN)
    note(tmp_path / "changes", Part((text,)))
    note(tmp_path / "changes", Part((text,)), [wav])
    assert time_of(tmp_path / "changes") == LATER


@pytest.fixture
def table(tmp_path):
    manifest = {
        "name": "mine", "table": "mine.csv",
        "columns": {"audio": "file", "speaker": "who", "split": "part", "prompt": "asked"},
        "scores": {"fluency": {"column": "fluent", "range": [1, 5]}},
        "classes": {"kind": "accepted", "column": "ok", "accepted": ["yes"], "rejected": ["no"]},
        "splits": {"train": {}, "test": {}},
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(manifest))
    os.utime(tmp_path / "mine.yaml", (THEN, THEN))
    at(tmp_path / "mine.csv", "file,who,part,asked,fluent,ok\na.wav,ann,train,tea,3,yes\n")
    loaded = load_manifest("mine", tmp_path)
    return tmp_path / "mine.csv", sources(loaded, tmp_path, "train")


@pytest.mark.parametrize(
    ("old", "new", "spoken", "labels"),
    [("yes", "no", THEN, LATER), (",3,", ",4,", THEN, LATER), ("tea", "milk", LATER, THEN)],
)
def test_a_table_has_columns_of_both(table, tmp_path, old, new, spoken, labels):
    path, parts = table
    for name in ("spoken", "labels"):
        note(tmp_path / name, getattr(parts, name))
        assert time_of(tmp_path / name) == THEN
    at(path, path.read_text().replace(old, new), LATER)
    for name in ("spoken", "labels"):
        note(tmp_path / name, getattr(parts, name))
    assert time_of(tmp_path / "spoken") == spoken and time_of(tmp_path / "labels") == labels


def test_recordings_are_listed_once_and_commands_not(tmp_path):
    assert recordings(tmp_path) == []
    write_recordings(tmp_path, map(Path, ("/a.ark:12", "/a.ark:99", "/b.wav", "sox c.mp3 - |")))
    assert recordings(tmp_path) == [Path("/a.ark"), Path("/b.wav")]
