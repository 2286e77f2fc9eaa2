"""Section `proficiency.speech`: responses that are recorded, and what of them the experts get."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import Run
from pyscorer.errors import InputError
from pyscorer.planning.commands import SPLITS, Config, stage_section
from pyscorer.planning.hearing import DECODERS, Hearing
from pyscorer.planning.responses import Responses
from pyscorer.proficiency.architectures import architecture

_TYPED = ("corpus", "train", "test", "transcripts")
"""Options of prepare_responses that name typed or recognised responses."""


def with_encoder(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with section `encode` for the encoder that `speech` names."""
    encoder = config.get("proficiency", {}).get("speech", {}).get("encoder")
    if not encoder:
        return config
    return config | {"encode": {"model": encoder} | config.get("encode", {})}


@dataclass(frozen=True)
class Speech:
    """The run's corpus as recorded responses.

    What was heard of a split is a data directory of its own, of corpus `heard-<corpus>`, which goes
    through the stages as any other.
    """

    config: Config
    run: Run

    def check(self) -> None:
        """Raise InputError for what cannot be, and for an acoustic model of the responses."""
        section, where = self.hearing.speech or {}, "proficiency.speech"
        if self.config["engine"] == "kaldi":
            raise InputError(f"{where}: engine kaldi: only the torch engine takes what was heard")
        first, second = section.get("decoder", "own"), section.get("second")
        if first == second:
            raise InputError(f"{where}.second: {second} is the first decoder already: name another")
        options = stage_section(self.config, "prepare_responses")
        if given := [name for name in _TYPED if options.get(name)]:
            raise InputError(
                f"proficiency.prepare_responses.{given[0]}: the responses are those of corpus "
                f"{self.run.corpus}, as {where} says: take either of them out"
            )
        own = [f"{self.run.corpus}/{split}" for split in SPLITS]
        learnt = [dataset for dataset in self.learnt_from if dataset in own]
        if learnt and not options.get("allow_known_speakers"):
            raise InputError(
                f"acoustic_data: {learnt[0]} are responses themselves: a model that has heard "
                "them hears them better than anyone else's. Name a split of other speakers, or "
                "another corpus; or a published acoustic_model; or set "
                "proficiency.prepare_responses.allow_known_speakers"
            )

    @property
    def hearing(self) -> Hearing:
        """Its decoders."""
        return Hearing(self.config, self.run)

    @property
    def learnt_from(self) -> tuple[str, ...]:
        """Datasets that acoustic and language model learn from; none of a published model."""
        return () if "acoustic_model" in self.config else self.run.acoustic

    @property
    def heard(self) -> str:
        """The corpus of what was heard."""
        return f"heard-{self.run.corpus}"

    def responses(self) -> Responses:
        """Where the responses come from."""
        hearing, options = self.hearing, stage_section(self.config, "prepare_responses")
        found: dict[str, list[Path]] = {}
        for split in SPLITS:
            found[f"{split}_data"] = [self._both("labelled", self.run.corpus, "utt2spk")[split]]
            found[f"{split}_decoded"] = [
                self._both(hearing.decoder, self.run.corpus, "hyp.text")[split]
            ]
        found["acoustic_data"] = [
            self.run.work / "data" / dataset / "utt2spk" for dataset in self.learnt_from
        ]
        names = {stage: name for name, stage in DECODERS.items()}
        note = f"the recordings of {self.run.corpus}, transcribed by {names[hearing.decoder]}"
        return Responses(
            options | {"grammar": hearing.grammar}, note, hearing.grammar_files, [], found
        )

    def answers(self) -> dict[str, list[Path]]:
        """What answer_features reads, by flag: of each the training and the test split's."""
        corpus, heard, hearing = self.run.corpus, self.heard, self.hearing
        read = {
            "recordings": ("data", corpus, "utt2spk"),
            "decoded": (hearing.decoder, corpus, "hyp.text"),
            "ali": ("ali", heard, "phones.ctm"),
            "gop": ("gop", heard, "phones.scp"),
            "pool": ("pool", heard, "phones.scp"),
        }
        if "encode" in self.config:
            read["pool_encoded"] = ("pool_encoded", heard, "phones.scp")
        if hearing.second:
            read["second"] = (hearing.second, corpus, "hyp.text")
        if "recogniser_view" in self.config:
            read["view"] = ("recogniser_view", heard, "utterances.csv")
        return {flag: [*self._both(*where).values()] for flag, where in read.items()}

    def listens(self, expert: str) -> bool:
        """Whether an expert reads acoustic inputs."""
        return architecture(expert).group == "acoustic"

    def _both(self, folder: str, corpus: str, file: str) -> dict[str, Path]:
        return {split: self.run.work / folder / corpus / split / file for split in SPLITS}
