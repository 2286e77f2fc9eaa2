"""Which system of the tables is meant, and the files of `train_mixture` that say so."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.classes import Classes, read_classes
from pyscorer.contract.files import read_json
from pyscorer.errors import InputError
from pyscorer.proficiency.task import Rule


@dataclass(frozen=True)
class SystemKey:
    """A system by what it is made of, and whether it also remembers known pairs."""

    base: str
    remembers: bool = False

    @property
    def shown(self) -> str:
        """Its name in tables and pages."""
        return f"{self.base} + memory" if self.remembers else self.base

    @property
    def remembering(self) -> "SystemKey":
        """The same system with the memory."""
        return SystemKey(self.base, remembers=True)


@dataclass(frozen=True)
class Systems:
    """systems.json, best.json and classes.json: a row a system, what the best mixture is made of,
    and what is decided.
    """

    rows: list[dict[str, Any]]
    best: dict[str, Any]
    classes: Classes

    @property
    def keys(self) -> list[SystemKey]:
        """Which system each row is."""
        return [SystemKey(row["base"], row["memory"] is not None) for row in self.rows]

    @property
    def mixture(self) -> SystemKey:
        """The best mixture, without memory."""
        return SystemKey(self.best["base"])

    @property
    def final(self) -> SystemKey:
        """What judges new responses: the best mixture, with memory where pairs are remembered."""
        return self.mixture.remembering if self.best["memory"] is not None else self.mixture

    def row(self, key: SystemKey) -> dict[str, Any]:
        """The row of a system."""
        return self.rows[self.keys.index(key)]

    def rule(self, key: SystemKey) -> Rule:
        """How a system's posteriors are decided; threshold or cuts are the mean over seeds."""
        row = self.row(key)
        gross = float(row["gross"])
        if self.classes.ordinal:
            return Rule(self.classes, gross, cuts=tuple(np.mean(row["cuts"], axis=0).tolist()))
        return Rule(self.classes, gross, float(np.mean(row["thresholds"])))

    def seed_rules(self, key: SystemKey) -> list[Rule]:
        """The rule of every seed of a system."""
        row = self.row(key)
        gross = float(row["gross"])
        if self.classes.ordinal:
            return [Rule(self.classes, gross, cuts=tuple(cuts)) for cuts in row["cuts"]]
        return [Rule(self.classes, gross, threshold) for threshold in row["thresholds"]]

    @property
    def expert(self) -> SystemKey:
        """The best expert alone, without memory."""
        return SystemKey(self.best["best_expert"])


def load_systems(folder: Path) -> Systems:
    """Read the three files. Raises InputError naming the one that is not of train_mixture."""
    found: dict[str, Any] = {}
    for name, needed in (("systems.json", ["systems"]), ("best.json", [])):
        try:
            found[name] = read_json(folder / name, needed)
        except InputError as error:
            raise InputError(f"{error}: run train_mixture") from None
    rows, best = found["systems.json"]["systems"], found["best.json"]
    if not rows or any(not {"base", "memory"} <= row.keys() for row in rows):
        raise InputError(f"{folder}/systems.json: no base and memory: run train_mixture again")
    if not {"base", "memory", "best_expert"} <= best.keys():
        raise InputError(f"{folder}/best.json: no base and best_expert: run train_mixture again")
    systems = Systems(rows, best, read_classes(folder))
    if systems.final not in systems.keys:
        raise InputError(f"{folder}/systems.json: lacks {systems.final.shown}")
    return systems
