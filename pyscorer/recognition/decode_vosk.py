"""Stage `decode_vosk`: transcripts by Vosk, which is Kaldi's online decoder as a library."""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE, as_int16
from pyscorer.contract.ctm import FRAME_SHIFT, Segment
from pyscorer.contract.datadir import Utterance, read_wav
from pyscorer.contract.decoded import Alternative, Decoded, add_words, write_decoder
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError
from pyscorer.evaluation.heard_text import write_heard
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.lexicon.words import TranscriptReader
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map


@dataclass(frozen=True)
class VoskOptions:
    """How `decode_vosk` goes about its work."""

    nbest: int = option(
        10, "transcripts of an utterance, at most; above 1 it is decoded twice", ge=1
    )
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def decode_vosk(
    data: Path, model: Path, out: Path, options: VoskOptions, lexicon: Path | None = None
) -> None:
    """Recognise every utterance of `data` with Vosk.

    `model` is a directory that export_vosk wrote, or a published Vosk model; words are spelled as
    `lexicon` has them, where one is given. Writes the folder of `contract.decoded`: `out/hyp.text`
    and `out/words.ctm` (the transcript of least Bayes risk, with its confidences, Xu et al. 2011),
    and `out/nbest.csv`; where `data` has a text, `out/wer.csv` too. Models without position-
    dependent phones, as those of export_vosk, have rough word times: when the graph wrote a word.
    Streams.

    Raises InputError if Vosk is not installed, for a model that it does not load, and, naming the
    utterance, for a recording that cannot be read.
    """
    _load(model)
    utterances = read_utterances(data)
    reader = TranscriptReader(read_lexicon(lexicon) if lexicon else {})
    source = _Source(model, reader, options.nbest)
    write_decoder(out, "vosk", options)
    write_heard(
        out, data, utterances, shared_map(_decode, source, utterances.values(), options.jobs)
    )


@dataclass(frozen=True)
class _Source:
    model: Path
    reader: TranscriptReader
    nbest: int


@functools.cache
def _load(model: Path) -> Any:
    """The model, once in each process."""
    try:
        import vosk
    except ImportError as error:
        raise InputError(
            f"vosk is not installed ({error}): pip install 'pyscorer[vosk]', or choose another "
            "decoder (decode, transcribe)"
        ) from None
    if not any((model / place).is_file() for place in ("am/final.mdl", "final.mdl")):
        raise InputError(f"{model}: no Vosk model: it has neither am/final.mdl nor final.mdl")
    vosk.SetLogLevel(-1)
    try:
        return vosk.Model(str(model))
    except Exception as error:  # Vosk raises no other
        raise InputError(
            f"{model}: Vosk does not load it ({error}): copy the model again"
        ) from None


@one_thread()
def _decode(source: _Source, utterance: Utterance) -> tuple[Decoded, float]:
    samples = read_wav(utterance)
    decoded = hear_vosk(source.model, utterance.key, samples, source.reader, source.nbest)
    return decoded, len(samples) / SAMPLE_RATE


def hear_vosk(
    model: Path, key: str, samples: np.ndarray, reader: TranscriptReader, nbest: int
) -> Decoded:
    """What Vosk hears in one recording (16 kHz); the model is loaded once in each process."""
    recording = as_int16(samples).tobytes()
    best = _result(model, recording, 0)
    others = _result(model, recording, nbest) if nbest > 1 else {}
    return as_decoded(key, best, others, reader)


def _result(model: Path, recording: bytes, alternatives: int) -> dict[str, Any]:
    """Vosk's answer: with alternatives, it knows no confidences of words."""
    import vosk

    recogniser = vosk.KaldiRecognizer(_load(model), SAMPLE_RATE)
    recogniser.SetMaxAlternatives(alternatives)
    recogniser.SetWords(True)
    recogniser.AcceptWaveform(recording)
    answer: dict[str, Any] = json.loads(recogniser.FinalResult())
    return answer


def as_decoded(
    key: str, best: dict[str, Any], others: dict[str, Any], reader: TranscriptReader
) -> Decoded:
    """Vosk's answers, without and with alternatives, as an utterance of the folder.

    The transcript is that of least risk, which need not be the likeliest; its score is that of the
    likeliest where it is not among the alternatives.
    """
    segments: list[Segment] = []
    for word in best.get("result", ()):
        times = word["start"] / FRAME_SHIFT, word["end"] / FRAME_SHIFT
        add_words(segments, reader.words(word["word"]), *times, min(1.0, word["conf"]))
    if not segments:
        return Decoded(key, ())
    transcript = tuple(segment.label for segment in segments)
    scores = dict(_unique(others.get("alternatives", ()), reader))
    own = scores.pop(transcript, max(scores.values(), default=0.0))
    rest = (Alternative(words, score) for words, score in scores.items())
    return Decoded(key, tuple(segments), (Alternative(transcript, own), *rest))


def _unique(
    alternatives: Iterable[dict[str, Any]], reader: TranscriptReader
) -> Iterable[tuple[tuple[str, ...], float]]:
    seen = set()
    for one in alternatives:
        words = tuple(reader.words(one["text"]))
        if words not in seen:
            seen.add(words)
            yield words, one["confidence"]
