"""Corpus manifests: where a corpus comes from, how it is laid out, what labels it has."""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import jsonschema

from pyscorer.contract.files import read_yaml, shown
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError

MANIFESTS = Path(__file__).resolve().parents[2] / "data_manifests"
SCHEMA = MANIFESTS.parent / "workflow/schemas/manifest.schema.yaml"


@dataclass(frozen=True)
class Archive:
    """One file of a corpus's source."""

    url: str
    md5: str | None
    sha256: str | None
    splits: tuple[str, ...] = ()
    """Splits that need it; empty: all."""
    unpack: bool = True

    @property
    def file(self) -> str:
        """Name of the file, as in the URL."""
        return urlsplit(self.url).path.rpartition("/")[2]


@dataclass(frozen=True)
class Split:
    """Published size of a split, None where there is none."""

    utterances: int | None
    speakers: int | None


@dataclass(frozen=True)
class Manifest:
    """One corpus, as `data_manifests/<name>.yaml` describes it."""

    name: str
    title: str
    reader: str
    homepage: str | None
    citation: str
    licence: str
    folder: str
    required: tuple[str, ...]
    """Paths inside the folder that tell that the corpus is there."""
    sample_rate: int
    archives: tuple[Archive, ...]
    splits: dict[str, Split]
    default_splits: tuple[str, ...]
    labels: dict[str, dict[str, tuple[float, float]]]
    """Level -> aspect -> (lowest, highest)."""
    phone_set: str

    def missing(self, root: Path) -> list[str]:
        """Required paths that are not below `root`."""
        return [p for p in self.required if not (root / self.folder / p).exists()]


def load_manifest(corpus: str, manifests: Path) -> Manifest:
    """Read and check `<manifests>/<corpus>.yaml`.

    Raises InputError naming the known corpora, the line of a YAML error, or the key that breaks the
    schema.
    """
    path = manifests / f"{corpus}.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in manifests.glob("*.yaml"))) or "none"
        raise InputError(f"{path}: no manifest of corpus {corpus}; {manifests} has: {known}")
    content, schema = read_yaml(path), read_yaml(SCHEMA)
    faults = sorted(jsonschema.Draft202012Validator(schema).iter_errors(content), key=str)
    if faults:
        where = "".join(f"[{part!r}]" for part in faults[0].absolute_path) or "top level"
        raise InputError(f"{path}: {where}: {shown(faults[0].message, 300)}")
    if content["name"] != corpus:
        raise InputError(f"{path}: name is {content['name']}, the file is called {corpus}.yaml")
    return Manifest(
        name=content["name"],
        title=content["title"],
        reader=content["reader"],
        homepage=content["homepage"],
        citation=content["citation"],
        licence=content["licence"]["name"],
        folder=content["folder"],
        required=tuple(content["layout"]["required"]),
        sample_rate=content["sample_rate"],
        archives=tuple(
            Archive(**{**a, "splits": tuple(a.get("splits", ()))}) for a in content["archives"]
        ),
        splits={name: Split(**split) for name, split in content["splits"].items()},
        default_splits=tuple(content["default_splits"]),
        labels={
            level: {aspect: (low, high) for aspect, (low, high) in aspects.items()}
            for level, aspects in content["labels"].items()
        },
        phone_set=content["phone_set"],
    )


def load_reader(manifest: Manifest) -> Callable[[Path, str], CorpusPart]:
    """The function `read(folder, split)` of the manifest's reader module."""
    return cast(Callable[[Path, str], CorpusPart], _of_reader(manifest, "read"))


def load_generator(manifest: Manifest) -> Callable[[Path, Any, int], None]:
    """The function `generate(folder, options, jobs)` of the manifest's reader module."""
    return cast(Callable[[Path, Any, int], None], _of_reader(manifest, "generate"))


def _of_reader(manifest: Manifest, name: str) -> Any:
    try:
        return getattr(importlib.import_module(manifest.reader), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"manifest {manifest.name}: reader {manifest.reader}: {error}") from None


def corpora_root(root: Path | None) -> Path:
    """`root`, else the environment's PYSCORER_CORPORA, else `downloads`."""
    return root or Path(os.environ.get("PYSCORER_CORPORA") or "downloads")
