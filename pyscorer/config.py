"""The run configuration: validated against the schema, and resolved to a corpus and directories.

The options of all stages lie as JSON schemas in `OPTIONS`, which `python -m pyscorer.describe`
writes: to ask the stages themselves takes seconds, and Snakemake checks in every job.
"""

import functools
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import jsonschema

from pyscorer.contract.files import read_json, read_yaml
from pyscorer.corpora.manifests import load_manifest
from pyscorer.errors import InputError

SCHEMA = Path(__file__).parent.parent / "workflow" / "schemas" / "config.schema.yaml"
OPTIONS = SCHEMA.with_name("options.json")
"""Stage -> option -> its JSON schema, with default and description."""
MANIFESTS = SCHEMA.parent.parent.parent / "data_manifests"
SAMPLE = "sample"
DOWNLOADS = Path("downloads")


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


def check_config(config: Mapping[str, Any]) -> None:
    """Raise InputError naming every unknown, mistyped or out-of-range key of `config`."""
    validator = jsonschema.Draft202012Validator(config_schema())
    faults = [_explain(error) for error in validator.iter_errors(json.loads(json.dumps(config)))]
    if faults:
        raise InputError("configuration:\n  " + "\n  ".join(sorted(faults)))


def _explain(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator != "additionalProperties":
        return f"{where}: {error.message}"
    known = list(cast(dict[str, Any], error.schema)["properties"])
    parts = []
    for key in sorted(set(cast(dict[str, Any], error.instance)) - set(known)):
        close = get_close_matches(key, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
        parts.append(f"{where}.{key}".lstrip(".") + f": unknown key; {hint}")
    return "\n  ".join(parts)


def corpora_root(config: Mapping[str, Any]) -> Path:
    """The folder that holds the corpora: PYSCORER_CORPORA where it is set, else `corpora_root`."""
    return Path(os.environ.get("PYSCORER_CORPORA") or config["corpora_root"])


def resolve_run(config: Mapping[str, Any]) -> Run:
    """Decide which corpora a run takes, and from where.

    The environment variable PYSCORER_CORPORA, where set, replaces `corpora_root`. `corpus: auto`
    takes speechocean762 where the corpora root has it, else the generated sample. A corpus asked
    for by name that is not there is to be downloaded. The acoustic model is trained on the corpus's
    train split, or on the datasets of `acoustic_data`; the sample has native speakers for it.

    Raises InputError for a corpus without a manifest, and a split that its manifest does not have.
    """
    root = corpora_root(config)
    corpus: str = config["corpus"]
    if corpus == "auto":
        there = not load_manifest("speechocean762", MANIFESTS).missing(root)
        corpus = "speechocean762" if there else SAMPLE
    speakers: int = config["prepare"]["speakers"]
    if corpus == SAMPLE:
        name, note = SAMPLE, "the generated sample corpus: SYNTHETIC speech, no human scores"
    elif speakers:
        name = f"{corpus}-{speakers}spk"
        note = f"a part of {corpus}: {speakers} whole speakers a split"
    else:
        name, note = corpus, f"all of {corpus}"
    asked: list[str] = config.get("acoustic_data", [])
    acoustic = asked or [f"{corpus}/{'native' if corpus == SAMPLE else 'train'}"]
    if asked:
        name += "".join("+" + dataset.replace("/", "-") for dataset in asked)
    note += f"; acoustic model of {', '.join(acoustic)}"
    work = Path(config["work_root"]) / name
    sources = {}
    for dataset in (f"{corpus}/train", f"{corpus}/test", *acoustic):
        owner, _, split = dataset.partition("/")
        manifest = load_manifest(owner, MANIFESTS)
        if split not in manifest.splits:
            raise InputError(
                f"{dataset}: {owner} has no split {split}: {', '.join(manifest.splits)}"
            )
        fetch = owner == SAMPLE or bool(manifest.missing(root))
        sources[owner] = Source(
            work / "corpora" if owner == SAMPLE else DOWNLOADS if fetch else root, fetch
        )
    results = Path(config["results_root"]) / name
    return Run(name, corpus, tuple(acoustic), sources, work, results, note)


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
        elif value is not None:
            words += [flag, str(value)]
    return shlex.join(words)
