"""Stages `decoding_graph` and `decode`: a recogniser, and its transcripts and word error rate."""

import csv
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from pyscorer.chain.acoustic_model import AcousticModel, chain_scores, load_model
from pyscorer.contract.archives import Matrices
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.datadir import read_data_dir
from pyscorer.contract.files import atomic_open, write_table
from pyscorer.errors import InputError, naming
from pyscorer.evaluation.word_errors import WordErrors, count_errors
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map
from pyscorer.progress import progress_bar
from pyscorer.recognition.decoder import Hypothesis, Recogniser, SearchOptions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DecodeOptions(SearchOptions):
    """The search, and on how many cores."""

    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def decode(
    data: Path, feats: Path, model: Path, graph: Path, out: Path, options: DecodeOptions
) -> None:
    """Recognise every utterance of `data`.

    `feats` is a directory of the stage `features` (kind mfcc40), `model` a `.pt` of train_tdnnf or
    a Kaldi `.mdl`, `graph` a directory of the stage `decoding_graph`. Writes `out/hyp.text` (Kaldi
    `text` of the best transcripts), `out/nbest.csv` (utterance, rank, total score, acoustic score,
    words) and `out/wer.csv`: words, substitutions, deletions, insertions and word error rate of
    each utterance against `data/text`, with a row TOTAL at the end. Streams.

    Raises InputError for missing features and for a graph made with another tree.
    """
    utterances = read_data_dir(data).utterances
    names = Matrices(feats / "feats.scp")
    if missing := [key for key in utterances if key not in names]:
        raise InputError(
            f"{names.scp}: no features of {len(missing)} utterances of {data}: "
            f"{' '.join(missing[:10])}"
        )
    source = _open(model, names, graph, options)
    transcripts: dict[str, str] = {}
    total, frames, started = WordErrors(), 0, time.monotonic()
    results = shared_map(_decode, source, utterances, options.jobs)
    out.mkdir(parents=True, exist_ok=True)
    with atomic_open(out / "nbest.csv") as nbest, atomic_open(out / "wer.csv") as wer:
        rows, errors = csv.writer(nbest), csv.writer(wer)
        rows.writerow(["utterance", "rank", "score", "acoustic", "words"])
        errors.writerow(["utterance", *WordErrors.__dataclass_fields__, "wer"])
        for decoded in progress_bar(
            results, total=len(utterances), desc=f"decode {data}", unit="utt"
        ):
            key, hypotheses = decoded.key, decoded.hypotheses
            for rank, one in enumerate(hypotheses, 1):
                rows.writerow([key, rank, f"{one.score:.4f}", f"{one.acoustic:.4f}",
                               " ".join(one.words)])  # fmt: skip
            best = hypotheses[0].words if hypotheses else ()
            transcripts[key] = " ".join(best)
            counted = count_errors(utterances[key].words, best)
            errors.writerow([key, *counted.row()])
            total += counted
            frames += decoded.frames
        errors.writerow(["TOTAL", *total.row()])
    write_table(out / "hyp.text", transcripts)
    if empty := [key for key, words in transcripts.items() if not words]:
        log.warning("%d utterances without any word: %s", len(empty), " ".join(empty[:10]))
    elapsed, seconds = time.monotonic() - started, frames * FRAME_SHIFT
    log.info(
        "word error rate %.2f %%: %s\n%d utterances, %.0f s of speech, in %.1f s: %.1f times "
        "faster than real time",
        *(100 * total.rate, total, len(utterances), seconds, elapsed, seconds / elapsed),
    )


@dataclass(frozen=True)
class _Source:
    model: AcousticModel
    recogniser: Recogniser
    features: Matrices


@dataclass(frozen=True)
class _Decoded:
    key: str
    frames: int
    """Of the recording, of 10 ms."""
    hypotheses: list[Hypothesis]


def _open(model: Path, features: Matrices, graph: Path, options: DecodeOptions) -> _Source:
    loaded = load_model(model)
    recogniser = Recogniser(graph, options)
    if recogniser.num_pdfs != loaded.network.config.num_pdfs:
        raise InputError(
            f"{graph}: made with a tree of {recogniser.num_pdfs} pdfs; {model} has "
            f"{loaded.network.config.num_pdfs}: make the graph again with the model's tree"
        )
    return _Source(loaded, recogniser, features)


@one_thread()
def _decode(source: _Source, key: str) -> _Decoded:
    features = source.features[key]
    with naming(f"{source.features.scp}: {key}"):
        scores = chain_scores(source.model, features)
    return _Decoded(key, len(features), source.recogniser.decode(scores))
