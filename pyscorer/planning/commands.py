"""What many rules share: options of their stages, flags that name files, inputs of both splits."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyscorer.config import GENERATED, Run, flags, run_seed

Config = Mapping[str, Any]

SPLITS = ("train", "test")
_SECTIONS = ("grading", "proficiency", "paper1")
"""Sections that hold sections of stages themselves."""


def stage_section(config: Config, stage: str) -> dict[str, Any]:
    """The section of a stage, wherever the configuration has it."""
    for place in (config, *(config.get(name, {}) for name in _SECTIONS)):
        if stage in place:
            return dict(place[stage] or {})
    return {}


def stage_options(
    config: Config,
    stage: str,
    own: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Options of a stage: the run's seed, `base`, its section, `own`; the later one wins."""
    section = stage_section(config, stage)
    return run_seed(config, stage) | dict(base or {}) | section | dict(own or {})


def folders(*same: str, **named: str | int) -> Callable[..., str]:
    """Params function: flags that name the folders of a rule's files.

    `folders("data", model="gmm", out=0)` are `--data` and `--model`, the folders of the inputs
    `data` and `gmm`, and `--out`, that of the first output. An input that is empty gives no flag.
    """
    return _flags_of(lambda file: file.parent, {name: name for name in same} | named)


def files(*names: str) -> Callable[..., str]:
    """Params function: flags that name inputs themselves; an empty one gives no flag."""
    return _flags_of(lambda file: file, {name: name for name in names})


def in_one(name: str) -> Callable[..., str]:
    """Params function: the files of an input in one argument, for a script that hands it to sh."""

    def joined(wildcards: Any, input: Any) -> str:
        found = input[name]
        return shlex.join([found] if isinstance(found, str) else map(str, found))

    return joined


def _flags_of(what: Callable[[Path], Path], wanted: Mapping[str, str | int]) -> Callable[..., str]:
    def named_flags(wildcards: Any, input: Any, output: Any) -> str:
        given: dict[str, Any] = {}
        for flag, source in wanted.items():
            found = output[source] if isinstance(source, int) else input[source]
            if isinstance(found, str | Path):
                given[flag] = what(Path(found))
            elif len(found):
                given[flag] = [what(Path(file)) for file in found]
        return flags(given)

    return named_flags


def train_and_test(run: Run, **names: str) -> dict[str, Path]:
    """Inputs `train_<name>` and `test_<name>` for each name="folder/file" of the run's corpus."""
    given: dict[str, Path] = {}
    for name, path in names.items():
        folder, _, file = path.partition("/")
        for split in SPLITS:
            given[f"{split}_{name}"] = run.work / folder / run.corpus / split / file
    return given


def reference(run: Run, corpus: str) -> Path:
    """The alignment whose durations GOP goes by: of the corpus's own train split.

    Unlabelled speech is measured as the run's corpus, whose regressors score it.
    """
    owners = {dataset.split("/")[0] for dataset in run.unlabelled}
    return run.work / "ali" / (run.corpus if corpus in owners else corpus) / "train" / "phones.ctm"


def told(run: Run) -> dict[str, Any]:
    """What a page of results says of the run."""
    return {"note": run.note} | ({"synthetic": True} if run.corpus in GENERATED else {})


def scored(config: Config, run: Run) -> list[Path]:
    """Scores of every scorer and baseline of the configuration, in its order."""
    kinds = ("scorers", "baselines")
    return [run.work / kind / name / "scores.csv" for kind in kinds for name in config[kind]]


def existing(*paths: str | Path | None) -> list[Path]:
    """Those files that are there; of a folder its files."""
    found: list[Path] = []
    for path in (Path(path) for path in paths if path):
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        found += [p for p in inside if p.exists()]
    return found
