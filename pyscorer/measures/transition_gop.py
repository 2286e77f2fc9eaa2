"""GOP with state transition probabilities, from the pdf posteriors of the TDNN-F: a stage."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyscorer.chain.acoustic_model import SUBSAMPLING, AcousticModel, load_model, pdf_log_posteriors
from pyscorer.chain.tree import FORWARD, SELF_LOOP, ContextTree, read_tree
from pyscorer.contract.archives import Matrices
from pyscorer.contract.compact import read_large_table
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.phones import SILENCE
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.recording import Frames, Recording
from pyscorer.contract.segments import PhoneSegment, check_keys
from pyscorer.errors import InputError
from pyscorer.measures.corpus import read_recordings
from pyscorer.measures.gop import log_stay_probabilities
from pyscorer.measures.posteriors import canonical_columns
from pyscorer.measures.posteriors import transition_gop as gop_of_path
from pyscorer.parallel import one_thread, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

TRANSITION_COLUMNS = ("transition_gop", "state_lpp")
"""GOP with transition probabilities, and the average log-posterior of the states alone."""

_SECONDS = SUBSAMPLING * FRAME_SHIFT


def state_path(
    segments: Sequence[PhoneSegment], tree: ContextTree, frames: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The states of Kaldi's chain topology that an alignment gives every output frame.

    Frame i stands at the 10 ms frame 3 i. A phone's first frame has the forward pdf, all further
    ones the self-loop pdf, both chosen by the phone to its left (silence where there is a pause). A
    phone so short that no output frame falls into it takes the one nearest to its middle. Returns
    the row of each state among `frames`, its pdf, and the states of each segment.
    """
    number = {phone: index for index, phone in enumerate(tree.phones)}
    rows, pdfs, lengths = [], [], []
    left = 0
    for s in segments:
        if s.pause_before:
            left = number[SILENCE]
        first = -(-s.start // SUBSAMPLING)
        own = np.arange(first, -(-(s.start + s.length) // SUBSAMPLING))
        if not len(own):
            own = np.array([round((s.start + (s.length - 1) / 2) / SUBSAMPLING)])
        pdf = np.full(len(own), tree.pdf[left, number[s.phone], SELF_LOOP])
        pdf[0] = tree.pdf[left, number[s.phone], FORWARD]
        rows.append(np.minimum(own, frames - 1))
        pdfs.append(pdf)
        lengths.append(len(own))
        left = number[s.phone]
    return np.concatenate(rows), np.concatenate(pdfs), np.array(lengths)


def transition_columns(
    pdf_log_posteriors: np.ndarray,
    segments: Sequence[PhoneSegment],
    tree: ContextTree,
    log_stay: np.ndarray,
) -> np.ndarray:
    """Phones x TRANSITION_COLUMNS of one utterance, see `posteriors.transition_gop`.

    `pdf_log_posteriors` is T' x pdfs; `log_stay` the log-probability of each phone (41) of staying
    for one output frame: of going on to the self-loop state, and of staying there.
    """
    rows, pdfs, lengths = state_path(segments, tree, len(pdf_log_posteriors))
    posteriors = pdf_log_posteriors[rows, pdfs]
    stay = np.repeat(log_stay[canonical_columns(segments)], lengths)
    starts = np.cumsum(lengths) - lengths
    return np.column_stack(
        [
            gop_of_path(posteriors, stay, lengths, tree.num_pdfs),
            np.add.reduceat(posteriors.astype(np.float64), starts) / lengths,
        ]
    )


@dataclass(frozen=True)
class TransitionGop:
    """GOP with state transition probabilities; reads the output `pdf_posteriors` (T' x pdfs)."""

    tree: ContextTree
    log_stay: np.ndarray
    """See `transition_columns`."""
    name: str = "transition_gop"
    columns: tuple[str, ...] = TRANSITION_COLUMNS

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x TRANSITION_COLUMNS."""
        posteriors = recording.output("pdf_posteriors").matrix
        return transition_columns(posteriors, recording.segments, self.tree, self.log_stay)


@dataclass(frozen=True)
class _Work:
    """What all utterances share."""

    model: AcousticModel
    measure: TransitionGop
    features: Matrices


@one_thread()
def _measure(work: _Work, recording: Recording) -> tuple[str, list[PhoneSegment], np.ndarray]:
    posteriors = pdf_log_posteriors(work.model, work.features[recording.key])
    outputs = {"pdf_posteriors": Frames(posteriors, _SECONDS, "feats.scp")}
    heard = replace(recording, outputs=outputs)
    return recording.key, list(recording.segments), work.measure(heard)


def transition_gop(
    data: Path,
    ali: Path,
    model: Path,
    tree: Path,
    feats: Path,
    out: Path,
    reference: Path | None = None,
    jobs: int = 0,
) -> None:
    """Measure GOP with HMM state transition probabilities (Sudhakara et al., Interspeech 2019).

    The states are those of Kaldi's chain topology and of the context tree `tree` (tree.json of
    chain_graphs) along the alignment `ali`; their posteriors come from the cross-entropy branch of
    the network `model` on `feats` (kind mfcc40) and are not kept. A state's probability of staying
    is that of its phone in the alignment directory `reference` (left out: `ali`; give the train
    split's). Formula: `posteriors.transition_gop`.

    Writes a pooled directory (see contract.pooled) with TRANSITION_COLUMNS, for train_scorer and
    train_baseline. Raises InputError naming the utterance that is missing, or whose alignment and
    features differ in length.
    """
    wanted = read_large_table(data / "text")
    loaded, context = load_model(model), read_tree(tree)
    if context.num_pdfs != loaded.network.config.num_pdfs:
        raise InputError(
            f"{tree}: {context.num_pdfs} pdfs, {model}: {loaded.network.config.num_pdfs}: they are "
            "not of the same training"
        )
    measure = TransitionGop(context, log_stay_probabilities(reference or ali, _SECONDS))
    work = _Work(loaded, measure, Matrices(feats / "feats.scp"))
    check_keys(feats / "feats.scp", work.features, wanted, data, "features")
    results = shared_map(_measure, work, read_recordings(data, wanted, ali, {}), jobs)
    rows = progress_bar(results, "transition_gop", len(wanted), unit="utt")
    write_pooled(out, measure.columns, rows)
    log.info("GOP with transitions of %d utterances in %s", len(wanted), out)
