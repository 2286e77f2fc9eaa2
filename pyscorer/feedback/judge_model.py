"""Stage `judge_model`: all that judging new responses needs, in one folder."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.files import atomic_directory, check_replaceable, read_json
from pyscorer.errors import InputError
from pyscorer.feedback.judge_bundle import load_judge_model
from pyscorer.feedback.judge_parts import EarPaths, JudgeModelOptions, gather_ears
from pyscorer.proficiency.combine import shares_of
from pyscorer.proficiency.encoders import load_encoders
from pyscorer.proficiency.judge import TEXT_ONLY
from pyscorer.proficiency.systems import SystemKey, Systems, load_systems

_CALIBRATED = ", calibrated"


def judge_model(
    features: Path,
    experts: list[Path],
    mixture: Path,
    out: Path,
    ears: EarPaths,
    options: JudgeModelOptions,
) -> None:
    """Gather what judging needs into one folder: encoders, the best mixture's experts and gate.

    With `decoded` the model hears recordings: with the decoder that heard the training responses
    and, where experts of the mixture listen, with all that measures what they read (the GMM, the
    TDNN-F, the dictionary, a pretrained encoder ...), nothing else. Where they do, the experts of
    the best system of text experts alone are taken as well (one expert, or a pseudo-joint model),
    which judges typed responses. All is read once to be sure that it works.

    Raises InputError for an expert that is missing, for a path that is needed and not given, for a
    part that is damaged, and if `out` is another folder.
    """
    systems = load_systems(mixture)
    folders = {read_json(f / "architecture.json", ["expert"])["expert"]: f for f in experts}
    members = list(systems.best["members"])
    groups = {name: _setting(folder, "group", "text") for name, folder in folders.items()}
    text = None
    if any(groups.get(name) == "acoustic" for name in members):
        text = text_system(systems, groups, class_counts(features))
    needed = dict.fromkeys([*members, *(text["members"] if text else ())])
    missing = [name for name in needed if name not in folders]
    if missing:
        raise InputError(f"the best mixture needs the experts {', '.join(missing)}")
    check_replaceable(out, "experts", "gate.pt")
    with atomic_directory(out) as part:
        shutil.copytree(features / "encoders", part / "encoders")
        for name in ("best.json", "systems.json", "classes.json", "gate.pt"):
            shutil.copyfile(mixture / name, part / name)
        for name in needed:
            _copy_there(folders[name], part / "experts" / name)
        if text is not None:
            (part / TEXT_ONLY).write_text(json.dumps(text, indent=1), encoding="utf-8")
        listening = [folders[name] for name in members if groups[name] == "acoustic"]
        kinds = list(dict.fromkeys(_setting(folder, "kind") for folder in listening))
        gather_ears(ears, kinds, part, options)
        load_judge_model(part)


def _copy_there(folder: Path, out: Path) -> None:
    out.mkdir(parents=True)
    for name in ("architecture.json", "model.pt", "forest.npz"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, out / name)


def _setting(folder: Path, name: str, missing: str = "") -> str:
    return str(read_json(folder / "architecture.json").get(name, missing))


def class_counts(features: Path) -> np.ndarray:
    """Training responses of each class."""
    known = load_encoders(features / "encoders").known
    return np.sum([counts.sum(axis=0) for _, counts in known.values()], axis=0)


def text_system(
    systems: Systems, groups: Mapping[str, str], counts: np.ndarray
) -> dict[str, Any] | None:
    """The best system on validation rows of text experts alone: what `Judge.text` is made of.

    One expert, or a pseudo-joint model: a mixture's gate is kept of the best alone. With the memory
    of known responses where the best mixture has it. None if there is no such system.
    """
    found = [
        row
        for row in systems.rows
        if row["memory"] is None and _is_text(row, groups) and row["table"] in (1, 2)
    ]
    if not found:
        return None
    best = max(found, key=lambda row: row["validation_value"])
    base, members, memory = best["base"], best["members"], None
    remembering = SystemKey(base).remembering
    if systems.best["memory"] is not None and remembering in systems.keys:
        memory = systems.row(remembering)["memory"]
    calibrated = base.endswith(_CALIBRATED)
    return {
        "base": base,
        "memory": memory,
        "members": members,
        "exponents": [systems.best["exponents"][m] if calibrated else [] for m in members],
        "priors": shares_of(counts).tolist(),
    }


def _is_text(row: Mapping[str, Any], groups: Mapping[str, str]) -> bool:
    """Whether a system is one expert, or a pseudo-joint model of several, that read."""
    members: Sequence[str] = row["members"]
    alone = members == [row["base"]]
    joint = row["base"].startswith("pseudo-joint: ")
    return (alone or joint) and all(groups.get(name) == "text" for name in members)
