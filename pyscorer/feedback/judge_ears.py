"""What hears a recording for a judge: its decoder, and what acoustic experts are told of it."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Len
from pydantic import FiniteFloat

from pyscorer.alignment.features import mfcc
from pyscorer.alignment.gmm_model import Gmm
from pyscorer.answers.answer_encoder import AnswerEncoder
from pyscorer.answers.answer_measures import DEEP, STATES, HeardAnswer
from pyscorer.chain.acoustic_model import AcousticModel
from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.decoded import Decoded, Decoder
from pyscorer.contract.phones import PHONES
from pyscorer.contract.recording import Measure, Recording
from pyscorer.errors import InputError
from pyscorer.feedback.acoustics import (
    Acoustics,
    OwnAcoustics,
    bundled_acoustics,
    read_acoustics,
)
from pyscorer.feedback.bundled_encoders import encoder_folders
from pyscorer.feedback.listen import KEY, measure
from pyscorer.feedback.norms import read_settings
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.lexicon.words import TranscriptReader
from pyscorer.measures.gop import GMM_MEASURES, GmmMeasures, Gop
from pyscorer.measures.pool import PooledStates
from pyscorer.pretrained.encoder_layers import Ivectors, Layer, layer_numbers, with_ivectors
from pyscorer.pretrained.recogniser import Recogniser as Whisper
from pyscorer.pretrained.recogniser import load_recogniser
from pyscorer.pretrained.recogniser_view import view_recording
from pyscorer.pretrained.registry import CtcModel, Encoder, load_encoders
from pyscorer.pretrained.transcribe import TranscribeOptions, hear_recordings
from pyscorer.proficiency.expert_features import Inputs
from pyscorer.recognition.decode import hear
from pyscorer.recognition.decode_vosk import VoskOptions, hear_vosk
from pyscorer.recognition.decoder import Recogniser, SearchOptions

SETTINGS, LEXICON, GMM = "ears.json", "lexicon.txt", "final.npz"
GRAPH, FIRST, SECOND, VIEWER = "graph", "recogniser", "second", "viewer"
ANSWERS = "answers"
UNSURE_SHARE = 0.02
"""Share of training responses in which the recogniser is as unsure as where it is warned of."""

Decode = Callable[[np.ndarray], Decoded]
"""Mono samples at 16 kHz -> what was said."""


@dataclass(frozen=True)
class EarSettings:
    """What the files of a model's folder do not say."""

    first: Decoder
    second: Decoder | None = None
    unsure: FiniteFloat | None = None
    """See Ears."""
    log_stay: Annotated[tuple[FiniteFloat, ...], Len(len(PHONES) - 1, len(PHONES) - 1)] | None = (
        None
    )
    """Of each phone, see `measures.gop`; where experts listen."""
    layers: tuple[Layer, ...] = ()
    """Of the encoders."""
    pad: FiniteFloat = 0.5
    ivectors: Ivectors = "utterance"


@dataclass(frozen=True)
class AnswerModels:
    """What a response goes through for acoustic experts: `listen.Models`, and what encodes it."""

    gmm: Gmm
    acoustic: Acoustics
    encoder: Encoder | None
    layers: tuple[int, ...]
    measures: tuple[Measure, ...]
    reader: TranscriptReader
    answers: AnswerEncoder
    viewer: Whisper | None
    second: Decode | None
    ctc: CtcModel | None = None

    def __call__(self, samples: np.ndarray, heard: Decoded, prompt: str) -> dict[str, Inputs]:
        """Inputs of the acoustic experts by kind; `heard` has words."""
        second = self.second(samples).transcript if self.second is not None else None
        answer = HeardAnswer(
            *(heard, len(samples) / SAMPLE_RATE, prompt, self._aligned(samples, heard), second)
        )
        return self.answers.encode(answer)

    def _aligned(self, samples: np.ndarray, heard: Decoded) -> Recording | None:
        """None where the words cannot be aligned, as the stages leave such recordings out."""
        words = self.reader.pronounced(heard.transcript)
        if not words:
            return None
        try:
            recording = measure(self, samples, words)
        except InputError:
            return None
        if self.viewer is None:
            return recording
        return replace(recording, view=view_recording(self.viewer, samples, recording.words))


@dataclass(frozen=True)
class Ears:
    """What hears a recording: mono samples at 16 kHz."""

    decode: Decode
    listen: Callable[[np.ndarray, Decoded, str], Mapping[str, Inputs]]
    """Inputs of the acoustic experts by kind, of a recording in which something was heard, and of
    its prompt; nothing where none listens."""
    unsure: float | None = None
    """Mean confidence of the words below which the transcript is doubted."""


def no_experts(samples: np.ndarray, heard: Decoded, prompt: str) -> dict[str, Inputs]:
    """Where no expert listens, nothing but the transcript is needed."""
    return {}


def load_ears(model: Path) -> Ears | None:
    """What hears for the model of a folder; None if it was made of transcripts.

    Raises InputError naming what is missing or damaged.
    """
    if not (model / SETTINGS).exists():
        return None
    settings = read_settings(model / SETTINGS, EarSettings, "run judge_model again")
    lexicon = model / LEXICON
    reader = TranscriptReader(read_lexicon(lexicon) if lexicon.exists() else {})
    file = bundled_acoustics(model)
    acoustic = read_acoustics(file) if file.exists() else None
    decode = _decoder(settings.first, model, model / FIRST, acoustic, reader)
    if settings.log_stay is None:
        return Ears(decode, no_experts, settings.unsure)
    second = None
    if settings.second is not None:
        second = _decoder(settings.second, model, model / SECOND, acoustic, reader)
    if acoustic is None:
        raise InputError(f"{file}: no such file: run judge_model again")
    answers = AnswerEncoder.load(model / ANSWERS)
    gmm = Gmm.load(model / GMM)
    by_gmm = any(name.startswith(f"{GMM_MEASURES[0]}_") for name in answers.names)
    measures: list[Measure] = [
        PooledStates(DEEP, acoustic.dimension),
        Gop(np.array(settings.log_stay), GmmMeasures.of(gmm) if by_gmm else None),
    ]
    encoder = None
    layers: tuple[int, ...] = ()
    if STATES in answers.projections:
        folders = list(itertools.takewhile(Path.exists, encoder_folders(model)))
        encoder = load_encoders(folders or [next(encoder_folders(model))], settings.pad)
        encoder = with_ivectors(encoder, settings.ivectors)
        layers = layer_numbers(encoder, settings.layers, folders[0] if folders else model)
        measures.append(PooledStates(STATES, encoder.dimension(layers), posteriors=False))
    viewer = load_recogniser(model / VIEWER) if answers.view else None
    listen = AnswerModels(
        *(gmm, acoustic, encoder, layers, tuple(measures), reader, answers),
        *(viewer, second),
    )
    return Ears(decode, listen, settings.unsure)


def _decoder(
    settings: Decoder,
    model: Path,
    folder: Path,
    acoustic: Acoustics | None,
    reader: TranscriptReader,
) -> Decode:
    if settings.decoder == "whisper":
        options = TranscribeOptions(**settings.options)  # type: ignore[arg-type]
        return WhisperDecoder(load_recogniser(folder), reader, options)
    if settings.decoder == "vosk":
        return VoskDecoder(folder, reader, VoskOptions(**settings.options))  # type: ignore[arg-type]
    if not isinstance(acoustic, OwnAcoustics):
        raise InputError(
            f"{bundled_acoustics(model)}: no network that our own decoder takes: run judge_model "
            "again"
        )
    options_of_search = SearchOptions(**settings.options)  # type: ignore[arg-type]
    return OwnDecoder(acoustic.model, Recogniser(model / GRAPH, options_of_search))


@dataclass(frozen=True)
class OwnDecoder:
    """Our own decoder, as the stage `decode` uses it."""

    acoustic: AcousticModel
    recogniser: Recogniser

    def __call__(self, samples: np.ndarray) -> Decoded:
        """What was said."""
        return hear(self.acoustic, self.recogniser, KEY, mfcc(samples, "mfcc40"))


@dataclass(frozen=True)
class VoskDecoder:
    """Vosk, as the stage `decode_vosk` uses it."""

    model: Path
    reader: TranscriptReader
    options: VoskOptions

    def __call__(self, samples: np.ndarray) -> Decoded:
        """What was said."""
        return hear_vosk(self.model, KEY, samples, self.reader, self.options.nbest)


@dataclass(frozen=True)
class WhisperDecoder:
    """Whisper, as the stage `transcribe` uses it."""

    recogniser: Whisper
    reader: TranscriptReader
    options: TranscribeOptions

    def __call__(self, samples: np.ndarray) -> Decoded:
        """What was said."""
        (heard,) = hear_recordings(self.recogniser, [samples], self.reader, self.options)
        return replace(heard, key=KEY)
