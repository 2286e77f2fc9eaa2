"""How a run recognises speech: which decoder, and what its language model is estimated from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import Run
from pyscorer.planning.commands import Config, existing, stage_section

DECODERS = {"own": "decode", "vosk": "decode_vosk", "whisper": "transcribe"}
"""Names in `proficiency.speech.decoder` -> the stages; all write the same files."""
_PACKAGED = "tiny.en"


@dataclass(frozen=True)
class Hearing:
    """The recogniser of a run.

    Where responses are judged (`proficiency.speech`), no model may learn from whom they are of: the
    language model is estimated from the texts of the acoustic model's data and from the reference
    grammar, and words that the lexicon lacks are pronounced as they are spelled.
    """

    config: Config
    run: Run

    @property
    def _speech(self) -> dict[str, Any] | None:
        speech: dict[str, Any] | None = self.config.get("proficiency", {}).get("speech")
        return speech

    @property
    def decoder(self) -> str:
        """The stage that recognises."""
        return DECODERS[(self._speech or {}).get("decoder", "own")]

    @property
    def texts(self) -> list[Path]:
        """What the language model is estimated from, but for the grammar."""
        read = self.run.acoustic if self._speech is not None else [f"{self.run.corpus}/train"]
        return [self.run.work / "data" / dataset / "text" for dataset in read]

    @property
    def lexicon(self) -> Path:
        """The lexicon of the language model, and of what was heard."""
        return self.texts[0].with_name("lexicon.txt")

    @property
    def grammar(self) -> list[Path]:
        """The reference grammar, if there is one."""
        if self._speech is None:
            return []
        return existing(stage_section(self.config, "prepare_responses").get("grammar"))

    @property
    def graph_options(self) -> dict[str, Any]:
        """Options of decoding_graph that the configuration may change."""
        return {} if self._speech is None else {"unknown_words": "guess"}

    @property
    def whisper_options(self) -> dict[str, Any]:
        """Options of transcribe that the configuration may change."""
        return {"model": _PACKAGED}

    @property
    def vosk_model(self) -> Path:
        """The model of decode_vosk: one that is named, else this run's own."""
        named = stage_section(self.config, "decode_vosk").get("model")
        return Path(named) if named else self.run.results / "vosk"

    @property
    def vosk_options(self) -> dict[str, Any]:
        """Options of decode_vosk."""
        return {"model": self.vosk_model}
