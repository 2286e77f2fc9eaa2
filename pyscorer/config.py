"""The run configuration: validated against the schema, and resolved to a corpus and directories."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import jsonschema
import yaml

from pyscorer.errors import InputError

SCHEMA = Path(__file__).parent.parent / "workflow" / "schemas" / "config.schema.yaml"
SAMPLE = "sample"


DOWNLOADS = Path("downloads")


@dataclass(frozen=True)
class Run:
    """Which corpus a configuration stands for on this machine, and where its files go."""

    name: str
    corpus: str
    corpora_root: Path
    fetch: bool
    """Whether stage `download` has to bring the corpus to `corpora_root` first."""
    work: Path
    """Everything that stages exchange; removing it starts the run afresh."""
    results: Path
    """The report and its tables."""
    note: str
    """What was chosen, for the user to read."""


def check_config(config: Mapping[str, Any], schema: Path = SCHEMA) -> None:
    """Raise InputError naming every unknown, mistyped or out-of-range key of `config`."""
    validator = jsonschema.Draft202012Validator(yaml.safe_load(schema.read_text()))
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


def resolve_run(config: Mapping[str, Any]) -> Run:
    """Decide which corpus a run takes, and from where.

    The environment variable PYSCORER_CORPORA, where set, replaces `corpora_root`. `corpus: auto`
    takes speechocean762 where the corpora root has it, else the generated sample. A corpus asked
    for by name that is not there is to be downloaded.
    """
    root = Path(os.environ.get("PYSCORER_CORPORA") or config["corpora_root"])
    corpus: str = config["corpus"]
    speakers: int = config["prepare"]["speakers"]
    if corpus == "auto":
        corpus = "speechocean762" if (root / "speechocean762").is_dir() else SAMPLE
    if corpus == SAMPLE:
        name, note = SAMPLE, "the generated sample corpus: SYNTHETIC speech, no human scores"
    elif speakers:
        name = f"{corpus}-{speakers}spk"
        note = f"a part of {corpus}: {speakers} whole speakers a split"
    else:
        name, note = corpus, f"all of {corpus}"
    work = Path(config["work_root"]) / name
    results = Path(config["results_root"]) / name
    if corpus == SAMPLE:
        return Run(name, corpus, work / "corpora", True, work, results, note)
    there = (root / corpus).is_dir()
    return Run(name, corpus, root if there else DOWNLOADS, not there, work, results, note)


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
    return " ".join(words)
