"""What hears recordings for a judge, gathered into its folder."""

import json
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from pyscorer.answers.answer_encoder import (
    PHONES,
    SEQUENCES,
    VECTORS,
    AnswerEncoder,
)
from pyscorer.answers.answer_measures import STATES
from pyscorer.contract.decoded import Decoder, read_decoded, read_decoder
from pyscorer.errors import InputError
from pyscorer.feedback.acoustics import copy_acoustics, read_acoustics
from pyscorer.feedback.bundled_encoders import encoder_folders
from pyscorer.feedback.judge_ears import (
    ANSWERS,
    FIRST,
    GMM,
    GRAPH,
    LEXICON,
    SECOND,
    SETTINGS,
    UNSURE_SHARE,
    VIEWER,
    EarSettings,
)
from pyscorer.feedback.judge_forms import mean_confidence
from pyscorer.measures.gop import log_stay_probabilities
from pyscorer.options import option
from pyscorer.pretrained.encoder_layers import Ivectors, Layer
from pyscorer.pretrained.packaged import copy_model
from pyscorer.pretrained.registry import copy_encoder


@dataclass(frozen=True)
class EarPaths:
    """What heard the training responses; only what the chosen experts need is asked for."""

    decoded: Path | None = option(
        None, "what was heard in the training responses; without it the model reads, and hears not"
    )
    graph: Path | None = option(None, "decoding graph of our own decoder")
    recogniser: Path | None = option(None, "model of the decoder, Vosk's or Whisper")
    lexicon: Path | None = option(None, "dictionary that transcripts are spelled and aligned by")
    tdnnf: Path | None = option(None, "final.pt of train_tdnnf, or published.json")
    gmm: Path | None = option(None, "folder of train_gmm")
    ali: Path | None = option(None, "alignment that gop took as its reference")
    answers: Path | None = option(None, "folder of answer_features")
    encoder: tuple[Path, ...] = option((), "models of encode")
    second: Path | None = option(None, "what another recogniser heard in the training responses")
    second_recogniser: Path | None = option(None, "its model, Vosk's or Whisper")
    view: Path | None = option(None, "model of recogniser_view")


@dataclass(frozen=True)
class JudgeModelOptions:
    """How the encoders' states were computed."""

    layers: tuple[Layer, ...] = option((-1,), "of the encoders, as given to encode", min_length=1)
    pad: float = option(0.5, "of the encoders, as given to encode", ge=0)
    ivectors: Ivectors = option("utterance", "of the encoders, as given to encode")


def gather_ears(
    paths: EarPaths, kinds: Collection[str], part: Path, options: JudgeModelOptions
) -> None:
    """Copy what hears into the folder `part`: for the acoustic inputs `kinds`, if any.

    Raises InputError naming the path that is needed and not given, or not there.
    """
    if paths.decoded is None:
        if kinds:
            _need(None, "decoded", "experts of the mixture listen")
        return
    first = read_decoder(paths.decoded)
    _copy_decoder(first, paths, paths.recogniser, "recogniser", part / FIRST, part)
    if paths.lexicon is not None:
        _copy(paths.lexicon, "lexicon", part / LEXICON)
    settings = EarSettings(first, unsure=_unsure(paths.decoded))
    if kinds:
        settings = _gather_answers(paths, kinds, part, options, settings)
    (part / SETTINGS).write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")


def _gather_answers(
    paths: EarPaths,
    kinds: Collection[str],
    part: Path,
    options: JudgeModelOptions,
    settings: EarSettings,
) -> EarSettings:
    """Copy what acoustic experts need; the settings with theirs."""
    why = f"experts read {', '.join(kinds)}"
    _need(paths.lexicon, "lexicon", why)
    encoder = AnswerEncoder.load(_need(paths.answers, "answers", why) / "encoder")
    encoder = only(encoder, kinds)
    encoder.save(part / ANSWERS)
    _copy(_need(paths.gmm, "gmm", why) / "final.npz", "gmm", part / GMM)
    tdnnf = _there(_need(paths.tdnnf, "tdnnf", why), "tdnnf")
    copy_acoustics(tdnnf, part)
    second = None
    if encoder.second:
        second = read_decoder(_need(paths.second, "second", why))
        _copy_decoder(
            second, paths, paths.second_recogniser, "second-recogniser", part / SECOND, part
        )
    if encoder.view:
        copy_model(_need(paths.view, "view", why), part / VIEWER)
    if STATES in encoder.projections:
        if not paths.encoder:
            _need(None, "encoder", why)
        for model, folder in zip(paths.encoder, encoder_folders(part), strict=False):
            copy_encoder(model, folder)
    shift = read_acoustics(tdnnf).frame_shift
    stay = log_stay_probabilities(_need(paths.ali, "ali", why), shift)
    return replace(
        settings,
        second=second,
        log_stay=tuple(stay.tolist()),
        layers=options.layers,
        pad=options.pad,
        ivectors=options.ivectors,
    )


def only(encoder: AnswerEncoder, kinds: Collection[str]) -> AnswerEncoder:
    """The encoder for some kinds of inputs: without measures, transcripts and views of others."""
    measures = {PHONES, *((VECTORS | SEQUENCES)[k] for k in kinds if k in VECTORS | SEQUENCES)}
    missing = [kind for kind in kinds if kind not in encoder.kinds]
    if missing:
        raise InputError(
            f"--answers: has no inputs {', '.join(missing)}, which experts of the mixture read"
        )
    projections = {name: p for name, p in encoder.projections.items() if name in measures}
    figures = not set(kinds) <= SEQUENCES.keys()
    return replace(
        encoder,
        projections=projections,
        second=encoder.second and figures,
        view=encoder.view and figures,
    )


def _copy_decoder(
    decoder: Decoder, paths: EarPaths, model: Path | None, flag: str, folder: Path, part: Path
) -> None:
    why = f"the responses were heard by the decoder {decoder.decoder}"
    if decoder.decoder == "kaldi":
        raise InputError(f"{why}, which needs Kaldi's programs: decode them with stage decode")
    if decoder.decoder == "own":
        copy_acoustics(_there(_need(paths.tdnnf, "tdnnf", why), "tdnnf"), part)
        graph = _need(paths.graph, "graph", why)
        if not graph.is_dir():
            raise InputError(f"--graph {graph}: no such folder; run decoding_graph")
        shutil.copytree(graph, part / GRAPH, ignore=shutil.ignore_patterns("lm.arpa", ".*"))
    else:
        copy_model(_need(model, flag, why), folder)


def _copy(path: Path, flag: str, to: Path) -> None:
    shutil.copyfile(_there(path, flag), to)


def _there(path: Path, flag: str) -> Path:
    if not path.exists():
        raise InputError(f"--{flag}: {path}: no such file; run the stage that makes it")
    return path


def _need(path: Path | None, flag: str, why: str) -> Path:
    if path is None:
        raise InputError(f"--{flag} is needed, since {why}")
    return path


def _unsure(decoded: Path) -> float | None:
    """Mean confidence that few of the training responses are below."""
    found = [c for one in read_decoded(decoded) if (c := mean_confidence(one)) is not None]
    return round(float(np.quantile(found, UNSURE_SHARE)), 4) if found else None
