"""A configuration, checked and settled: the run, its corpora, and what each section stands for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import GENERATED, Run, manifests_folder, resolve_run, settle
from pyscorer.corpora.manifests import Manifest, load_manifest
from pyscorer.corpora.sources import note, recordings, sources
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.binaries import check_binaries
from pyscorer.kaldi.iterations import DEFAULTS, Training
from pyscorer.planning.acoustic import Acoustic, check_acoustic
from pyscorer.planning.commands import Config, stage_options
from pyscorer.planning.compared import Compared
from pyscorer.planning.ctc import check_ctc
from pyscorer.planning.graders import Graders
from pyscorer.planning.parts import Parts
from pyscorer.planning.responses import Responses, by_paper, find_responses
from pyscorer.planning.rows import Rows
from pyscorer.planning.speech import Speech, with_encoder
from pyscorer.shipped import RECIPES


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
        manifest, folder = self._manifest(corpus)
        named = {
            file
            for split in manifest.splits
            for part in [sources(manifest, folder, split)]
            for file in (part.spoken.table, *part.labels.files)
        }
        return [p for p in map(folder.__truediv__, manifest.required) if p not in named]

    def changes(self, part: str, corpus: str, split: str) -> Path:
        """The file that tells when what was `spoken` in a split changed, or its `labels`."""
        return self.run.work / "changes" / corpus / f"{split}.{part}"

    def note_changes(self) -> None:
        """Write these files anew, of all splits of the run, where something changed."""
        for corpus in self.run.sources:
            manifest, folder = self._manifest(corpus)
            for split in manifest.splits:
                parts = sources(manifest, folder, split)
                prepared = self.run.work / "prepared" / corpus / split
                audio = recordings(prepared) if self.config.get("watch_recordings", True) else []
                note(self.changes("spoken", corpus, split), parts.spoken, audio)
                note(self.changes("labels", corpus, split), parts.labels)

    def _manifest(self, corpus: str) -> tuple[Manifest, Path]:
        """A corpus's manifest, and the folder that it lies in."""
        manifest = load_manifest(corpus, manifests_folder(self.config))
        return manifest, manifest.place(self.run.sources[corpus].root)

    def download_options(self, corpus: str) -> dict[str, Any]:
        """The stage's own choice for the corpus that is scored, else the splits that are needed."""
        if corpus == self.run.corpus:
            return self._manifests() | stage_options(self.config, "download")
        read = dict.fromkeys((*self.run.acoustic, *self.run.unlabelled))
        datasets = [dataset.split("/") for dataset in read]
        splits = [split for owner, split in datasets if owner == corpus]
        return self._manifests() | {"splits": splits}

    def prepare_options(self, corpus: str) -> dict[str, Any]:
        """The number of speakers is a matter of the corpus that is scored, but for the sample."""
        scored = corpus == self.run.corpus and corpus not in GENERATED
        return self._manifests() | (stage_options(self.config, "prepare") if scored else {})

    def label_options(self) -> dict[str, Any]:
        """Where manifests are looked for."""
        return self._manifests()

    def _manifests(self) -> dict[str, Any]:
        folder = manifests_folder(self.config)
        return {"manifests": folder} if folder else {}


def tree_files(config: Config, run: Run) -> tuple[Path, Path]:
    """The acoustic model's tree, and the file that tells that it is there."""
    acoustic = Acoustic(config, run)
    if acoustic.published:  # whose own it is, if it has one
        return acoustic.model.with_name("am") / "tree", acoustic.model
    if config["engine"] == "kaldi" or "acoustic_model" in config:
        # import_kaldi writes it where the model has one.
        return run.work / "tdnnf" / "tree.json", run.work / "tdnnf" / "final.pt"
    return run.work / "graphs" / "tree.json", run.work / "graphs" / "normalization.fst"


def kaldi_training(config: Config, run: Run) -> Training:
    """The training of the kaldi engine. Raises InputError where it cannot be."""
    settings = DEFAULTS | dict(config.get("kaldi", {}))
    training = Training(run.work / "kaldi", run.acoustic, settings)
    training.check()
    return training


@dataclass(frozen=True)
class Plan:
    """All that a configuration stands for; what it has no section for is None."""

    config: Config
    """As plain values, its paths expanded."""
    run: Run
    corpora: Corpora
    parts: Parts
    acoustic: Acoustic
    graders: Graders | None
    rows: Rows | None
    responses: Responses | None
    speech: Speech | None
    kaldi: Training | None
    compared: Compared | None

    def note(self) -> None:
        """Write what the rules read of the configuration, and of what changed, where it is new.

        Raises InputError where programs of Kaldi are missing that the run needs.
        """
        if self.kaldi:
            with naming("engine kaldi"):
                check_binaries(RECIPES)
        self.corpora.note_changes()
        self.acoustic.write_phone_map()
        if self.compared:
            self.compared.write_phone_maps()


def make_plan(config: Config) -> Plan:
    """Check a configuration and settle it. Raises InputError naming what is wrong with it."""
    config = with_encoder(settle(config))
    run = resolve_run(config)
    graders = Graders(config, run) if "grading" in config else None
    rows = Rows(config, run) if "paper1" in config else None
    compared = Compared(config, run) if "compared" in config else None
    parts = Parts(config, run)
    for part in (parts, graders, rows, compared):
        if part:
            part.check()
    check_acoustic(config, run, rows)
    check_ctc(config)
    if config.get("proficiency", {}).get("name") == run.name:
        raise InputError(
            f"proficiency.name: {run.name} is the run's own: one would remove the other's folders"
        )
    speech = Speech(config, run) if "speech" in config.get("proficiency", {}) else None
    if speech and by_paper(config):
        raise InputError(
            "proficiency.protocol: paper is of prompts and transcripts: take out proficiency.speech"
        )
    if speech:
        speech.check()
        responses: Responses | None = speech.responses()
    else:
        responses = find_responses(config) if "proficiency" in config else None
    kaldi = kaldi_training(config, run) if config["engine"] == "kaldi" else None
    if "kaldi_decode" in config and (kaldi is None or "acoustic_model" in config):
        raise InputError(
            "kaldi_decode: only the network that engine kaldi trains is decoded with so: take this "
            "section out, decode has options for others"
        )
    return Plan(
        config, run, Corpora(config, run), parts, Acoustic(config, run), graders, rows, responses,
        speech, kaldi, compared,
    )  # fmt: skip
