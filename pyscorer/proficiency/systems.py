"""Which system of the tables is meant, and the files of `train_mixture` that say so."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.contract.files import read_json
from pyscorer.errors import InputError


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
    """systems.json and best.json: a row a system, and what the best mixture is made of."""

    rows: list[dict[str, Any]]
    best: dict[str, Any]

    @property
    def keys(self) -> list[SystemKey]:
        """Which system each row is."""
        return [SystemKey(row["base"], row["memory"] is not None) for row in self.rows]

    @property
    def mixture(self) -> SystemKey:
        """The best mixture, without memory."""
        return SystemKey(self.best["base"])

    @property
    def expert(self) -> SystemKey:
        """The best expert alone, without memory."""
        return SystemKey(self.best["best_expert"])


def load_systems(folder: Path) -> Systems:
    """Read systems.json and best.json. Raises InputError naming the file that is not theirs."""
    found: dict[str, Any] = {}
    for name, needed in (("systems.json", ["systems"]), ("best.json", [])):
        try:
            found[name] = read_json(folder / name, needed)
        except InputError as error:
            raise InputError(f"{error}: run train_mixture") from None
    rows, best = found["systems.json"]["systems"], found["best.json"]
    if not rows or any(not {"base", "memory"} <= row.keys() for row in rows):
        raise InputError(f"{folder}/systems.json: no base and memory: run train_mixture again")
    if not {"base", "best_expert"} <= best.keys():
        raise InputError(f"{folder}/best.json: no base and best_expert: run train_mixture again")
    systems = Systems(rows, best)
    if systems.mixture.remembering not in systems.keys:
        raise InputError(f"{folder}/systems.json: lacks {systems.mixture.remembering.shown}")
    return systems
