"""What each iteration of the kaldi engine's training starts from, and how long it goes on.

The GMMs are monophones (`mono`), triphones on deltas (`tri`), on LDA+MLLT (`lda`) and on transforms
of speakers (`sat`); each starts from the alignment of the one before. An epoch of the network is
one pass over all egs, an iteration the egs of one shard. The numbers are those of Kaldi's recipes.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULTS: dict[str, Any] = {
    "jobs": 4, "gpu": "no", "gmm": "sat", "mono_iterations": 40, "tri_iterations": 35,
    "gaussians": 1000, "tri_gaussians": 10000, "tri_leaves": 1500, "num_leaves": 250, "epochs": 10,
    "minibatch": 64, "network": "medium", "learning_rate": 0.001, "final_learning_rate": 0.0001,
    "combine": 10, "heldout": 0.05,
}  # fmt: skip
"""Options of the engine: what section `kaldi` of the configuration may replace."""
BEFORE = {"tri": "mono", "lda": "tri", "sat": "lda"}
"""System -> the one whose alignment it starts from."""
_PHONES_AT_START = 127
_TURNS = (2, 4, 6, 12)
_CONTEXT = {"paper": 25, "medium": 25, "small": 13}


@dataclass(frozen=True)
class Training:
    """Files and numbers of a training below the folder `root`, on the data of `split`."""

    root: Path
    split: str
    settings: Mapping[str, Any]
    """`DEFAULTS`, with what the configuration replaces."""

    @property
    def shards(self) -> list[str]:
        """Names of the parts that the data of a split are cut into."""
        return [f"{number:03d}" for number in range(self.settings["jobs"])]

    @property
    def last_gmm(self) -> str:
        """The system whose alignments the network learns from."""
        return str(self.settings["gmm"])

    @property
    def turns(self) -> list[int]:
        """Iterations that make MLLT (system lda) or the transforms of speakers (sat) anew."""
        return [turn for turn in _TURNS if turn < self.settings["tri_iterations"]]

    @property
    def matrix(self) -> Path:
        """The finished LDA+MLLT matrix."""
        return self.root / "lda" / f"{max([0, *self.turns])}.mat"

    def model(self, system: str, iteration: int | str) -> Path:
        """The model that an iteration leaves."""
        turned = system == "lda" and int(iteration) in self.turns
        return self.root / system / (f"{iteration}.turned.mdl" if turned else f"{iteration}.mdl")

    def final(self, system: str) -> Path:
        """The model of the last iteration."""
        kind = "mono" if system == "mono" else "tri"
        return self.model(system, self.settings[f"{kind}_iterations"])

    def start(self, system: str) -> Path:
        """The model whose transitions the graphs of all iterations are made with."""
        return self.root / system / ("0.mdl" if system == "mono" else "1.mdl")

    def ali(self, system: str, split: str, shard: str) -> Path:
        """The alignment of a shard by a finished system."""
        return self.root / system / "ali" / split / f"{shard}.gz"

    def alis(self, split: str) -> list[Path]:
        """The alignments of a split by the last system."""
        return [self.ali(self.last_gmm, split, shard) for shard in self.shards]

    def seen(self, system: str, iteration: int | str, shard: str | None) -> dict[str, Path]:
        """What the features of the train split go through at an iteration (see lib.sh)."""
        if system == "lda":
            return {"lda": self.root / "lda" / f"{_latest([0, *self.turns], iteration)}.mat"}
        if system == "sat":
            latest = _latest([1, *self.turns], iteration)
            made = f"{self.split}/{shard}" if latest == 1 else f"{latest}.{shard}"
            return {"lda": self.matrix, "fmllr": self.root / "sat" / "fmllr" / made}
        return {}

    def seen_last(self, system: str, split: str, shard: str) -> dict[str, Path]:
        """What the features of any split go through with a finished model."""
        seen = {"lda": self.matrix} if system in ("lda", "sat") else {}
        if system == "sat":
            seen["fmllr"] = self.root / "sat" / "adapted" / split / shard
        return seen

    def alignment_at(self, system: str, iteration: int | str, shard: str) -> Path:
        """The alignment that an iteration learns from."""
        past = [i for i in self._realigned(system) if i <= int(iteration)]
        if not past:
            return self.root / system / "start" / f"{shard}.gz"
        return self.root / system / "realigned" / f"{max(past)}.{shard}.gz"

    def _realigned(self, system: str) -> Iterable[int]:
        if system != "mono":
            return (10, 20, 30)
        return *range(1, 11), *range(12, 21, 2), *range(23, self.settings["mono_iterations"], 3)

    def accumulated(self, system: str, iteration: int | str) -> list[Path]:
        """Statistics of all shards that the model of an iteration is estimated of."""
        before = int(iteration) - 1
        return [self.root / system / "acc" / f"{before}.{shard}" for shard in self.shards]

    def gaussians(self, system: str, iteration: int | str) -> int:
        """Gaussians at an iteration: a straight line over the first three quarters."""
        ask: Mapping[str, int] = self.settings
        if system == "mono":
            start, goal, count = _PHONES_AT_START, ask["gaussians"], ask["mono_iterations"]
        else:
            start, goal, count = ask["tri_leaves"], ask["tri_gaussians"], ask["tri_iterations"]
        last = count * 3 // 4
        return start + max(goal - start, 0) * min(int(iteration) - 1, last) // last

    def beam(self, system: str, iteration: int | str) -> int:
        """The beam of an alignment: narrow while the monophones know nothing yet."""
        return 6 if (system, int(iteration)) == ("mono", 1) else 10

    def occupancy(self, system: str, iteration: int | str) -> int:
        """Frames that a Gaussian needs to be kept in the model of an iteration."""
        return 3 if (system, int(iteration)) == ("mono", 1) else 10

    def heldout(self, split: str) -> float:
        """The share of a split's speakers that measure the network."""
        return float(self.settings["heldout"]) if split == self.split else 0

    @property
    def iterations(self) -> int:
        """Iterations of the network."""
        return int(self.settings["epochs"]) * len(self.shards)

    @property
    def context(self) -> int:
        """Frames that the network needs on each side, and one for shifted frames."""
        return _CONTEXT[self.settings["network"]]

    def shard_of(self, part: str) -> str:
        """The shard that a part of the egs is of: held-out ones are of the last."""
        return self.shards[-1] if part == "heldout" else part

    def network_before(self, iteration: int | str) -> Path:
        """The network that an iteration starts from."""
        return self.root / "chain" / f"{int(iteration) - 1}.raw"

    def egs(self, iteration: int | str) -> Path:
        """The egs that an iteration learns."""
        shard = self.shards[(int(iteration) - 1) % len(self.shards)]
        return self.root / "chain" / "egs" / f"{shard}.cegs"

    def shift(self, iteration: int | str) -> int:
        """Frames that the egs are shifted by: another number from epoch to epoch."""
        return (int(iteration) - 1) // len(self.shards) % 3

    def learning_rate(self, iteration: int | str) -> float:
        """From the first rate to the last, by the same factor at every iteration."""
        first: float = self.settings["learning_rate"]
        last: float = self.settings["final_learning_rate"]
        return float(first * (last / first) ** ((int(iteration) - 1) / max(self.iterations - 1, 1)))

    @property
    def combined(self) -> list[Path]:
        """The last networks, whose average is the model."""
        first = max(1, self.iterations - self.settings["combine"] + 1)
        return [self.root / "chain" / f"{i}.raw" for i in range(first, self.iterations + 1)]


def _latest(numbers: Iterable[int], iteration: int | str) -> int:
    return max(number for number in numbers if number <= int(iteration))


def transforms(wildcards: Any, input: Any) -> str:
    """Params function: the environment that tells lib.sh of the transforms among the inputs."""
    names = [name for name in ("lda", "fmllr") if name in input.keys()]  # noqa: SIM118
    return " ".join(f"{name.upper()}={shlex.quote(str(input[name]))}" for name in names)
