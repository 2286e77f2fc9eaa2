"""Manifests: what is shipped is valid, and a bad one is refused by name."""

from pathlib import Path

import pytest
import yaml

from pyscorer.corpora.download import _wanted
from pyscorer.corpora.manifests import load_manifest, load_reader
from pyscorer.errors import InputError

MANIFESTS = Path(__file__).resolve().parents[2] / "data_manifests"


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_manifests_are_valid_and_their_readers_import(path):
    manifest = load_manifest(path.stem, MANIFESTS)
    assert callable(load_reader(manifest))
    assert set(manifest.default_splits) <= set(manifest.splits)
    for archive in manifest.archives:
        assert set(archive.splits) <= set(manifest.splits)


def test_librispeech_archives_carry_the_published_md5():
    by_file = {a.file: a for a in load_manifest("librispeech", MANIFESTS).archives}
    assert by_file["dev-clean.tar.gz"].md5 == "42e2234ba48799c1f50f24a7926300a1"
    assert all(a.md5 for a in by_file.values() if a.unpack)


def test_unknown_corpus_names_the_known_ones():
    with pytest.raises(InputError, match=r"no manifest of corpus timit.*librispeech, sample"):
        load_manifest("timit", MANIFESTS)


def _changed(tmp_path: Path, **changes) -> Path:
    content = yaml.safe_load((MANIFESTS / "sample.yaml").read_text())
    content = {k: v for k, v in (content | changes).items() if v != "DELETE"}
    (tmp_path / "sample.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licens": "x"}, "'licens' was unexpected"),
        ({"folder": "DELETE"}, "'folder' is a required property"),
        ({"sample_rate": "16k"}, r"\['sample_rate'\].*not of type 'integer'"),
        ({"name": "other"}, "name is other"),
        (
            {"archives": [{"url": "https://a.b/c", "md5": "123", "sha256": None}]},
            r"\['archives'\]\[0\]\['md5'\]",
        ),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused_by_key(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        load_manifest("sample", _changed(tmp_path, **changes))


def test_broken_yaml_is_named_with_its_line(tmp_path):
    (tmp_path / "sample.yaml").write_text("name: [a\nb: c")
    with pytest.raises(InputError, match=r"(?s)sample.yaml: not YAML.*line 2"):
        load_manifest("sample", tmp_path)


def test_a_reader_that_does_not_exist_is_named(tmp_path):
    manifest = load_manifest("sample", _changed(tmp_path, reader="pyscorer.corpora.nothing"))
    with pytest.raises(InputError, match=r"reader pyscorer\.corpora\.nothing"):
        load_reader(manifest)


def test_a_folder_of_ones_own_is_looked_at_before_the_package(tmp_path):
    _changed(tmp_path, title="another sample")
    assert load_manifest("sample", tmp_path).title == "another sample"
    assert load_manifest("librispeech", tmp_path).path == MANIFESTS / "librispeech.yaml"


def test_a_manifest_may_change_another(tmp_path):
    (tmp_path / "part.yaml").write_text(
        "name: part\nbase: sample\nsplits: {train: {from: train}}\n"
    )
    part, base = load_manifest("part", tmp_path), load_manifest("sample", MANIFESTS)
    assert (part.folder, part.reader, part.scales) == (base.folder, base.reader, base.scales)
    assert part.splits["train"].sources == ("train",) and list(part.splits) == ["train"]
    assert part.files == [tmp_path / "part.yaml", MANIFESTS / "sample.yaml"]
    (tmp_path / "part.yaml").write_text("name: part\nbase: part\nsplits: {}\n")
    with pytest.raises(InputError, match="base is the manifest itself"):
        load_manifest("part", tmp_path)


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        ("/abs", "/abs"),
        ("../x", "{own}/../x"),
        ("./x", "{own}/x"),
        ("x", "root/x"),
        (None, "{own}"),
    ],
)
def test_where_an_own_corpus_lies(tmp_path, folder, place):
    content = {"name": "own", "table": "t.csv", "columns": {"audio": "a"}, "splits": {"train": {}}}
    content |= {"folder": folder} if folder else {}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    manifest = load_manifest("own", tmp_path)
    assert manifest.place(Path("root")) == Path(place.format(own=tmp_path))


def test_archives_of_splits_by_rule_are_those_of_what_they_are_from(tmp_path):
    rules = "splits: {train: {from: train-clean-100, speakers: 0.5}, test: {from: dev-clean}}"
    text = f"name: part\nbase: librispeech\n{rules}\ndefault_splits: [test]\n"
    (tmp_path / "part.yaml").write_text(text)
    wanted = _wanted(load_manifest("part", tmp_path), ())
    assert [a.file for a in wanted] == ["dev-clean.tar.gz", "librispeech-lexicon.txt"]
