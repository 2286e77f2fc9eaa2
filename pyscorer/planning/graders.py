"""Section `grading`: the graders of a run, their averages, and the sources that they read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import SAMPLE, Run, manifests_folder
from pyscorer.errors import InputError
from pyscorer.planning.commands import SPLITS, Config, stage_section
from pyscorer.planning.ctc import CTC
from pyscorer.planning.folded import Folded


def recogniser(config: Config) -> dict[str, Any]:
    """Options of recogniser_view: the first of the encoders where it names no model itself."""
    encoders = config.get("encode", {}).get("model", [])
    first = [encoders] if isinstance(encoders, str) else encoders
    named = stage_section(config, "recogniser_view")
    return {"model": first[0]} | named if first else named


_SOURCES = {
    "tdnnf": "pool",
    "gop": "gop",
    "encoder": "pool_encoded",
    "learned_gop": "learned_gop",
    "heard": "heard_phones",
    "recogniser": "recogniser_view",
    "prosody": "prosody",
    "ctc_gop": "ctc_gop",
}
_MOST_WITH_ENCODER = 16
"""Megabytes of a bundle that reads an encoder, whose package has ten times that."""
_NEEDS_ENCODER = ("encoder", "learned_gop")
_NEEDS_RECOGNISER = ("heard", "recogniser")


@dataclass(frozen=True)
class Graders:
    """The graders of section `grading`, and the sources that they read."""

    config: Config
    run: Run

    def check(self) -> None:
        """Raise InputError for a source whose section is missing, and an average of nothing.

        And for deep features of folds: those of different networks are not of one basis.
        """
        self.cross_fit.check()
        lacking = {} if "encode" in self.config else dict.fromkeys(_NEEDS_ENCODER, "encode")
        if "model" not in recogniser(self.config):
            lacking |= dict.fromkeys(_NEEDS_RECOGNISER, "encode (or recogniser_view with a model)")
        if CTC not in self.config:
            lacking["ctc_gop"] = CTC
        for name in self.names:
            for source in self.sources(name):
                if source == "tdnnf" and self.cross_fit:
                    raise InputError(
                        f"grading.graders.{name}.sources: deep features (tdnnf) of the networks of "
                        "different folds are not alike: name the sources without, or take out "
                        "grading.cross_fit"
                    )
                if source in lacking:
                    raise InputError(
                        f"grading.graders.{name}.sources: {source} needs a section "
                        f"{lacking[source]}; add it, or name the sources without it"
                    )
        for name, grader in self.shipped.items():
            if grader not in self.names:
                raise InputError(f"grading.shipped.{name}: no grader is called {grader}")
        for name, parts in self.averages.items():
            for part in parts:
                if part not in self.names:
                    raise InputError(f"grading.averages.{name}: no grader is called {part}")

    @property
    def cross_fit(self) -> Folded:
        """The folds whose GOP is by models that have not heard them."""
        return Folded(self.config, self.run, self.config["grading"].get("cross_fit", 1))

    @property
    def shipped(self) -> dict[str, str]:
        """Name of a bundle that comes with the package -> the grader that it is made of."""
        return dict(self.config["grading"].get("shipped", {}))

    @property
    def names(self) -> list[str]:
        """The graders, in their order; the first is bundled."""
        return [*self.config["grading"]["graders"]]

    @property
    def averages(self) -> dict[str, list[str]]:
        """Name -> the graders that it is the average of."""
        return dict(self.config["grading"].get("averages", {}))

    @property
    def all_sources(self) -> dict[str, Path]:
        """Source -> folder of its splits."""
        made = {s: self.run.work / made / self.run.corpus for s, made in _SOURCES.items()}
        return made | ({"gop": self.cross_fit.gop} if self.cross_fit else {})

    def options(self, name: str) -> dict[str, Any]:
        """What all graders have, and its own."""
        own: dict[str, Any] = self.config["grading"]["graders"][name]
        return stage_section(self.config, "train_grader") | (own or {})

    def sources(self, name: str) -> dict[str, Path]:
        """The sources that a grader reads; GOP for the phones where it reads none."""
        known = self.all_sources
        left_out = {"ctc_gop": CTC not in self.config, "tdnnf": bool(self.cross_fit)}
        unasked = [s for s in known if not left_out.get(s)]
        wanted = self.options(name).get("sources", unasked)
        return {s: path for s, path in known.items() if s in wanted} or {"gop": known["gop"]}

    def source_files(self, name: str) -> list[Path]:
        """What tells that the sources are whole."""
        last = {"recogniser": "utterances.csv"}
        return [
            path / split / last.get(source, "phones.scp")
            for source, path in self.sources(name).items()
            for split in SPLITS
        ]

    def model(self, name: str) -> Path:
        """The file that stands for a grader or an average: in its folder are its scores."""
        if name in self.averages:
            return self.run.work / "averaged_graders" / name / "scores_phone.csv"
        return self.run.work / "graders" / name / "model.pt"

    @property
    def rivals(self) -> list[Path]:
        """Learned GOP, which the graders' phones are compared with, where there is an encoder."""
        learned = self.all_sources["learned_gop"] / "test" / "phones.scp"
        return [learned] if "encode" in self.config else []

    def evaluation(self) -> dict[str, Any]:
        """What evaluate_grader compares with."""
        given: dict[str, Any] = {}
        if self.rivals:
            given["learned_gop"] = self.rivals[0].parent
        if self.run.corpus == SAMPLE:
            given["truth"] = self.run.sources[SAMPLE].root / SAMPLE / "truth.csv"
        return given

    def shipping(self, name: str) -> dict[str, Any]:
        """What ship_bundle needs besides, of the grader that the bundle `name` is made of."""
        made, manifests = self.bundle(self.shipped[name]), manifests_folder(self.config)
        given: dict[str, Any] = {k: made[k] for k in ("encoder", "recogniser", "ctc") if k in made}
        given["corpus"] = self.run.corpus
        if "encoder" in given:
            given["most"] = _MOST_WITH_ENCODER
        return given | ({"manifests": manifests} if manifests else {})

    def bundle(self, name: str) -> dict[str, Any]:
        """What bundle_grader needs besides, of the sources that the grader reads."""
        sources, encode = self.sources(name), self.config.get("encode", {})
        given: dict[str, Any] = {}
        if sources.keys() & set(_NEEDS_ENCODER):
            given["encoder"] = encode["model"]
            given |= {key: encode[key] for key in ("layers", "pad", "ivectors") if key in encode}
        if "learned_gop" in sources:
            given["learned_gop"] = self.run.work / "learned_gop" / "model.pt"
        if sources.keys() & set(_NEEDS_RECOGNISER):
            given["recogniser"] = recogniser(self.config)["model"]
            given["view"] = self.all_sources["recogniser"] / "train"
        if "ctc_gop" in sources:
            given["ctc"] = self.config[CTC]["model"]
            given |= stage_section(self.config, "ctc_gop")
        return given
