"""Section `compared`: published models, each through the scorers of the run, in one table."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyscorer.config import Run
from pyscorer.errors import InputError, naming
from pyscorer.planning.acoustic import Acoustic
from pyscorer.planning.commands import Config, scored, stage_options
from pyscorer.planning.ctc import by_ctc

_POSTERIORS = {"log_posterior", "log_rival"}
"""Extra inputs of a scorer that an encoder does not give."""


@dataclass(frozen=True)
class Compared:
    """Published models in the place of the run's acoustic model; data and alignment are the run's.

    Each source names an `acoustic_model`, which gives deep features and GOP, or a section `encode`,
    which gives deep features.
    """

    config: Config
    run: Run

    def check(self) -> None:
        """Raise InputError for a source that is neither or both, or that cannot be planned with."""
        for name, source in self.sources.items():
            with naming(f"compared.{name}"):
                if ("acoustic_model" in source) == ("encode" in source):
                    raise InputError("name an acoustic_model, or a section encode, and not both")
                if "acoustic_model" not in source and source.keys() != {"encode"}:
                    raise InputError("phone_map and import_published are of an acoustic_model")
                if "acoustic_model" in source:
                    self.acoustic(name).check()
                elif not self._scorers(name):
                    raise InputError("every scorer of the run reads posteriors: add one without")

    @property
    def sources(self) -> dict[str, Any]:
        """By name, as configured."""
        return dict(self.config["compared"])

    def acoustic(self, name: str) -> Acoustic:
        """A source as acoustic model, which has a folder of its own."""
        published: dict[str, Any] = {"import_published": {}} | self.sources[name]
        return Acoustic(published, replace(self.run, work=self.folder(name)))

    def folder(self, name: str) -> Path:
        """Where what is made with a source is."""
        return self.run.work / "compared" / name

    def write_phone_maps(self) -> None:
        """Write down phone maps that stand in the configuration."""
        for name in self._with_posteriors:
            self.acoustic(name).write_phone_map()

    def options(self, name: str, stage: str) -> dict[str, Any]:
        """Of import_published or encode."""
        base = self.acoustic(name).options if stage == "import_published" else {}
        return stage_options(self.sources[name], stage, base=base)

    def deep(self, name: str, split: str) -> Path:
        """What tells that the deep features of a split are there."""
        stage = "deep" if name in self._with_posteriors else "encoded"
        return self.folder(name) / stage / self.run.corpus / split / "frame_shift"

    def pooled(self, name: str) -> dict[str, bool]:
        """Options of pool."""
        return {} if name in self._with_posteriors else {"posteriors": False}

    @property
    def rows(self) -> dict[str, Path]:
        """Name in the table -> the scores: those of the run, then of every source."""
        own = [*self.config["scorers"], *self.config["baselines"]]
        found = dict(zip(own, scored(self.config, self.run), strict=True))
        for name in self.sources:
            made = [("scorers", scorer) for scorer in self._scorers(name)]
            if name in self._with_posteriors:
                by_gop = [b for b in self.config["baselines"] if not by_ctc(self.config, b)]
                made += [("baselines", baseline) for baseline in by_gop]
            for kind, scorer in made:
                found[f"{name}: {scorer}"] = self.folder(name) / kind / scorer / "scores.csv"
        return found

    @property
    def _with_posteriors(self) -> list[str]:
        return [name for name, source in self.sources.items() if "acoustic_model" in source]

    def _scorers(self, name: str) -> list[str]:
        scorers = self.config["scorers"]
        if name in self._with_posteriors:
            return [*scorers]
        return [n for n, own in scorers.items() if not _POSTERIORS & set(own.get("extras", ()))]
