"""A trained grader as one directory that grades new recordings on any machine."""

import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import NegativeInt, PositiveInt

from pyscorer.alignment.gmm_model import Gmm
from pyscorer.chain.acoustic_model import SUBSAMPLING, AcousticModel, load_model
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.files import atomic_directory
from pyscorer.errors import InputError
from pyscorer.feedback.norms import Norms, measure_norms, read_norms, write_norms
from pyscorer.grading.grader import TrainedGrader, load_grader
from pyscorer.grading.score_tables import read_level
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.measures.gop import GmmMeasures, log_stay_probabilities
from pyscorer.measures.learned_gop import LearnedGop, load_learned_gop
from pyscorer.options import option
from pyscorer.pretrained.encode import Encoder, WhisperEncoder, load_encoders
from pyscorer.pretrained.packaged import model_directory
from pyscorer.pretrained.recogniser import Recogniser, load_recogniser
from pyscorer.pretrained.tokens import read_tokens

_GMM, _LEXICON, _TDNNF, _GRADER = "final.npz", "lexicon.txt", "tdnnf.pt", "grader.pt"
_NORMS, _SETTINGS, _LEARNED = "norms.json", "settings.json", "learned_gop.pt"
_ENCODER, _RECOGNISER = "encoder", "recogniser"
DEEP_SHIFT = SUBSAMPLING * FRAME_SHIFT
"""Seconds between the TDNN-F's rows."""


@dataclass(frozen=True)
class GraderBundle:
    """All that a new recording needs."""

    gmm: Gmm
    measures: GmmMeasures
    """GOP by the GMM."""
    lexicon: Lexicon
    acoustic: AcousticModel
    grader: TrainedGrader
    norms: Norms
    log_stay: np.ndarray
    """See `log_stay_probabilities`."""
    wrong_below: float
    """Phone score from which down a phone is called wrong and "said instead" is told."""
    layers: tuple[int, ...]
    """Of the encoder."""
    encoder: Encoder | None
    recogniser: Recogniser | None
    learned: LearnedGop | None


@dataclass(frozen=True)
class BundleGraderOptions:
    """What `bundle_grader` settles."""

    precision: float = option(
        0.5, "of phones called wrong: chosen out of fold on the train split", gt=0, le=1
    )
    layers: tuple[NegativeInt | PositiveInt, ...] = option(
        (-1,), "of the encoders, as given to encode", min_length=1
    )
    pad: float = option(0.5, "of the encoders, as given to encode", ge=0)


def bundle_grader(
    gmm: Path,
    lexicon: Path,
    tdnnf: Path,
    grader: Path,
    data: Path,
    ali: Path,
    pool: Path,
    out: Path,
    options: BundleGraderOptions = BundleGraderOptions(),
    learned_gop: Path | None = None,
    encoder: list[Path] | None = None,
    recogniser: Path | None = None,
    view: Path | None = None,
) -> None:
    """Put the models of a run into one directory for `pyscorer score --model`.

    `gmm` is the directory of train_gmm, `tdnnf` the final.pt of train_tdnnf, `grader` the directory
    of train_grader, `learned_gop` the model of train_learned_gop, `encoder` and `recogniser` what
    encode and recogniser_view took as their models (without a recogniser, the encoder is it if it
    is Whisper, and the only one). Of the train split, `data`, `ali`, `pool` (of the TDNN-F) and
    `view` (the output of recogniser_view) give the norms that a recording is held against: pace and
    pauses of fluent readers, durations of phones, and how unlike its text a recording may sound.
    All is read once to be sure that it works.

    Raises InputError for a part that is missing or damaged.
    """
    files = {_GMM: gmm / "final.npz", _LEXICON: lexicon, _TDNNF: tdnnf}
    files[_GRADER] = grader / "model.pt"
    if learned_gop is not None:
        files[_LEARNED] = learned_gop
    for file in files.values():
        if not file.exists():
            raise InputError(f"{file}: no such file; run the stage that makes it")
    settings = {
        "log_stay": log_stay_probabilities(ali, DEEP_SHIFT).tolist(),
        "wrong_below": _wrong_below(grader, options.precision),
        "layers": options.layers,
        "pad": options.pad,
    }
    with atomic_directory(out) as part:
        for name, file in files.items():
            shutil.copyfile(file, part / name)
        for model, folder in zip(encoder or (), _encoder_folders(part), strict=False):
            shutil.copytree(model_directory(model), folder)
        if recogniser is not None and [recogniser] != encoder:
            shutil.copytree(model_directory(recogniser), part / _RECOGNISER)
        write_norms(part / _NORMS, measure_norms(data, pool, view))
        (part / _SETTINGS).write_text(json.dumps(settings) + "\n", encoding="utf-8")
        load_grader_bundle(part)


def _wrong_below(grader: Path, precision: float) -> float:
    """The threshold of the precision asked for; 0, so that nothing is called wrong, without one."""
    # Here: scikit-learn takes seconds, which whoever scores a recording does without.
    from pyscorer.grading.detection import threshold_for, wrong

    table = read_level(grader, "out_of_fold", "phone", "accuracy")
    threshold = threshold_for(table["predicted"].to_numpy(), wrong(table), precision)
    return 0.0 if np.isnan(threshold) else threshold


def is_grader_bundle(model: Path) -> bool:
    """Whether `bundle_grader` made the directory (and not `bundle`)."""
    return (model / _GRADER).exists()


def load_grader_bundle(model: Path) -> GraderBundle:
    """Read a directory made by `bundle_grader`. Raises InputError if a part is missing or bad."""
    grader = load_grader(model / _GRADER)
    settings = _read_settings(model / _SETTINGS)
    sources = {source for source, _ in grader.columns}
    encoder, recogniser = None, None
    encoders = list(itertools.takewhile(Path.exists, _encoder_folders(model)))
    if encoders or sources & {"encoder", "learned_gop"}:
        encoder = load_encoders(encoders or [model / _ENCODER], settings["pad"])
    wanted = grader.recogniser or "heard" in sources
    if (model / _RECOGNISER).exists() or (wanted and not isinstance(encoder, WhisperEncoder)):
        recogniser = load_recogniser(model / _RECOGNISER)
    elif isinstance(encoder, WhisperEncoder):
        recogniser = Recogniser(encoder.model, read_tokens(model / _ENCODER))
    learned = load_learned_gop(model / _LEARNED) if "learned_gop" in sources else None
    gmm = Gmm.load(model / _GMM)
    return GraderBundle(
        gmm,
        GmmMeasures.of(gmm),
        read_lexicon(model / _LEXICON),
        load_model(model / _TDNNF),
        grader,
        read_norms(model / _NORMS),
        np.array(settings["log_stay"]),
        float(settings["wrong_below"]),
        tuple(settings["layers"]),
        encoder,
        recogniser,
        learned,
    )


def _encoder_folders(model: Path) -> Iterator[Path]:
    """Where the first, second, ... of the encoders is in a bundle."""
    yield model / _ENCODER
    for number in itertools.count(2):
        yield model / f"{_ENCODER}-{number}"


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {"log_stay", "wrong_below", "layers", "pad"} <= found.keys():
            raise ValueError("a setting is missing")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not of bundle_grader ({error}); bundle again") from None
    return found
