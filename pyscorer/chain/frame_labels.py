"""The pdf of every output frame, as the alignment has it: labels of frame cross-entropy."""

from collections.abc import Sequence

import numpy as np

from pyscorer.chain.tree import FORWARD, SELF_LOOP, ContextTree
from pyscorer.contract.ctm import Segment
from pyscorer.errors import InputError


def frame_labels(
    segments: Sequence[Segment],
    start: int,
    frames: int,
    tree: ContextTree,
    subsampling: int = 3,
) -> np.ndarray:
    """Pdfs of `frames` output frames, at input frames start + 3 i: (frames,). No tolerance.

    `segments` are ALL phones of the utterance in 10 ms frames, SIL included, without gaps. As in
    the chain topology, the first output frame of a phone has its forward pdf and all further ones
    its self-loop pdf; the output frames before `start` are those at start - 3 i, so a chunk that
    begins within a phone begins with its self-loop pdf. A phone that is shorter than `subsampling`
    frames may have no output frame; it is the left context of the next one all the same.

    Lin & Wang (2021), section 2.1: labels of a forced alignment with a GMM-HMM.

    Raises InputError if the chunk leaves the utterance or a phone is not in the tree.
    """
    ids = {phone: index for index, phone in enumerate(tree.phones)}
    if unknown := [s.label for s in segments if s.label not in ids]:
        raise InputError(f"alignment: phone {unknown[0]} is not in the tree")
    times = start + subsampling * np.arange(frames)
    if start < 0 or times[-1] >= segments[-1].end:
        raise InputError(
            f"chunk of {frames} output frames at input frame {start} leaves the utterance "
            f"({segments[-1].end} frames)"
        )
    begin = np.array([s.start for s in segments])
    here = np.searchsorted(begin, times, side="right") - 1
    phone = np.array([ids[s.label] for s in segments])
    left = np.concatenate([[0], phone[:-1]])
    pdf_class = np.where(times - subsampling < begin[here], FORWARD, SELF_LOOP)
    labels: np.ndarray = tree.pdf[left[here], phone[here], pdf_class]
    return labels
