"""What the kaldi engine works on: datasets and their shards, and the network's iterations.

Where the GMMs and the network learn from is planned here; the numbers of a GMM system are in
gmm_systems.py, those of the network in network_schedule.py.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pyscorer.errors import InputError
from pyscorer.kaldi.gmm_alignment import BEFORE
from pyscorer.kaldi.network_schedule import Schedule

DEFAULTS: dict[str, Any] = {
    "jobs": 4, "scored_jobs": 4, "gmm_shards": 0, "gpu": "no", "gmm": "sat", "mono_iterations": 40,
    "tri_iterations": 35, "gaussians": 1000, "tri_gaussians": 10000, "tri_leaves": 1500,
    "num_leaves": 250, "epochs": 10, "minibatch": 64, "network": "medium", "learning_rate": 0.001,
    "final_learning_rate": 0.0001, "num_jobs_initial": 1, "num_jobs_final": 1, "dropout": "",
    "combine": 10, "heldout": 0.05, "speeds": [], "volumes": False, "ivectors": False,
    "ivector_dim": 100, "ubm_gaussians": 512, "word_positions": False,
}  # fmt: skip
"""Options of the engine: what section `kaldi` of the configuration may replace."""
JOINED = "acoustic_data"
"""Corpus of what several datasets or their copies are together."""
NODES = ("output-xent", "prefinal-l")
"""What of the network the scoring stages read: posteriors over pdfs, deep features."""
_CONTEXT = {"paper": 25, "medium": 25, "small": 13}


@dataclass(frozen=True)
class Training:
    """Files and numbers of a training below the folder `root`, on the datasets `acoustic`."""

    root: Path
    acoustic: tuple[str, ...]
    settings: Mapping[str, Any]
    """`DEFAULTS`, with what the configuration replaces."""

    def check(self) -> None:
        """Raise InputError for numbers that do not go together."""
        self.schedule.check()
        if self.settings["gmm_shards"] > self.settings["jobs"]:
            raise InputError(
                f"kaldi.gmm_shards: {self.settings['gmm_shards']} of {self.settings['jobs']} "
                "shards (kaldi: jobs)"
            )

    @property
    def plain(self) -> str:
        """The dataset that the GMMs learn."""
        return self.acoustic[0] if len(self.acoustic) == 1 else f"{JOINED}/plain"

    @property
    def learnt(self) -> str:
        """The dataset that the network learns: with its copies at other speeds, and volumes."""
        changed = self.settings["speeds"] or self.settings["volumes"]
        return f"{JOINED}/perturbed" if changed else self.plain

    def volumes(self, dataset: str) -> bool:
        """Whether the network hears recordings of a dataset at other volumes."""
        return dataset == self.learnt and bool(self.settings["volumes"])

    def data(self, dataset: str, data: Path) -> list[Path]:
        """The data directories of a dataset; those of corpora lie in the folder `data`."""
        if dataset not in (f"{JOINED}/plain", f"{JOINED}/perturbed"):
            return [data / dataset]
        speeds = self.settings["speeds"] if dataset == self.learnt else []
        copies = [self.root / f"sp{s:g}" / one for s in speeds for one in self.acoustic]
        return [data / one for one in self.acoustic] + copies

    def shards(self, dataset: str) -> list[str]:
        """Names of the parts that a dataset is cut into: scored ones into fewer."""
        count: int = self.settings["jobs"]
        if dataset not in (self.plain, self.learnt):
            count = min(count, self.settings["scored_jobs"])
        return [f"{number:03d}" for number in range(count)]

    @property
    def gmm_shards(self) -> list[str]:
        """The shards of `plain` that the GMMs learn."""
        return self.shards(self.plain)[: self.settings["gmm_shards"] or None]

    def heldout(self, dataset: str) -> float:
        """The share of a dataset's speakers that measure the network."""
        return float(self.settings["heldout"]) if dataset == self.learnt else 0

    @property
    def last_gmm(self) -> str:
        """The system whose alignments the network learns from."""
        return str(self.settings["gmm"])

    def gmm_options(self, system: str) -> dict[str, int]:
        """Options of stage kaldi_gmm."""
        ask: Mapping[str, int] = self.settings
        if system == "mono":
            return {"iterations": ask["mono_iterations"], "gaussians": ask["gaussians"]}
        sizes = {"gaussians": ask["tri_gaussians"], "leaves": ask["tri_leaves"]}
        return {"iterations": ask["tri_iterations"]} | sizes

    def before(self, system: str) -> list[Path]:
        """The model of the system before; empty for monophones."""
        return [self.root / BEFORE[system] / "final.mdl"] if system in BEFORE else []

    @property
    def first_alignment(self) -> list[Path]:
        """The model whose alignment gives speakers their first transforms, where there are any."""
        return self.before("sat") if self.last_gmm == "sat" else []

    def ali(self, dataset: str, name: str) -> list[Path]:
        """A file of each shard's alignment by the last system."""
        return [self.root / "ali" / dataset / shard / name for shard in self.shards(dataset)]

    @property
    def extractor(self) -> Path:
        """The folder of the i-vector extractor."""
        return self.root / "ivector_extractor"

    @property
    def extractor_options(self) -> dict[str, int]:
        """Options of stage kaldi_ivector_extractor."""
        return {"dim": self.settings["ivector_dim"], "gaussians": self.settings["ubm_gaussians"]}

    @property
    def network_options(self) -> dict[str, Any]:
        """Options of stage kaldi_network."""
        dim = {"ivector_dim": self.settings["ivector_dim"]} if self.settings["ivectors"] else {}
        return {
            "network": self.settings["network"],
            "dropout": bool(self.settings["dropout"]),
        } | dim

    def ivectors(self, dataset: str, shard: str) -> list[Path]:
        """The i-vectors of a shard; none where the network takes none."""
        wanted = self.settings["ivectors"]
        return [self.root / "ivectors" / dataset / f"{shard}.scp"] if wanted else []

    def view(self, dataset: str, shard: str) -> str:
        """The environment that tells scripts what the features of a shard go through (lib.sh)."""
        seen = {"LDA": self.root / self.last_gmm / "lda.mat"} if self.last_gmm != "tri" else {}
        if self.last_gmm == "sat":
            seen["FMLLR"] = self.root / "ali" / dataset / shard / "fmllr"
        return _environment(seen)

    @cached_property
    def schedule(self) -> Schedule:
        """The network's training."""
        own, ask = self.settings, ("epochs", "learning_rate", "final_learning_rate", "minibatch")
        numbers = {name: own[name] for name in (*ask, "dropout")}
        jobs = {name: own[f"num_jobs_{name[:-5]}"] for name in ("initial_jobs", "final_jobs")}
        return Schedule(archives=own["jobs"], **numbers, **jobs)

    @property
    def context(self) -> int:
        """Frames that the network needs on each side, and one for shifted frames."""
        return _CONTEXT[self.settings["network"]]

    def shard_of(self, part: str) -> str:
        """The shard that a part of the egs is of: held-out ones are of the last."""
        return self.shards(self.learnt)[-1] if part == "heldout" else part

    def network(self, iteration: int) -> Path:
        """The network that an iteration leaves."""
        return self.root / "chain" / "networks" / f"{iteration}.raw"

    def of_jobs(self, iteration: int) -> list[Path]:
        """The networks that the jobs of an iteration leave."""
        jobs = range(1, self.schedule.jobs[iteration - 1] + 1)
        return [self.root / "chain" / "jobs" / f"{iteration}.{job}.raw" for job in jobs]

    def job(self, iteration: int, seed: int) -> str:
        """What train_chain.sh is told of the jobs of an iteration."""
        at = self.schedule
        sizes, change = at.sizes(iteration)
        scale = 1 / at.jobs[iteration - 1]
        said = [f"{at.rate(iteration):g}", sizes, f"{change:g}", f"{scale:g}", seed + iteration]
        return shlex.join(map(str, [*said, self.settings["gpu"], at.edits(iteration)]))

    def egs(self, iteration: int, job: int) -> list[Path]:
        """The egs that a job learns."""
        return [self._archive(number) for number, _ in self.schedule.egs(iteration, job)]

    def shifted(self, iteration: int, job: int) -> str:
        """The same with their frame shifts, as train_chain.sh takes them."""
        learnt = self.schedule.egs(iteration, job)
        return shlex.join(
            word for number, shift in learnt for word in (str(shift), str(self._archive(number)))
        )

    def _archive(self, number: int) -> Path:
        return self.root / "chain" / "egs" / f"{self.shards(self.learnt)[number]}.cegs"

    @property
    def combined(self) -> list[Path]:
        """The last networks, whose average is the model."""
        last = self.schedule.iterations
        first = max(1, last - self.settings["combine"] + 1)
        return [self.network(iteration) for iteration in range(first, last + 1)]

    def computed(self, dataset: str, node: str) -> list[Path]:
        """What the model gives at a node for each shard."""
        folder = self.root / "computed" / dataset
        return [folder / f"{shard}.{node}.scp" for shard in self.shards(dataset)]

    def archives(self, dataset: str) -> list[Path]:
        """The archives that these of all nodes point into."""
        computed = (self.computed(dataset, node) for node in NODES)
        return [scp.with_suffix(".ark") for scps in computed for scp in scps]


def with_ivectors(wildcards: Any, input: Any) -> str:
    """Params function: the environment that tells scripts of the i-vectors among the inputs."""
    return _environment({"IVECTORS": input.ivectors} if input.ivectors else {})


def _environment(files: Mapping[str, Path | str]) -> str:
    return " ".join(f"{name}={shlex.quote(str(path))}" for name, path in files.items())
