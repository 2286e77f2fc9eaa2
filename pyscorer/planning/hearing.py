"""How a run recognises speech: which decoder, and what its language model is estimated from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import GENERATED, Run
from pyscorer.planning.commands import Config, existing, stage_section

DECODERS = {"own": "decode", "vosk": "decode_vosk", "whisper": "transcribe"}
"""Names in `proficiency.speech` -> the stages, each with a folder of its name."""
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
    def speech(self) -> dict[str, Any] | None:
        """Section `proficiency.speech`; None: nothing is judged, or transcripts are."""
        speech: dict[str, Any] | None = self.config.get("proficiency", {}).get("speech")
        return speech

    @property
    def decoder(self) -> str:
        """The stage that recognises."""
        return DECODERS[(self.speech or {}).get("decoder", "own")]

    @property
    def second(self) -> str | None:
        """The stage that recognises once more, if any."""
        named = (self.speech or {}).get("second")
        return DECODERS[named] if named else None

    @property
    def data(self) -> list[Path]:
        """What tells that the data are there whose texts the language model is estimated from."""
        read = self.run.acoustic if self.speech is not None else [f"{self.run.corpus}/train"]
        return [self.run.work / "data" / dataset / "utt2spk" for dataset in read]

    @property
    def lexicon(self) -> Path:
        """The lexicon of the language model, and of what was heard."""
        return self.data[0].with_name("lexicon.txt")

    @property
    def grammar(self) -> Path | None:
        """The reference grammar: the one that is named, or a generated corpus's own."""
        if self.speech is None:
            return None
        named = stage_section(self.config, "prepare_responses").get("grammar")
        if named is None and self.run.corpus in GENERATED:
            return self.run.sources[self.run.corpus].root / self.run.corpus / "grammar.csv"
        return Path(named) if named else None

    @property
    def grammar_files(self) -> list[Path]:
        """What tells that the grammar is there, or has changed."""
        if self.grammar and self.run.sources[self.run.corpus].fetch:
            return [self.run.work / "downloaded" / self.run.corpus]
        return existing(self.grammar)

    @property
    def graph_options(self) -> dict[str, Any]:
        """Options of decoding_graph; of these the configuration may change `unknown_words`."""
        texts: dict[str, Any] = {"text": [path.with_name("text") for path in self.data]}
        if self.speech is None:
            return texts
        return texts | {"grammar": self.grammar, "unknown_words": "guess"}

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
