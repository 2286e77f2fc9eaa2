"""What the stage `judge_model` is given of a run's models, so that it can hear recordings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.planning.acoustic import Acoustic
from pyscorer.planning.commands import stage_section
from pyscorer.planning.graders import recogniser
from pyscorer.planning.speech import Speech


@dataclass(frozen=True)
class Judging:
    """Of recorded responses; of typed ones (`speech` is None) nothing is needed.

    All of it is named that experts may read: the stage takes what the chosen ones need.
    """

    speech: Speech | None
    answers: Path
    """The file or folder in that of answer_features that tells that it is there."""

    @property
    def _listening(self) -> bool:
        """Whether an expert of the configuration listens."""
        experts = self.speech.config["proficiency"]["experts"] if self.speech else {}
        return bool(self.speech) and any(map(self.speech.listens, experts))  # type: ignore[union-attr]

    @property
    def folders(self) -> dict[str, Path]:
        """Flag -> the file that tells that the folder which it names is there."""
        if self.speech is None:
            return {}
        work, corpus, hearing = self.speech.run.work, self.speech.run.corpus, self.speech.hearing
        named = {"decoded": work / hearing.decoder / corpus / "train" / "hyp.text"}
        if not self._listening:
            return named
        named |= {
            "gmm": work / "gmm" / "final.npz",
            "ali": work / "ali" / self.speech.heard / "train" / "phones.ctm",
            "answers": self.answers,
        }
        if hearing.second:
            named["second"] = work / hearing.second / corpus / "train" / "hyp.text"
        return named

    @property
    def files(self) -> dict[str, Path]:
        """Flag -> the file or folder that it names."""
        if self.speech is None:
            return {}
        hearing, work = self.speech.hearing, self.speech.run.work
        used = {hearing.decoder, hearing.second} if self._listening else {hearing.decoder}
        named = {"lexicon": hearing.lexicon}
        if "decode" in used or self._listening:
            named["tdnnf"] = Acoustic(self.speech.config, self.speech.run).model
        if "decode" in used:
            named["graph"] = work / "decoding_graph"
        return named

    @property
    def options(self) -> dict[str, Any]:
        """Models that have names, and how the encoders' states were computed."""
        if self.speech is None:
            return {}
        config, hearing = self.speech.config, self.speech.hearing
        given: dict[str, Any] = {}
        if model := self._model(hearing.decoder):
            given["recogniser"] = model
        if not self._listening:
            return given
        if model := self._model(hearing.second):
            given["second_recogniser"] = model
        if encode := config.get("encode", {}):
            given["encoder"] = encode["model"]
            given |= {key: encode[key] for key in ("layers", "pad", "ivectors") if key in encode}
        if "recogniser_view" in config:
            given["view"] = (recogniser(config) | stage_section(config, "recogniser_view"))["model"]
        return given

    def _model(self, stage: str | None) -> Any:
        """The model of a decoder that is not our own."""
        if self.speech is None or stage in (None, "decode"):
            return None
        hearing = self.speech.hearing
        base = hearing.vosk_options if stage == "decode_vosk" else hearing.whisper_options
        return (base | stage_section(self.speech.config, str(stage)))["model"]
