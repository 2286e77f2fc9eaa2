"""Stage `decode`: transcripts of recordings by our own acoustic model and decoding graph."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyscorer.chain.acoustic_model import (
    SUBSAMPLING,
    AcousticModel,
    chain_scores,
    load_model,
    need_chain_output,
)
from pyscorer.contract.archives import Matrices
from pyscorer.contract.ctm import FRAME_SHIFT, Segment
from pyscorer.contract.decoded import Alternative, Decoded, write_decoder
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError, naming
from pyscorer.evaluation.heard_text import write_heard
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map
from pyscorer.recognition.decoder import Hypothesis, Recogniser, SearchOptions


@dataclass(frozen=True)
class DecodeOptions(SearchOptions):
    """The search, and on how many cores."""

    nbest: int = option(
        10, "transcripts of an utterance, at most; with 1, words have no confidences", ge=1
    )
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def decode(
    data: Path, feats: Path, model: Path, graph: Path, out: Path, options: DecodeOptions
) -> None:
    """Recognise every utterance of `data`.

    `feats` is a directory of the stage `features` (kind mfcc40), `model` a `.pt` of train_tdnnf or
    import_kaldi, `graph` a directory of the stage `decoding_graph`. Writes `out/hyp.text`,
    `out/words.ctm` (times; confidences, see `lattice.confidences`) and
    `out/nbest.csv`, see `contract.decoded`; where `data` has a text, `out/wer.csv` too. Streams.

    Raises InputError for missing features, for a graph made with another tree, and for a network
    without a chain output.
    """
    utterances = read_utterances(data)
    names = Matrices(feats / "feats.scp")
    if missing := [key for key in utterances if key not in names]:
        raise InputError(
            f"{names.scp}: no features of {len(missing)} utterances of {data}: "
            f"{' '.join(missing[:10])}"
        )
    source = _open(model, names, graph, options)
    write_decoder(out, "own", options)
    write_heard(out, data, utterances, shared_map(_decode, source, utterances, options.jobs))


@dataclass(frozen=True)
class _Source:
    model: AcousticModel
    recogniser: Recogniser
    features: Matrices


def _open(model: Path, features: Matrices, graph: Path, options: DecodeOptions) -> _Source:
    loaded = load_model(model)
    need_chain_output(loaded, model, "decode")
    recogniser = Recogniser(graph, options)
    if recogniser.num_pdfs != loaded.network.config.num_pdfs:
        raise InputError(
            f"{graph}: made with a tree of {recogniser.num_pdfs} pdfs; {model} has "
            f"{loaded.network.config.num_pdfs}: make the graph again with the model's tree"
        )
    return _Source(loaded, recogniser, features)


@one_thread()
def _decode(source: _Source, key: str) -> tuple[Decoded, float]:
    """What was heard, and how long the recording is in seconds."""
    features = source.features[key]
    with naming(f"{source.features.scp}: {key}"):
        decoded = hear(source.model, source.recogniser, key, features)
    return decoded, len(features) * FRAME_SHIFT


def hear(model: AcousticModel, recogniser: Recogniser, key: str, features: np.ndarray) -> Decoded:
    """What was said in one recording, of its MFCC (frames x 40)."""
    return as_decoded(key, recogniser.decode(chain_scores(model, features)), len(features))


def as_decoded(key: str, hypotheses: Sequence[Hypothesis], frames: int) -> Decoded:
    """Transcripts, best first, as an utterance of the folder; it has `frames` of 10 ms."""
    spans = hypotheses[0].spans if hypotheses else ()
    return Decoded(
        key,
        tuple(_in_frames(span, frames) for span in spans),
        tuple(Alternative(one.words, one.score) for one in hypotheses),
    )


def _in_frames(span: Segment, frames: int) -> Segment:
    """Rows of scores as frames of 10 ms."""
    start, end = SUBSAMPLING * span.start, min(SUBSAMPLING * span.end, frames)
    return replace(span, start=start, length=end - start)
