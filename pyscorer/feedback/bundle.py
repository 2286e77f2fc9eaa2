"""A trained scorer or grader as one directory that judges new recordings on any machine."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Len
from pydantic import FiniteFloat

from pyscorer.alignment.gmm_model import Gmm
from pyscorer.contract.files import atomic_directory, check_replaceable
from pyscorer.contract.phones import PHONES
from pyscorer.contract.recording import Measure
from pyscorer.contract.scales import Scales
from pyscorer.contract.weights import pack_weights
from pyscorer.errors import InputError
from pyscorer.feedback.acoustics import (
    TDNNF,
    Acoustics,
    bundled_acoustics,
    copy_acoustics,
    read_acoustics,
)
from pyscorer.feedback.bundled_encoders import (
    CTC,
    ENCODER,
    RECOGNISER,
    encoder_folders,
    load_encoder,
)
from pyscorer.feedback.limits import Limits, measure_limits
from pyscorer.feedback.norms import (
    Norms,
    measure_norms,
    read_norms,
    read_settings,
    write_norms,
)
from pyscorer.grading.grader import TrainedGrader, load_grader
from pyscorer.grading.intervals import wrong_below
from pyscorer.grading.score_tables import read_level
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.lexicon.syllables import STRESSES, read_stresses
from pyscorer.measures.ctc_gop import CtcGop
from pyscorer.measures.durations import Durations
from pyscorer.measures.gop import GmmMeasures, Gop, log_stay_probabilities
from pyscorer.measures.learned_gop import load_learned_gop
from pyscorer.measures.phone_map import make_phone_map
from pyscorer.measures.pool import PooledStates
from pyscorer.measures.prosody import Prosody
from pyscorer.options import option
from pyscorer.pretrained.encoder_layers import Ivectors, Layer, layer_numbers, with_ivectors
from pyscorer.pretrained.heard_phones import HeardPhones
from pyscorer.pretrained.packaged import copy_model, packaged_model
from pyscorer.pretrained.recogniser import Recogniser
from pyscorer.pretrained.registry import (
    CtcModel,
    Encoder,
    copy_encoder,
    load_ctc,
)
from pyscorer.pretrained.view_columns import RecogniserView
from pyscorer.pronunciation.scorer import TrainedScorer, load_scorer

_GMM, _LEXICON, _GRADER = "final.npz", "lexicon.txt", "grader.zip"
_SCORER = "scorer.zip"
_NORMS, _SETTINGS, _LEARNED = "norms.json", "settings.json", "learned_gop.zip"
WEIGHTS = {TDNNF: "state", _GRADER: "modules", _LEARNED: "networks"}
"""Files of a grader's directory that `save_packed` wrote, and where in each its networks are."""
_PHONE_MAP = "phone_map.txt"


@dataclass(frozen=True)
class ScorerJudge:
    """A scorer, and how badly a recording may fit its text."""

    scorer: TrainedScorer
    limits: Limits


@dataclass(frozen=True)
class GraderJudge:
    """A grader, and what a recording is held against."""

    grader: TrainedGrader
    limits: Limits
    norms: Norms
    wrong_below: float
    """Phone score from which down a phone is called wrong and "said instead" is told."""


@dataclass(frozen=True)
class ScorerSettings:
    """What else a scorer's directory holds."""

    limits: Limits


@dataclass(frozen=True)
class GraderSettings:
    """What else a grader's directory holds."""

    log_stay: Annotated[tuple[FiniteFloat, ...], Len(len(PHONES) - 1, len(PHONES) - 1)]
    """Of each phone, see `measures.gop`."""
    wrong_below: FiniteFloat
    layers: tuple[Layer, ...]
    """Of the encoders."""
    pad: FiniteFloat
    limits: Limits
    ivectors: Ivectors = "utterance"
    packaged: tuple[str, ...] = ()
    """Encoders that packages bring, by name, in the place of copies."""
    packaged_recogniser: str | None = None
    packaged_ctc: str | None = None
    own_share: dict[str, FiniteFloat] = field(default_factory=dict)
    """Of an utterance's aspects: the share of a recording's own prediction, the rest being the mean
    of its speaker's recordings, that was best out of fold."""


@dataclass(frozen=True)
class Bundle:
    """All that a new recording needs: the models, the measures by them, and who judges them."""

    gmm: Gmm
    lexicon: Lexicon
    acoustic: Acoustics
    encoder: Encoder | None
    layers: tuple[int, ...]
    """Of the encoder."""
    recogniser: Recogniser | None
    measures: tuple[Measure, ...]
    """In this order: one may read what those before it say."""
    view_measures: tuple[Measure, ...]
    """Of what the recogniser hears."""
    judge: ScorerJudge | GraderJudge
    ctc: CtcModel | None = None


@dataclass(frozen=True)
class BundleGraderOptions:
    """What `bundle_grader` settles."""

    precision: float = option(
        0.5, "of phones called wrong: chosen out of fold on the train split", gt=0, le=1
    )
    layers: tuple[Layer, ...] = option((-1,), "of the encoders, as given to encode", min_length=1)
    pad: float = option(0.5, "of the encoders, as given to encode", ge=0)
    ivectors: Ivectors = option("utterance", "of the encoders, as given to encode")


def bundle(
    gmm: Path, lexicon: Path, tdnnf: Path, scorer: Path, pool: Path, deep: Path, out: Path
) -> None:
    """Put a scorer and the models that it stands on into one directory for `score --model`.

    `gmm` is the directory of train_gmm, `tdnnf` the final.pt of train_tdnnf or
    the published.json of import_published, `scorer` the directory
    of train_scorer; `pool` and `deep` are those of pool and export for the train split, which say
    how badly a recording may fit its text. All is read once to be sure that it works.

    Raises InputError for a part that is missing or damaged, and if `out` is another directory.
    """
    check_replaceable(out, _SETTINGS, _GMM)
    files = {_GMM: gmm / "final.npz", _LEXICON: lexicon}
    files[_SCORER] = scorer / "model.pt"
    _check_there(files | {"": tdnnf})
    _load_plain(files[_SCORER])  # before the work
    with atomic_directory(out) as part:
        _copy(files, part)
        copy_acoustics(tdnnf, part)
        limits = measure_limits(read_acoustics(tdnnf), read_lexicon(lexicon), pool, deep)
        _write_settings(part, ScorerSettings(limits))
        load_bundle(part)


def bundle_grader(
    gmm: Path,
    lexicon: Path,
    tdnnf: Path,
    grader: Path,
    data: Path,
    ali: Path,
    pool: Path,
    deep: Path,
    out: Path,
    options: BundleGraderOptions = BundleGraderOptions(),
    learned_gop: Path | None = None,
    encoder: list[Path] | None = None,
    recogniser: Path | None = None,
    view: Path | None = None,
    ctc: Path | None = None,
    phone_map: Path | None = None,
) -> None:
    """Put the models of a run into one directory for `pyscorer score --model`.

    `gmm` is the directory of train_gmm, `tdnnf` the final.pt of train_tdnnf or
    the published.json of import_published, `grader` the directory
    of train_grader, `learned_gop` the model of train_learned_gop, `encoder` and `recogniser` what
    encode and recogniser_view took as their models (without a recogniser, the encoder is it if it
    is Whisper, and the only one), `ctc` and `phone_map` what ctc_posteriors and ctc_gop took. Of
    the train split, `data`, `ali`, `pool` and `deep` (of the TDNN-F) and `view` (the output of
    recogniser_view) give what a recording is held against: pace and pauses of fluent readers,
    durations of phones, and how badly it may fit its text. All is read once to be sure that it
    works.

    Raises InputError for a part that is missing or damaged, and if `out` is another directory.
    """
    check_replaceable(out, _SETTINGS, _GMM)
    files = {_GMM: gmm / "final.npz", _LEXICON: lexicon}
    files[_GRADER] = grader / "model.pt"
    if learned_gop is not None:
        files[_LEARNED] = learned_gop
    if phone_map is not None:
        files[_PHONE_MAP] = phone_map
    _check_there(files | {"": tdnnf})
    trained, acoustic = load_grader(files[_GRADER]), read_acoustics(tdnnf)
    if (data / STRESSES).exists() and "prosody" in dict(trained.columns):
        files[STRESSES] = data / STRESSES
    settings = GraderSettings(
        tuple(log_stay_probabilities(ali, acoustic.frame_shift).tolist()),
        _wrong_below(grader, trained.scales, options.precision),
        options.layers,
        options.pad,
        measure_limits(acoustic, read_lexicon(lexicon), pool, deep),
        options.ivectors,
        own_share=_own_shares(grader, trained.scales),
    )
    with atomic_directory(out) as part:
        _copy(files, part)
        copy_acoustics(tdnnf, part)
        for model, folder in zip(encoder or (), encoder_folders(part), strict=False):
            copy_encoder(model, folder)
        if recogniser is not None and [recogniser] != encoder:
            copy_model(recogniser, part / RECOGNISER)
        if ctc is not None:
            copy_model(ctc, part / CTC)
        write_norms(part / _NORMS, measure_norms(data, pool, view))
        _write_settings(part, settings)
        load_bundle(part)


def _check_there(files: Mapping[str, Path]) -> None:
    for file in files.values():
        if not file.exists():
            raise InputError(f"{file}: no such file; run the stage that makes it")


def _copy(files: Mapping[str, Path], folder: Path) -> None:
    for name, file in files.items():
        if name in (*WEIGHTS, _SCORER):
            pack_weights(file, folder / name)
        else:
            shutil.copyfile(file, folder / name)


def write_grader_settings(folder: Path, settings: GraderSettings) -> None:
    """Write what else a grader's directory holds."""
    _write_settings(folder, settings)


def grader_settings(model: Path) -> GraderSettings:
    """What `write_grader_settings` wrote. Raises InputError if it is missing or another."""
    return read_settings(model / _SETTINGS, GraderSettings)


def _write_settings(folder: Path, settings: ScorerSettings | GraderSettings) -> None:
    (folder / _SETTINGS).write_text(json.dumps(asdict(settings)) + "\n", encoding="utf-8")


def _wrong_below(grader: Path, scales: Scales, precision: float) -> float:
    """The threshold of the precision asked for; without one the lowest score."""
    # Here: scikit-learn takes seconds, which whoever scores a recording does without.
    from pyscorer.grading.detection import threshold_for, wrong

    table = read_level(grader, "out_of_fold", "phone", scales.phone_aspect or "")
    is_wrong = wrong(table, wrong_below(scales.phone_range))
    threshold = threshold_for(table["predicted"].to_numpy(), is_wrong, precision)
    return scales.phone_range[0] if np.isnan(threshold) else threshold


def _own_shares(grader: Path, scales: Scales) -> dict[str, float]:
    """Of each aspect of utterances that somebody scored."""
    from pyscorer.grading.evaluate_grader import best_share  # likewise

    tables = {a: read_level(grader, "out_of_fold", "utterance", a) for a in scales.utterance}
    return {a: round(best_share(table), 2) for a, table in tables.items() if len(table)}


def load_bundle(model: Path) -> Bundle:
    """Read a directory of `bundle` or `bundle_grader`. InputError if a part is missing or bad."""
    parts = [model / name for name in (_GMM, _LEXICON, _SETTINGS)]
    for part in (*parts, bundled_acoustics(model)):
        if not part.exists():
            raise InputError(
                f"{part}: no such file; --model takes a directory that bundle or bundle_grader made"
            )
    gmm, acoustic = Gmm.load(model / _GMM), read_acoustics(bundled_acoustics(model))
    lexicon = read_lexicon(model / _LEXICON)
    states: Measure = PooledStates("tdnnf", acoustic.dimension)
    if not (model / _GRADER).exists():
        limits = read_settings(model / _SETTINGS, ScorerSettings).limits
        judge = ScorerJudge(_load_plain(model / _SCORER), limits)
        return Bundle(gmm, lexicon, acoustic, None, (), None, (states,), (), judge)
    grader = load_grader(model / _GRADER)
    settings = grader_settings(model)
    sources = {source for source, _ in grader.columns}
    layers: tuple[int, ...] = ()
    encoder, recogniser = load_encoder(
        model, sources, settings.pad, settings.packaged, settings.packaged_recogniser
    )
    if encoder is not None:
        encoder = with_ivectors(encoder, settings.ivectors)
        layers = layer_numbers(encoder, settings.layers, model / ENCODER)
    gop = Gop(np.array(settings.log_stay), GmmMeasures.of(gmm))
    measures: list[Measure] = [Durations(), states, gop]
    if encoder is not None:
        measures.append(PooledStates("encoder", encoder.dimension(layers), posteriors=False))
    if "prosody" in sources:
        stresses = model / STRESSES
        measures.append(Prosody(read_stresses(stresses) if stresses.exists() else {}))
    if "learned_gop" in sources:
        measures.append(load_learned_gop(model / _LEARNED))
    own_ctc = packaged_model(settings.packaged_ctc) if settings.packaged_ctc else model / CTC
    ctc = load_ctc(own_ctc) if "ctc_gop" in sources else None
    if ctc is not None:
        own = model / _PHONE_MAP
        made = make_phone_map(ctc.tokens, ctc.blank, own if own.exists() else None)
        measures.append(CtcGop(made))
    return Bundle(
        *(gmm, lexicon, acoustic, encoder, layers, recogniser),
        *(tuple(measures), (HeardPhones(lexicon), RecogniserView())),
        GraderJudge(grader, settings.limits, read_norms(model / _NORMS), settings.wrong_below),
        ctc,
    )


def _load_plain(path: Path) -> TrainedScorer:
    scorer = load_scorer(path)
    if any(part.acoustic is not None for part in scorer.modules):
        raise InputError(
            f"{path}: each of its modules has acoustic layers of its own (made by "
            "unfreeze_scorer); bundle a scorer of train_scorer"
        )
    if scorer.options.frame_norm:
        raise InputError(f"{path}: it reads frames (frame_norm); bundle a scorer without")
    return scorer
