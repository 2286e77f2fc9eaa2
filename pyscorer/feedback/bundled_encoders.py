"""The pretrained models that a bundle holds, or that packages bring for it."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pyscorer.pretrained.packaged import packaged_model
from pyscorer.pretrained.recogniser import Recogniser, load_recogniser
from pyscorer.pretrained.registry import Encoder, load_encoders
from pyscorer.pretrained.whisper_encoder import WhisperEncoder

ENCODER, RECOGNISER, CTC = "encoder", "recogniser", "ctc"
"""Folders of a bundle that hold copies of pretrained models; further encoders are numbered."""


def load_encoder(
    model: Path,
    sources: Collection[str],
    pad: float,
    packaged: Sequence[str],
    packaged_recogniser: str | None,
) -> tuple[Encoder | None, Recogniser | None]:
    """The encoder, and the recogniser: the bundle's own, or the encoder if that is Whisper.

    `sources` are what the grader reads; `packaged` name models that packages bring, in the place of
    copies. Raises InputError for one that is not there.
    """
    encoder, encoders = None, [packaged_model(name) for name in packaged]
    if not encoders:
        encoders = list(itertools.takewhile(Path.exists, encoder_folders(model)))
    if encoders or {"encoder", "learned_gop"} & set(sources):
        encoder = load_encoders(encoders or [model / ENCODER], pad)
    whisper = isinstance(encoder, WhisperEncoder)
    wanted = bool({"recogniser", "heard"} & set(sources))
    recogniser = model / RECOGNISER
    if packaged_recogniser is not None:
        recogniser = packaged_model(packaged_recogniser)
    if recogniser.exists() or (wanted and not whisper):
        return encoder, load_recogniser(recogniser)
    return encoder, load_recogniser(encoders[0]) if whisper else None


def encoder_folders(model: Path) -> Iterator[Path]:
    """Where the first, second, ... of the encoders is in a bundle."""
    yield model / ENCODER
    for number in itertools.count(2):
        yield model / f"{ENCODER}-{number}"
