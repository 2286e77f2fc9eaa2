"""Stage `export_vosk`: a model directory that Vosk loads."""

import logging
import shutil
from pathlib import Path

import numpy as np

from pyscorer.alignment.features import cmvn_stats
from pyscorer.contract.archives import read_matrices
from pyscorer.contract.files import atomic_directory
from pyscorer.errors import InputError
from pyscorer.kaldi.nnet3 import read_nnet3
from pyscorer.kaldi.stream import KaldiWriter
from pyscorer.recognition.decoder import Recogniser, SearchOptions

log = logging.getLogger(__name__)

WINDOW, GLOBAL_FRAMES = 600, 200
"""Frames that the running mean looks back, and frames of the training mean added while it has
fewer: the defaults of Kaldi's OnlineCmvnOptions, which Vosk takes."""


def running_mean(features: np.ndarray, stats: np.ndarray) -> np.ndarray:
    """What Vosk's network sees of `features` (frames, dim): minus the mean of the frames so far.

    Kaldi's OnlineCmvn. `stats` are CMVN statistics of the training data (2 x (dim + 1)), which
    count for up to 200 frames until there are 600 of the recording.
    """
    sums = np.cumsum(features, axis=0, dtype=np.float64)
    counts = np.minimum(np.arange(1, len(features) + 1), WINDOW).astype(np.float64)
    sums[WINDOW:] -= sums[:-WINDOW].copy()
    added = np.minimum(WINDOW - counts, GLOBAL_FRAMES)
    sums += added[:, None] * stats[0, :-1] / stats[0, -1]
    return (features - sums / (counts + added)[:, None]).astype(np.float32)


def export_vosk(am: Path, graph: Path, feats: Path, out: Path, options: SearchOptions) -> None:
    """Make a Vosk model of a network and a decoding graph.

    `am` is a directory of export_kaldi, `graph` one of decoding_graph, `feats` the features (kind
    mfcc40) that the network was trained on. Vosk reads streams and cannot know the mean of an
    utterance: it subtracts a running mean, which begins at that of `feats`. Words carry no times of
    their own, as the phones do not mark where words begin.

    Raises InputError if the graph was made with another tree.
    """
    nnet = read_nnet3(am / "final.mdl")
    if nnet.transition_model is None:
        raise InputError(f"{am / 'final.mdl'}: no transition model: Vosk needs one")
    pdfs = Recogniser(graph).num_pdfs
    if pdfs != nnet.transition_model.num_pdfs:
        raise InputError(
            f"{graph}: made with a tree of {pdfs} pdfs; {am / 'final.mdl'} has "
            f"{nnet.transition_model.num_pdfs}"
        )
    total = np.zeros((2, 0))
    for _, matrix in read_matrices(feats / "feats.scp"):
        stats = cmvn_stats(matrix)
        total = stats if not total.size else total + stats
    if not total.size:
        raise InputError(f"{feats / 'feats.scp'}: no utterances")
    with atomic_directory(out) as part:
        for folder in ("am", "conf", "graph"):
            (part / folder).mkdir()
        shutil.copy(am / "final.mdl", part / "am")
        with (part / "am" / "global_cmvn.stats").open("wb") as stream:
            writer = KaldiWriter(stream)
            writer.header()
            writer.value("matrix", total)
        shutil.copy(am / "mfcc.conf", part / "conf")
        (part / "conf" / "model.conf").write_text(
            f"--beam={options.beam}\n--max-active={options.max_active}\n"
            f"--lattice-beam={options.lattice_beam}\n--acoustic-scale={options.acoustic_scale}\n"
            "--min-active=200\n--frame-subsampling-factor=3\n--endpoint.silence-phones=1:2\n"
        )
        for name in ("HCLG.fst", "words.txt", "phones.txt"):
            shutil.copy(graph / name, part / "graph")
    log.info("%s: a Vosk model; running mean begins at that of %d frames", out, total[0, -1])
