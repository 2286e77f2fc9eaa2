"""The run configuration: validated against the schema, and resolved to a corpus and directories.

The options of all stages lie as JSON schemas in `OPTIONS`, which `python -m pyscorer.describe`
writes: to ask the stages themselves takes seconds, and Snakemake checks in every job.
"""

import functools
import itertools
import math
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import jsonschema

from pyscorer.contract.files import read_json, read_yaml, shown
from pyscorer.corpora.manifests import Manifest, check_there, load_manifest
from pyscorer.errors import InputError
from pyscorer.paths import expanded, inside, not_a_folder, not_writable, unusable
from pyscorer.pretrained.packaged import PACKAGED
from pyscorer.shipped import CHECKOUT, SCHEMAS

SCHEMA = SCHEMAS / "config.schema.yaml"
OPTIONS = SCHEMAS / "options.json"
"""Stage -> option -> its JSON schema, with default and description."""
SAMPLE = "sample"
GENERATED = (SAMPLE, "spoken_sample")
"""Corpora that stage `download` makes up; their native speakers are for the acoustic model."""
DOWNLOADS = Path("downloads")
_MOST_VALUES = 100_000


@dataclass(frozen=True)
class Source:
    """Where a corpus lies."""

    root: Path
    """The folder that holds the corpus's own."""
    fetch: bool
    """Whether stage `download` has to bring it there first."""


@dataclass(frozen=True)
class Run:
    """Which corpora a configuration stands for on this machine, and where its files go."""

    name: str
    corpus: str
    """The corpus that is scored."""
    acoustic: tuple[str, ...]
    """Datasets (corpus/split) that the acoustic model is trained on; the GMM on the first."""
    sources: dict[str, Source]
    """Of every corpus."""
    work: Path
    """Everything that stages exchange; removing it starts the run afresh."""
    results: Path
    """The report and its tables."""
    note: str
    """What was chosen, for the user to read."""
    unlabelled: tuple[str, ...] = ()
    """Datasets (corpus/split) whose speech stage (ii) of the paper's rows learns without scores."""


@functools.cache
def all_options() -> dict[str, dict[str, dict[str, Any]]]:
    """What the file `OPTIONS` holds."""
    found: dict[str, dict[str, dict[str, Any]]] = read_json(OPTIONS)
    return found


@functools.cache
def config_schema() -> dict[str, Any]:
    """JSON schema of a configuration: `SCHEMA` with the options of the stages that it names."""
    return cast(dict[str, Any], _expand(read_yaml(SCHEMA)))


def _expand(part: Any) -> Any:
    """The options in the place of `stages`, and of `stage` without `given`."""
    if isinstance(part, list):
        return [_expand(item) for item in part]
    if not isinstance(part, dict):
        return part
    sections = {name: _expand({"stage": name}) for name in part.get("stages", ())}
    own = all_options()[part["stage"]] if "stage" in part else {}
    own = {name: schema for name, schema in own.items() if name not in part.get("given", ())}
    found = {k: _expand(v) for k, v in part.items() if k not in ("stages", "stage", "given")}
    if own or sections or isinstance(part.get("properties"), dict):
        found = {"type": "object", "additionalProperties": False} | found
        found["properties"] = found.get("properties", {}) | sections | own
    return found


def settle(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as plain values, `~` in its paths expanded.

    Raises InputError naming every unknown, mistyped or out-of-range key, and paths that cannot be
    used or, where they name inputs, are not there.
    """
    plain = _plain(config, "", itertools.count())
    settled: dict[str, Any] = _expanded_paths(plain, config_schema())
    check_config(settled)
    return settled


def _plain(part: Any, where: str, number: Iterator[int]) -> Any:
    """`part` without dates, sets and the like, which YAML has and no option; they become text."""
    if next(number) > _MOST_VALUES:
        raise InputError(f"{where}: more than {_MOST_VALUES} values: aliases within aliases?")
    if isinstance(part, Mapping):
        return {str(k): _plain(v, f"{where}.{k}".lstrip("."), number) for k, v in part.items()}
    if isinstance(part, list | tuple):
        return [_plain(item, where, number) for item in part]
    if isinstance(part, float) and not math.isfinite(part):
        raise InputError(f"configuration:\n  {where}: {part} is no number to work with")
    return part if part is None or isinstance(part, str | int | float) else str(part)


def _expanded_paths(part: Any, schema: Any) -> Any:
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(part, dict):
        own, others = schema.get("properties", {}), schema.get("additionalProperties")
        return {k: _expanded_paths(v, own.get(k, others)) for k, v in part.items()}
    choices = schema.get("oneOf", [schema])
    if isinstance(part, list):
        items = next((choice["items"] for choice in choices if "items" in choice), None)
        return [_expanded_paths(item, items) for item in part]
    is_path = isinstance(part, str) and any(choice.get("format") in _PATHS for choice in choices)
    return expanded(part) if is_path else part


_PATHS = ("path", "folder")
_FORMATS = jsonschema.FormatChecker(())


@_FORMATS.checks("folder", raises=ValueError)
def _usable(path: Any) -> bool:
    if isinstance(path, str) and (fault := unusable(path)):
        raise ValueError(fault)
    return True


@_FORMATS.checks("path", raises=ValueError)
def _there(path: Any) -> bool:
    known = ("auto", *PACKAGED)
    if isinstance(path, str) and _usable(path) and path not in known and not Path(path).exists():
        raise ValueError(f"{path}: no such folder or file")
    return True


def check_config(config: Mapping[str, Any]) -> None:
    """Raise InputError naming every fault of a configuration that `settle` made plain."""
    validator = jsonschema.Draft202012Validator(config_schema(), format_checker=_FORMATS)
    faults = [_explain(error) for error in validator.iter_errors(config)]
    if faults:
        raise InputError("configuration:\n  " + "\n  ".join(sorted(faults)))


def _explain(error: jsonschema.ValidationError) -> str:
    where = ".".join(shown(str(part)) for part in error.absolute_path)
    if error.validator == "format":
        return f"{where}: {error.cause}"
    if error.validator == "oneOf" and error.context:
        # Of a list, a mapping or one: that which is given.
        kinds: dict[type, str] = {list: "array", dict: "object"}
        kind = kinds.get(type(error.instance), "string")
        meant = [e for e in error.context if e.validator != "type" or e.validator_value == kind]
        return "\n  ".join(map(_explain, meant or error.context[:1]))
    if error.validator != "additionalProperties":
        return f"{where}: {shown(error.message, 300)}"
    known = list(cast(dict[str, Any], error.schema)["properties"])
    parts = []
    for key in sorted(set(cast(dict[str, Any], error.instance)) - set(known)):
        close = get_close_matches(key, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
        parts.append(f"{where}.{shown(key)}".lstrip(".") + f": unknown key; {hint}")
    return "\n  ".join(parts)


def corpora_root(config: Mapping[str, Any]) -> Path:
    """The folder that holds the corpora: what PYSCORER_CORPORA, else `corpora_root` names.

    Where neither names one, `shared/corpora` beside the repository if it is there, else DOWNLOADS.
    Raises InputError for a folder that is named and cannot be read.
    """
    given = os.environ.get("PYSCORER_CORPORA")
    key, named = (
        ("PYSCORER_CORPORA", given) if given else ("corpora_root", config.get("corpora_root"))
    )
    if named is None:
        beside = CHECKOUT and CHECKOUT.parent / "shared" / "corpora"
        return beside if beside and beside.is_dir() else DOWNLOADS
    root = expanded(named)
    if fault := unusable(root) or not_a_folder(Path(root)):
        raise InputError(f"{key}: {fault}")
    return Path(root)


def _is_there(manifest: Manifest, config: Mapping[str, Any]) -> bool:
    """Whether the corpora root has a corpus. InputError for a part of it, and its own folder."""
    root = corpora_root(config)
    missing, folder = manifest.missing(root), manifest.place(root)
    if missing and root != DOWNLOADS:
        key = "PYSCORER_CORPORA" if os.environ.get("PYSCORER_CORPORA") else "corpora_root"
        if folder.exists():
            raise InputError(
                f"{key}: {folder}: {manifest.name} without {missing[0]}: copy the "
                "whole corpus, or take the folder away"
            )
        if all((root / path).exists() for path in manifest.required):
            raise InputError(f"{key}: {root}: name the folder that holds {manifest.name}, above it")
    return not missing


def _root_of(manifest: Manifest, config: Mapping[str, Any]) -> Path:
    """The corpora root of an own corpus, which must be there."""
    root = corpora_root(config)
    check_there(manifest, root)
    return root


def manifests_folder(config: Mapping[str, Any]) -> Path | None:
    """The folder of the user's own manifests, which is searched first. InputError if unusable."""
    named = config.get("manifests")
    if named is None:
        return None
    folder = Path(expanded(named))
    if fault := unusable(str(folder)) or not_a_folder(folder):
        raise InputError(f"manifests: {fault}")
    return folder


def resolve_run(config: Mapping[str, Any]) -> Run:
    """Decide which corpora a run takes, and from where.

    `corpus: auto` takes speechocean762 where the corpora root (see `corpora_root`) has it, else the
    generated sample. A corpus asked for by name that is not there is to be downloaded. The acoustic
    model is trained on the corpus's train split, or on the datasets of `acoustic_data`; the sample
    has native speakers for it.

    Raises InputError for a corpus without a manifest, a split that its manifest does not have, and
    folders that cannot be read, or written into, or would mix with a corpus or with each other.
    """
    corpus: str = config["corpus"]
    manifests = manifests_folder(config)
    if corpus == "auto":
        there = _is_there(load_manifest("speechocean762", manifests), config)
        corpus = "speechocean762" if there else SAMPLE
    speakers: int = config["prepare"]["speakers"]
    if corpus in GENERATED:
        name, note = corpus, "the generated sample corpus: SYNTHETIC speech, no human scores"
    elif speakers:
        name = f"{corpus}-{speakers}spk"
        note = f"a part of {corpus}: {speakers} whole speakers a split"
    else:
        name, note = corpus, f"all of {corpus}"
    asked: list[str] = config.get("acoustic_data", [])
    acoustic = asked or [f"{corpus}/{'native' if corpus in GENERATED else 'train'}"]
    if asked:
        name += "".join("+" + dataset.replace("/", "-") for dataset in asked)
    note += f"; acoustic model of {', '.join(acoustic)}"
    unlabelled = tuple(config.get("paper1", {}).get("unlabelled", ()))
    if unlabelled:
        note += f"; unlabelled speech of {', '.join(unlabelled)}"
    work = Path(config["work_root"]) / name
    sources, folders = {}, []
    for dataset in (f"{corpus}/train", f"{corpus}/test", *acoustic, *unlabelled):
        owner, _, split = dataset.partition("/")
        manifest = load_manifest(owner, manifests)
        if split not in manifest.splits:
            raise InputError(
                f"{dataset}: {owner} has no split {split}: {', '.join(manifest.splits)}"
            )
        if manifest.own:
            sources[owner] = Source(_root_of(manifest, config), fetch=False)
        elif owner in GENERATED:
            sources[owner] = Source(work / "corpora", fetch=True)
        elif _is_there(manifest, config):
            sources[owner] = Source(corpora_root(config), fetch=False)
        else:
            sources[owner] = Source(DOWNLOADS, fetch=True)
        if not manifest.own:  # whose folder may be that of the whole project
            folders.append(manifest.place(sources[owner].root))
    results = Path(config["results_root"]) / name
    for key, folder in (("work_root", work), ("results_root", results)):
        if fault := not_writable(folder):
            raise InputError(f"{key}: {fault}")
        if into := next((f for f in folders if inside(folder, f)), None):
            raise InputError(f"{key}: {folder} would be written into the corpus {into}")
    if inside(work, results) or inside(results, work):
        raise InputError(f"results_root: {results} and {work} of work_root would mix: name another")
    return Run(name, corpus, tuple(acoustic), sources, work, results, note, unlabelled)


def run_seed(config: Mapping[str, Any], stage: str) -> dict[str, int]:
    """The option `seed` of a stage by the run's seed; empty for a stage that has none.

    A stage whose seed is another than 0 by itself adds the run's to it: seed 0 leaves it as it is.
    """
    own = all_options().get(stage, {}).get("seed")
    return {"seed": own["default"] + config["seed"]} if own else {}


def flags(options: Mapping[str, Any]) -> str:
    """Command-line flags for a stage's options: `{"num_leaves": 250}` -> `--num-leaves 250`."""
    words: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, list):
            words += [flag, *map(str, value)]
        elif isinstance(value, str | Path) and str(value).startswith("-"):
            words.append(f"{flag}={value}")
        elif value is not None:
            words += [flag, str(value)]
    return shlex.join(words)
