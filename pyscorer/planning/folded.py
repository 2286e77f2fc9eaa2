"""Key `grading: cross_fit`: folds of speakers, each measured by models of all the others.

Fold 2 of 4 of the train split is the dataset `c/train-fold2of4`, the others are `c/train-but2of4`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import Run, flags
from pyscorer.errors import InputError
from pyscorer.planning.commands import Config


@dataclass(frozen=True)
class Folded:
    """The folds of a run's train split; none where there are fewer than two."""

    config: Config
    run: Run
    number: int

    def check(self) -> None:
        """Raise InputError where no acoustic model is trained here that hears the train split."""
        if not self:
            return
        if self.config["engine"] == "kaldi" or "acoustic_model" in self.config:
            raise InputError(
                "grading.cross_fit: trains acoustic models of engine torch, fold by fold: take it "
                "out, or engine kaldi and acoustic_model"
            )
        if self._train not in self.run.acoustic:
            raise InputError(
                f"grading.cross_fit: no acoustic model learns from {self._train}: take it out, as "
                "there its speakers are as new as those of the test split"
            )

    def __bool__(self) -> bool:
        return self.number > 1

    @property
    def gop(self) -> Path:
        """Folder of the splits of GOP, as graders read it."""
        return self.run.work / "cross_fit" / "gop" / self.run.corpus

    def part(self, wildcards: Any) -> str:
        """Params function: flags of split_data."""
        part, _, parts = wildcards.fold.partition("of")
        return flags({"part": part, "parts": parts})

    def others(self, wildcards: Any) -> list[Path]:
        """Input function: the data of all folds but one."""
        left_out = wildcards.fold.partition("of")[0]
        return [
            self.run.work / "data" / f"{self._train}-fold{fold}of{self.number}" / "utt2spk"
            for fold in range(1, self.number + 1)
            if str(fold) != left_out
        ]

    def learnt(self, folder: str, file: str) -> list[str]:
        """The files of all datasets that the TDNN-F of a fold learns from.

        Of the train split the data are those of the other folds; features and alignments are whole.
        """
        train = f"{self._train}-but{{fold}}" if folder == "data" else self._train
        datasets = [train if d == self._train else d for d in self.run.acoustic]
        return [str(self.run.work / folder / dataset / file) for dataset in datasets]

    def measured(self, wildcards: Any) -> list[Path]:
        """Input function: what GOP of a split is put together of."""
        gop, folds = self.run.work / "gop" / self.run.corpus, range(1, self.number + 1)
        parts = [f"train-fold{fold}of{self.number}" for fold in folds]
        given = parts if wildcards.split == "train" else [wildcards.split]
        return [gop / part / "phones.scp" for part in given]

    @property
    def _train(self) -> str:
        return f"{self.run.corpus}/train"
