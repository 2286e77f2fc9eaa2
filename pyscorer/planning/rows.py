"""Section `paper1`: the rows of the tables of Lin & Wang (2021), and the copies that they learn."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import Run
from pyscorer.errors import InputError
from pyscorer.kaldi.iterations import DEFAULTS
from pyscorer.planning.commands import Config, told

_ROW_STAGES = ("pretrained", "finetuned", "unfrozen")
_PLANNED = ("inputs", "start", "synthetic", "teacher")
"""Keys of a row that the rules read; the others are options of its stage."""
_ROW_INPUTS = {"deep": "pool"} | {name: name for name in ("gop", "transition_gop", "ctc_gop")}


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
                teachers = self.config["paper1"].get("teachers", {})
                if "teacher" in row and row["teacher"] not in teachers:
                    raise InputError(
                        f"paper1.{stage}.{name}.teacher: {row['teacher']} is not of paper1.teachers"
                    )
        for name in self.config["paper1"].get("only", []):
            if name not in self.names:
                raise InputError(f"paper1.only: no row is called {name}")

    def _check_unlabelled(self) -> None:
        own = self.run.corpus
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

    @property
    def shown(self) -> list[str]:
        """Those that the tables show, in the same order: all, or `only` some."""
        only = self.config["paper1"].get("only", self.names)
        return [name for name in self.names if name in only]

    def reading(self, inputs: str) -> list[str]:
        """Those of them that read `inputs` (deep, gop, transition_gop, ctc_gop)."""
        stages = (self.config["paper1"][stage] for stage in _ROW_STAGES)
        rows = {name: row.get("inputs", "deep") for part in stages for name, row in part.items()}
        return [name for name in self.shown if rows.get(name) == inputs]

    @property
    def unfrozen(self) -> list[str]:
        """Those of them that layers of the acoustic model were trained for, or that go on so."""
        stages = (self.config["paper1"][stage] for stage in _ROW_STAGES)
        starts = {name: row.get("start") for part in stages for name, row in part.items()}

        def trained(name: str | None) -> bool:
            return name in self.config["paper1"]["unfrozen"] or (
                name in starts and trained(starts[name])
            )

        return [name for name in self.shown if trained(name)]

    def told(self) -> dict[str, Any]:
        """What the page of the tables says of the run: as others, and which network it is."""
        network = self.config["train_tdnnf"].get("network", "paper")
        if self.config["train_tdnnf"].get("objective") == "xent":
            network += ", trained by frame cross-entropy"
        if "acoustic_model" in self.config:
            network = Path(self.config["acoustic_model"]).name
        elif self.config["engine"] == "kaldi":
            network = f"{(DEFAULTS | self.config.get('kaldi', {}))['network']}, of Kaldi's programs"
        said = told(self.run)
        return said | {"note": f"{said['note']}; network: {network}"}

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

    def taught(self, stage: str, name: str) -> list[Path]:
        """Synthetic scores, and what utterances are spliced of, by the teacher of a row."""
        teacher = self.config["paper1"][stage][name].get("teacher", "")
        return [path.parent / teacher / path.name for path in self.synthetic]

    def learned(self, name: str) -> list[Path]:
        """The synthetic scores that an unfrozen row learns, if it does."""
        learns = self.config["paper1"]["unfrozen"][name].get("synthetic")
        return self.taught("unfrozen", name)[:1] if learns else []

    def lower(self, name: str, split: str) -> Path:
        """What enters the acoustic layers that an unfrozen row trains."""
        return self.run.work / self._entering(name) / self.run.corpus / split / "lower.scp"

    def _entering(self, name: str) -> str:
        upper = (self.config["paper1"]["unfreeze_scorer"] | self.options("unfrozen", name))["upper"]
        return f"activations/{upper}"

    def also_learned(self, name: str) -> dict[str, list[Path]]:
        """Pooled vectors of the unlabelled datasets and what enters the layers, if a row learns."""
        learns = bool(self.learned(name))
        return {
            "unlabelled": self.datasets("pool", "phones.scp") * learns,
            "unlabelled_lower": self.datasets(self._entering(name), "lower.scp") * learns,
        }

    def frames(self, stage: str, name: str, splits: Iterable[str]) -> list[Path]:
        """The deep features by frame of `splits`, if a row reads them (`frame_norm`)."""
        folder = self.run.work / "deep" / self.run.corpus
        wanted = self.options(stage, name).get("frame_norm")
        return [folder / split / "frame_shift" for split in splits] if wanted else []

    def unlabelled_frames(self, name: str) -> list[Path]:
        """Those of the copies and of other unlabelled speech, if a row of stage (ii) reads them."""
        wanted = self.options("pretrained", name).get("frame_norm")
        others = self.datasets("deep", "frame_shift") if wanted else []
        return [*self.frames("pretrained", name, self.copies), *others]

    def options(self, stage: str, name: str) -> dict[str, Any]:
        """A row's own options of its stage; fine-tuning has a section for all rows besides."""
        shared = self.config["paper1"].get("finetune", {}) if stage == "finetuned" else {}
        row = self.config["paper1"][stage][name]
        return shared | {k: v for k, v in row.items() if k not in _PLANNED}
