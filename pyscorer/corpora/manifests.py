"""Corpus manifests: where a corpus comes from, how it is laid out, what labels it has."""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import jsonschema

from pyscorer.contract.files import read_yaml, shown
from pyscorer.contract.scales import Scales
from pyscorer.corpora.manifest_parts import (
    ClassRule,
    OwnSource,
    class_rule,
    make_scales_of,
    own_source,
)
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError
from pyscorer.shipped import MANIFESTS as MANIFESTS
from pyscorer.shipped import SCHEMAS

SCHEMA = SCHEMAS / "manifest.schema.yaml"


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
    """A published split with its size, None where there is none; or a part of a corpus by rule."""

    utterances: int | None = None
    speakers: int | None = None
    by_rule: bool = False
    sources: tuple[str, ...] = ()
    """Of which splits of the reader, values of the column `split` or names of data directories it
    is a part; empty: that of its own name, or all where the corpus has none."""
    share: float | None = None
    """Of their speakers."""
    names: tuple[str, ...] | None = None
    """The speakers themselves."""
    file: str | None = None
    """A file with the speakers."""
    rest: bool = False
    """The speakers that no other split takes."""


@dataclass(frozen=True)
class Manifest:
    """One corpus, as `data_manifests/<name>.yaml` describes it."""

    name: str
    path: Path
    """The manifest itself."""
    base: Path | None
    """The manifest that it changes."""
    title: str
    reader: str | None
    """None: the corpus is anyone's own."""
    own: OwnSource | None
    homepage: str | None
    citation: str
    licence: str
    folder: str
    required: tuple[str, ...]
    """Paths inside the folder that tell that the corpus is there."""
    layout: tuple[str, ...]
    """All paths inside the folder that the manifest tells of."""
    label_files: tuple[str, ...]
    """Patterns of those that hold labels alone."""
    sample_rate: int | None
    """Hz; None: any."""
    archives: tuple[Archive, ...]
    splits: dict[str, Split]
    default_splits: tuple[str, ...]
    scales: Scales
    phone_set: str
    classes: ClassRule | None = None
    prompt_is_text: bool = False
    allow_speakers_in_both: bool = False
    seed: int = 0

    def place(self, root: Path) -> Path:
        """The corpus's folder: below `root`, or where the manifest of an own corpus says."""
        if self.own is None:
            return root / self.folder
        given = Path(self.folder).expanduser()
        relative = given.parts[:1] in ((), ("..",)) or self.folder.startswith(".")
        return self.path.parent / given if relative else root / given

    def missing(self, root: Path) -> list[str]:
        """Required paths that are not there."""
        return [p for p in self.required if not (self.place(root) / p).exists()]

    @property
    def files(self) -> list[Path]:
        """The manifest, and the one that it changes."""
        return [self.path, *([self.base] if self.base else [])]


def manifest_folders(manifests: Path | None) -> list[Path]:
    """Where manifests are looked for, in this order: the user's folder, then the package's own."""
    return [*([manifests] if manifests else []), MANIFESTS]


def load_manifest(corpus: str, manifests: Path | None = None) -> Manifest:
    """Read and check `<corpus>.yaml` of the folder `manifests`, else of those of the package.

    Raises InputError naming the known corpora, the line of a YAML error, or the key that breaks the
    schema.
    """
    path = _find(corpus, manifests)
    content = _content(path, corpus)
    base = None
    if "base" in content:
        base = _find(str(content["base"]), manifests)
        if base.resolve() == path.resolve():
            raise InputError(f"{path}: base is the manifest itself")
        content = _content(base, base.stem) | content
    _check(path, content)
    return _make_manifest(content, path, base)


def _find(corpus: str, manifests: Path | None) -> Path:
    folders = manifest_folders(manifests)
    for folder in folders:
        if (path := folder / f"{corpus}.yaml").exists():
            return path
    known = ", ".join(sorted({p.stem for f in folders for p in f.glob("*.yaml")})) or "none"
    places = " and ".join(map(str, folders))
    raise InputError(
        f"{folders[0] / corpus}.yaml: no manifest of corpus {corpus}; {places}: {known}. "
        "`pyscorer new_corpus` writes one for a corpus of your own"
    )


def _content(path: Path, corpus: str) -> dict[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a mapping of keys")
    if content.get("name") != corpus:
        raise InputError(f"{path}: name is {content.get('name')}, the file is called {corpus}.yaml")
    return content


def _check(path: Path, content: Mapping[str, Any]) -> None:
    schema = read_yaml(SCHEMA)
    faults = sorted(jsonschema.Draft202012Validator(schema).iter_errors(content), key=str)
    for fault in faults:
        where = "".join(f"[{part!r}]" for part in fault.absolute_path) or "top level"
        said = shown(fault.message, 300)
        if isinstance(fault.instance, bool) and fault.validator == "type":
            said = f"{fault.instance}: put it in quotes (YAML takes yes, no, on and off for that)"
        if fault.validator == "anyOf":
            said = "what is it? `reader`, or `table` with `columns`, or `data` is needed"
        elif fault.schema is False:  # of which jsonschema does not tell the path
            key = next(key for key, value in content.items() if value is fault.instance)
            kind = "a published corpus" if "reader" in content else "an own corpus"
            where, said = f"[{key!r}]", f"{kind} has no such key"
        raise InputError(f"{path}: {where}: {said}")


def _make_manifest(content: Mapping[str, Any], path: Path, base: Path | None) -> Manifest:
    own = None if "reader" in content else own_source(content)
    splits = {name: _split(split or {}) for name, split in content["splits"].items()}
    required = own.files if own else content["layout"]["required"]
    return Manifest(
        name=content["name"],
        path=path,
        base=base,
        title=content.get("title", content["name"]),
        reader=content.get("reader"),
        own=own,
        homepage=content.get("homepage"),
        citation=content.get("citation", ""),
        licence=content.get("licence", {}).get("name", ""),
        folder=content.get("folder", "."),
        required=tuple(required),
        layout=(*required, *content.get("layout", {}).get("optional", ())),
        label_files=tuple(content.get("label_files", ())),
        sample_rate=content.get("sample_rate"),
        archives=tuple(
            Archive(**{**a, "splits": tuple(a.get("splits", ()))})
            for a in content.get("archives", ())
        ),
        splits=splits,
        default_splits=tuple(content.get("default_splits", splits)),
        scales=make_scales_of(content, str(path)),
        phone_set=content.get("phone_set", "arpabet39"),
        classes=class_rule(content["classes"], f"{path}: classes")
        if "classes" in content
        else None,
        prompt_is_text="prompt" in content,
        allow_speakers_in_both=content.get("allow_speakers_in_both", False),
        seed=content.get("seed", 0),
    )


def _split(content: Mapping[str, Any]) -> Split:
    if "utterances" in content:
        return Split(content["utterances"], content["speakers"])
    sources, speakers = content.get("from", ()), content.get("speakers")
    return Split(
        by_rule=True,
        sources=(sources,) if isinstance(sources, str) else tuple(sources),
        share=speakers if isinstance(speakers, float) else None,
        names=tuple(speakers) if isinstance(speakers, list) else None,
        file=content.get("list"),
        rest=speakers == "rest",
    )


def check_there(manifest: Manifest, root: Path) -> None:
    """Raise InputError, with what to do, if a corpus is not there."""
    missing = manifest.missing(root)
    if not missing:
        return
    folder = manifest.place(root)
    if manifest.own:
        raise InputError(
            f"{folder / missing[0]}: no such file; manifest {manifest.path} names it. A folder "
            "that begins with a dot, or none, is relative to the manifest, others to the corpora "
            f"root {root}"
        )
    raise InputError(
        f"{folder}: corpus {manifest.name} is not there (no {missing[0]}). Run "
        f"`pyscorer download --corpus {manifest.name} --root {root}`, or set PYSCORER_CORPORA or "
        f"--root to the folder that holds {manifest.folder}/"
    )


def load_reader(manifest: Manifest) -> Callable[[Path, str], CorpusPart]:
    """The function `read(folder, split)` of the manifest's reader module."""
    return cast(Callable[[Path, str], CorpusPart], _of_reader(manifest, "read"))


def load_generator(manifest: Manifest) -> Callable[[Path, Any, int], None]:
    """The function `generate(folder, options, jobs)` of the manifest's reader module."""
    return cast(Callable[[Path, Any, int], None], _of_reader(manifest, "generate"))


def _of_reader(manifest: Manifest, name: str) -> Any:
    try:
        return getattr(importlib.import_module(str(manifest.reader)), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"manifest {manifest.name}: reader {manifest.reader}: {error}") from None


def corpora_root(root: Path | None) -> Path:
    """`root`, else the environment's PYSCORER_CORPORA, else `downloads`."""
    return root or Path(os.environ.get("PYSCORER_CORPORA") or "downloads")
