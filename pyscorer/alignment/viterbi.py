"""Training graphs and Viterbi alignment of one utterance at a time.

A pronunciation is the tuple of variants of one word, each variant a tuple of phones; an utterance
is a sequence of them. A lexicon gives several variants a word, a canonical transcription one: the
code below does not know which it has.
"""

import itertools
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import kaldi_hmm_gmm as khg
import kaldifst
import numpy as np

from pyscorer.alignment.gmm_model import KaldiModel, transition_tables
from pyscorer.alignment.lexicon_fst import lexicon_fst
from pyscorer.contract.ctm import Segment
from pyscorer.contract.datadir import Utterance
from pyscorer.contract.phones import PHONE_ID, PHONES, SILENCE, UNKNOWN_PHONE
from pyscorer.lexicon.dictionary import Lexicon

log = logging.getLogger(__name__)

Pronunciation = tuple[tuple[str, ...], ...]

TRANSITION_SCALE, SELF_LOOP_SCALE, ACOUSTIC_SCALE = 1.0, 0.1, 0.1
WIDEST_BEAM = 1e5


def pronunciations(
    utterance: Utterance, lexicon: Lexicon, canonical: bool
) -> tuple[list[Pronunciation], list[str]]:
    """Pronunciations of the words of an utterance, and the words that are in no lexicon.

    `canonical`: its canonical phones, where it has them. Else the lexicon's variants; unknown words
    become SPN.
    """
    if canonical and utterance.canonical is not None:
        return [(phones,) for phones in utterance.canonical], []
    unknown = [word for word in utterance.words if word not in lexicon]
    return [tuple(lexicon.get(word, [(UNKNOWN_PHONE,)])) for word in utterance.words], unknown


def report_unknown(unknown: Counter[str], lexicon: Path) -> None:
    """Log the words that `pronunciations` found in no lexicon."""
    if unknown:
        words = ", ".join(f"{word} ({count})" for word, count in unknown.most_common(20))
        log.warning(
            "%d words in %d places are not in %s and are taken as %s: %s%s",
            len(unknown),
            unknown.total(),
            lexicon,
            UNKNOWN_PHONE,
            words,
            " ..." if len(unknown) > 20 else "",
        )


def min_frames(words: Sequence[Pronunciation]) -> int:
    """The fewest frames that the words can be spoken in."""
    shortest = transition_tables().min_length
    return sum(
        min(sum(shortest[PHONE_ID[phone]] for phone in variant) for variant in word)
        for word in words
    )


class GraphCompiler:
    """Compiles HCLG-like training graphs (compile-train-graphs) of utterances.

    Transition probabilities are left out; `viterbi` puts those of a model in.
    """

    def __init__(self, model: KaldiModel, words: Iterable[Pronunciation]) -> None:
        self.labels = {word: label for label, word in enumerate(dict.fromkeys(words), 1)}
        spoken = [
            (label, [PHONE_ID[phone] for phone in variant])
            for word, label in self.labels.items()
            for variant in word
        ]
        # The compiler keeps bare references to all of these.
        self._model = model
        self._lexicon = lexicon_fst(spoken, [PHONE_ID[SILENCE]])
        self._options = khg.TrainingGraphCompilerOptions(0.0, 0.0, True)
        self._compiler = khg.TrainingGraphCompiler(
            model.transitions, model.tree, self._lexicon, [], self._options
        )

    def __call__(self, words: Sequence[Pronunciation]) -> kaldifst.StdVectorFst:
        """The graph of one utterance: transition-ids in, word labels out."""
        return self._compiler.compile_graph_from_text([self.labels[word] for word in words])


def equal_alignment(graph: kaldifst.StdVectorFst, frames: int, seed: int) -> np.ndarray | None:
    """Transition-ids of a random path that spreads `frames` evenly (align-equal-compiled)."""
    found, path = kaldifst.equal_align(graph, frames, seed)
    if not found:
        return None
    _, transition_ids, _, _ = kaldifst.get_linear_symbol_sequence(path)
    return np.array(transition_ids, dtype=np.int32)


@dataclass(frozen=True)
class BestPath:
    """The best path of an utterance through its graph."""

    transition_ids: np.ndarray
    score: float
    """Log-likelihood of the path with the acoustic scale undone, as gmm-align-compiled reports it:
    the acoustic part plus 10 times the graph part."""
    beam: float
    """The beam that found it."""


def viterbi(
    model: KaldiModel,
    graph: kaldifst.StdVectorFst,
    features: np.ndarray,
    beam: float = 10.0,
    retry_beam: float = 40.0,
    widen: bool = True,
) -> BestPath | None:
    """Align `features` (frames, dim) to `graph`, as gmm-align-compiled does.

    After `retry_beam` the beam is doubled until a path is found, if `widen`. None means that there
    is none, as when there are fewer frames than the phones need.
    """
    scored = graph.copy(safe=True)
    khg.add_transition_probs(
        trans_model=model.transitions,
        disambig_syms=[],
        transition_scale=TRANSITION_SCALE,
        self_loop_scale=SELF_LOOP_SCALE,
        fst=scored,
    )
    decodable = khg.DecodableAmDiagGmmScaled(
        model.gmm, model.transitions, np.ascontiguousarray(features), ACOUSTIC_SCALE
    )
    beams = [beam, retry_beam]
    while widen and beams[-1] < WIDEST_BEAM:
        beams.append(2 * beams[-1])
    for width in beams:
        done, *_, score, _, transition_ids, _ = khg.align_utterance_wrapper(
            khg.AlignConfig(width, 0.0, False),
            "",
            ACOUSTIC_SCALE,
            scored,
            decodable,
            0,
            0,
            0,
            0.0,
            0,
        )
        if done:
            return BestPath(np.array(transition_ids, dtype=np.int32), score, width)
    return None


def phone_segments(transition_ids: np.ndarray) -> list[Segment]:
    """Cut an alignment into phones.

    In a reordered graph the self-loops of a state follow its forward transition, so a phone ends
    with the self-loops that follow a transition into its final state.
    """
    tables = transition_tables()
    forward = np.flatnonzero(~tables.self_loop[transition_ids])
    ends_phone = tables.final[transition_ids[forward]]
    starts = np.concatenate([[0], forward[1:][ends_phone[:-1]], [len(transition_ids)]])
    return [
        Segment(PHONES[tables.phone[transition_ids[start]]], int(start), int(end - start))
        for start, end in itertools.pairwise(starts)
    ]


def word_segments(
    phones: Sequence[Segment], words: Sequence[Pronunciation], labels: Sequence[str]
) -> list[Segment]:
    """The words, in order, given the aligned phones; `labels` names them.

    Where two segmentations fit (a variant may end with the next word's first phone), the one whose
    words take their earlier variants wins, the last word first.

    Raises ValueError if the phones are not a pronunciation of the words.
    """
    symbols = [segment.label for segment in phones]
    # came_from[i][j]: where word i began if it can end before phone j.
    came_from: list[dict[int, int]] = []
    starts = {0}
    for word in words:
        starts |= {j + 1 for j in starts if symbols[j : j + 1] == [SILENCE]}
        ends: dict[int, int] = {}
        for variant in word:
            for j in sorted(starts):
                if tuple(symbols[j : j + len(variant)]) == variant:
                    ends.setdefault(j + len(variant), j)
        came_from.append(ends)
        starts = set(ends)
    end = len(symbols)
    if end not in starts and symbols[-1:] == [SILENCE]:
        end -= 1
    if end not in starts:
        raise ValueError(f"{' '.join(symbols)} is no pronunciation of {' '.join(labels)}")
    result = []
    for label, ends in zip(reversed(labels), reversed(came_from), strict=True):
        while end not in ends:
            end -= 1
        begin = ends[end]
        first, last = phones[begin], phones[end - 1]
        result.append(Segment(label, first.start, last.end - first.start))
        end = begin
    return result[::-1]
