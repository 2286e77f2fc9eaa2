"""Section `paper1`: the rows of the tables of Lin & Wang (2021), and the copies that they learn."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import Run
from pyscorer.errors import InputError
from pyscorer.planning.commands import Config

_ROW_STAGES = ("pretrained", "finetuned", "unfrozen")
_ROW_INPUTS = {"deep": "pool", "gop": "gop", "transition_gop": "transition_gop"}


@dataclass(frozen=True)
class Rows:
    """The rows of the tables of Lin & Wang (2021): section `paper1`."""

    config: Config
    run: Run

    def check(self) -> None:
        """Raise InputError for a row that goes on from none, and for what is not unlabelled."""
        self._check_unlabelled()
        for stage in _ROW_STAGES:
            for name, row in self.config["paper1"][stage].items():
                if (start := row.get("start", name)) not in self.names:
                    raise InputError(f"paper1.{stage}.{name}.start: no row is called {start}")
                if stage == "unfrozen" and "start" not in row:
                    raise InputError(f"paper1.{stage}.{name}: needs the row that it starts from")

    def _check_unlabelled(self) -> None:
        own, corpora = self.run.corpus, dict.fromkeys(d.split("/")[0] for d in self.run.unlabelled)
        for key, learnt in (
            ("acoustic_data", self.run.acoustic),
            ("paper1.unlabelled", self.run.unlabelled),
        ):
            if f"{own}/test" in learnt:
                raise InputError(f"{key}: {own}/test is the test split: nothing learns its audio")
        if f"{own}/train" in self.run.unlabelled:
            raise InputError(
                f"paper1.unlabelled: {own}/train is the train split, which stage (ii) learns "
                "anyway: leave it out"
            )
        if self.config["engine"] == "kaldi" and (others := [c for c in corpora if c != own]):
            raise InputError(
                f"paper1.unlabelled: engine kaldi: only splits of {own}, not of {others[0]}; the "
                "torch engine takes any"
            )

    @property
    def copies(self) -> list[str]:
        """Splits that are copies of the train split."""
        return [f"train-sp{speed:g}" for speed in self.config["paper1"]["speeds"]]

    @property
    def synthetic(self) -> list[Path]:
        """Synthetic scores of the copies, and what utterances are spliced of, if any."""
        names = ["scores.csv"] + ["splices.csv"] * bool(self.config["paper1"].get("splices"))
        return [self.run.work / "synthetic" / name for name in names]

    def synthetic_options(self) -> dict[str, Any]:
        """What synthetic_scores shares with other stages."""
        folds = self.config["train_scorer"].get("folds")
        return {"folds": folds, "splices": self.config["paper1"].get("splices", 0)}

    @property
    def names(self) -> list[str]:
        """All rows, in their order."""
        stages = (self.config["paper1"][stage] for stage in _ROW_STAGES)
        return [name for rows in (*stages, self.config["baselines"]) for name in rows]

    def directory(self, name: str) -> Path:
        """Folder of the model that a row is made of."""
        stages = (stage for stage in _ROW_STAGES if name in self.config["paper1"][stage])
        return self.run.work / next(stages, "baselines") / name

    def pool(self, stage: str, name: str, splits: Iterable[str]) -> list[Path]:
        """The pooled vectors of `splits` that a row reads."""
        inputs = self.config["paper1"][stage][name].get("inputs", "deep")
        folder = self.run.work / _ROW_INPUTS[inputs] / self.run.corpus
        return [folder / split / "phones.scp" for split in splits]

    def unlabelled(self, stage: str, name: str) -> list[Path]:
        """The pooled vectors of the unlabelled datasets that a row reads."""
        inputs = self.config["paper1"][stage][name].get("inputs", "deep")
        return self.datasets(_ROW_INPUTS[inputs], "phones.scp")

    def datasets(self, folder: str, file: str) -> list[Path]:
        """A file of each of the unlabelled datasets."""
        return [self.run.work / folder / dataset / file for dataset in self.run.unlabelled]

    @property
    def tested(self) -> list[Path]:
        """What tells whose speech must not be among the unlabelled, if there is any."""
        test = self.run.work / "data" / self.run.corpus / "test" / "utt2spk"
        return [test] if self.run.unlabelled else []

    def start(self, stage: str, name: str) -> list[Path]:
        """The model that a row goes on from; none: random weights."""
        start = self.config["paper1"][stage][name].get("start")
        return [self.directory(start) / "model.pt"] if start else []

    def learned(self, name: str) -> list[Path]:
        """The synthetic scores that an unfrozen row learns, if it does."""
        learns = self.config["paper1"]["unfrozen"][name].get("synthetic")
        return self.synthetic[:1] if learns else []

    def options(self, stage: str, name: str) -> dict[str, Any]:
        """A row's own options of its stage; fine-tuning has a section for all rows besides."""
        shared = self.config["paper1"].get("finetune", {}) if stage == "finetuned" else {}
        row = self.config["paper1"][stage][name]
        return shared | {k: v for k, v in row.items() if k not in ("inputs", "start", "synthetic")}
