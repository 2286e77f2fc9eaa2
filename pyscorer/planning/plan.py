"""A configuration, checked and settled: the run, its corpora, and what each section stands for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import SAMPLE, Run, manifests_folder, resolve_run, settle
from pyscorer.corpora.manifests import MANIFESTS, load_manifest
from pyscorer.corpora.own_table import named_files
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.binaries import check_binaries
from pyscorer.kaldi.iterations import DEFAULTS, Training
from pyscorer.planning.commands import Config, existing, stage_options
from pyscorer.planning.graders import Graders
from pyscorer.planning.responses import Responses, find_responses
from pyscorer.planning.rows import Rows

RECIPES = MANIFESTS.parent / "kaldi_recipes"


@dataclass(frozen=True)
class Corpora:
    """How the corpora of a run come in."""

    config: Config
    run: Run

    def files(self, corpus: str) -> list[Path]:
        """What tells that a corpus is there: the mark of stage download, else what it requires."""
        source = self.run.sources[corpus]
        if source.fetch:
            return [self.run.work / "downloaded" / corpus]
        manifest = load_manifest(corpus, manifests_folder(self.config))
        folder = manifest.place(source.root)
        files = [folder / path for path in manifest.required]
        if manifest.own:
            # What is missing of it is for `validate` to say.
            files += existing(*named_files(manifest.own, folder))
        return files + (manifest.files if manifest.own or manifest.base else [])

    def download_options(self, corpus: str) -> dict[str, Any]:
        """The stage's own choice for the corpus that is scored, else the splits that are needed."""
        if corpus == self.run.corpus:
            return self._manifests() | stage_options(self.config, "download")
        datasets = [dataset.split("/") for dataset in self.run.acoustic]
        splits = [split for owner, split in datasets if owner == corpus]
        return self._manifests() | {"splits": splits}

    def prepare_options(self, corpus: str) -> dict[str, Any]:
        """The number of speakers is a matter of the corpus that is scored, but for the sample."""
        scored = corpus == self.run.corpus != SAMPLE
        return self._manifests() | (stage_options(self.config, "prepare") if scored else {})

    def _manifests(self) -> dict[str, Any]:
        folder = manifests_folder(self.config)
        return {"manifests": folder} if folder else {}


def tree_files(config: Config, run: Run) -> tuple[Path, Path]:
    """The acoustic model's tree, and the file that tells that it is there."""
    if config["engine"] == "kaldi" or "acoustic_model" in config:
        # import_kaldi writes it where the model has one.
        return run.work / "tdnnf" / "tree.json", run.work / "tdnnf" / "final.pt"
    return run.work / "graphs" / "tree.json", run.work / "graphs" / "normalization.fst"


def kaldi_training(config: Config, run: Run) -> Training:
    """The training of the kaldi engine. Raises InputError where it cannot be."""
    owner, _, split = run.acoustic[0].partition("/")
    if len(run.acoustic) > 1 or owner != run.corpus:
        raise InputError("engine kaldi: acoustic_data: only one split, and one of the corpus")
    with naming("engine kaldi"):
        check_binaries(RECIPES)
    return Training(run.work / "kaldi", split, DEFAULTS | dict(config.get("kaldi", {})))


@dataclass(frozen=True)
class Plan:
    """All that a configuration stands for; what it has no section for is None."""

    config: Config
    """As plain values, its paths expanded."""
    run: Run
    corpora: Corpora
    graders: Graders | None
    rows: Rows | None
    responses: Responses | None
    kaldi: Training | None


def make_plan(config: Config) -> Plan:
    """Check a configuration and settle it. Raises InputError naming what is wrong with it."""
    config = settle(config)
    run = resolve_run(config)
    graders = Graders(config, run) if "grading" in config else None
    rows = Rows(config, run) if "paper1" in config else None
    for part in (graders, rows):
        if part:
            part.check()
    if config.get("proficiency", {}).get("name") == run.name:
        raise InputError(
            f"proficiency.name: {run.name} is the run's own: one would remove the other's folders"
        )
    responses = find_responses(config) if "proficiency" in config else None
    kaldi = kaldi_training(config, run) if config["engine"] == "kaldi" else None
    return Plan(config, run, Corpora(config, run), graders, rows, responses, kaldi)
