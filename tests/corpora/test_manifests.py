"""Manifests: what is shipped is valid, and a bad one is refused by name."""

from pathlib import Path

import pytest
import yaml

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
