"""Input of our own expert, FFN-SPM: SentencePiece units of a response and of its edits.

Recognition and language errors show as edits against the closest accepted response. A bag holds
the response's units and unit pairs, the prompt's units, and for each edit what was left out, put
in or said instead, with its neighbour. Nine neighbour features say how close training responses to
the same prompt were, and how they were judged.
"""

import io
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from pyscorer.proficiency.edits import Candidates, Edit, candidates, distances
from pyscorer.proficiency.pairs import UNSEEN, PairTable

NEIGHBOURS = (
    "accepted_distance", "accepted_count", "rejected_distance", "rejected_count",
    "near_share_0", "near_share_1", "near_share_2", "near_share_3", "near_mass",
)  # fmt: skip
FAR = 10
"""Distance reported where a prompt has no training response of a kind."""


def train_units(texts: Iterable[str], size: int) -> bytes:
    """Train a SentencePiece unigram model of at most `size` units; returns the serialised model."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sorted(set(texts))),
        model_writer=model,
        vocab_size=size,
        hard_vocab_limit=False,
        model_type="unigram",
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def load_units(model: bytes) -> sentencepiece.SentencePieceProcessor:
    """A processor of a serialised model."""
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def tokens(
    units: sentencepiece.SentencePieceProcessor, prompt: str, response: str, edits: Sequence[Edit]
) -> set[str]:
    """The bag of one response: `prompt` is the prompt in English, edits come from `closest`."""
    pieces = ["<s>", *units.encode(response, out_type=str), "</s>"]
    found = {f"w {p}" for p in pieces} | {f"b {p} {q}" for p, q in itertools.pairwise(pieces)}
    found |= {f"p {p}" for p in units.encode(prompt, out_type=str)}
    changed = [e for e in edits if e.reference != e.response]
    found.add(f"edits {min(len(changed), 4)}")
    before = "<s>"
    for edit in edits:
        if edit.reference != edit.response:
            kind = "del" if not edit.response else "sub" if edit.reference else "ins"
            step = f"{edit.reference}>{edit.response}"
            found |= {f"kind {kind}", f"e {step}", f"c {before} {step}"}
            found |= {f"{kind} - {p}" for p in units.encode(edit.reference, out_type=str)}
            found |= {f"{kind} + {p}" for p in units.encode(edit.response, out_type=str)}
        before = edit.response or edit.reference
    return found


Known = dict[str, tuple[Candidates, NDArray[np.float64]]]
"""Prompt -> its training responses and their class counts."""


def neighbour_features(
    response: Sequence[str], known: tuple[Candidates, NDArray[np.float64]] | None
) -> list[float]:
    """The `NEIGHBOURS` of a response among training responses of its prompt and their counts."""
    nearest = [float(FAR), float(FAR)]
    number = [0.0, 0.0]
    shares = np.zeros(4)
    if known is not None:
        texts, counts = known
        far = np.minimum(distances(response, texts), FAR)
        shares = np.exp(-1.5 * far) @ counts
        for kind, n in enumerate((counts[:, 0], counts[:, 1:].sum(axis=1))):
            if n.any():
                nearest[kind] = float(far[n > 0].min())
                number[kind] = float(n[far == nearest[kind]].sum())
    mass = shares.sum()
    shares = shares / (mass + 0.3)
    near = [nearest[0], np.log1p(number[0]), nearest[1], np.log1p(number[1])]
    return [float(v) for v in (*near, *shares, np.log1p(mass))]


def known_responses(table: PairTable, rows: NDArray[np.bool_]) -> Known:
    """Training responses and their class counts by prompt."""
    of_prompt: dict[str, list[int]] = defaultdict(list)
    for i in np.flatnonzero(rows):
        of_prompt[table.prompts[i]].append(int(i))
    return {
        prompt: (candidates(tuple(table.responses[i].split()) for i in found), table.counts[found])
        for prompt, found in of_prompt.items()
    }


def seen_counts(known: Known, prompt: str, response: str) -> NDArray[np.float64] | None:
    """Class counts that a pair received in training, None for an unseen pair."""
    if prompt not in known:
        return None
    texts, counts = known[prompt]
    found = np.flatnonzero(distances(response.split(), texts) == 0)
    return counts[found[0]] if len(found) else None


def out_of_fold_neighbours(table: PairTable) -> NDArray[np.float32]:
    """N x 9: each training pair against the other folds, test pairs against all training pairs."""
    out = np.zeros((len(table.prompts), len(NEIGHBOURS)), np.float32)
    for fold in [*range(table.n_folds), UNSEEN]:
        known = known_responses(table, (table.folds != fold) & (table.folds != UNSEEN))
        for i in np.flatnonzero(table.folds == fold):
            words = tuple(table.responses[i].split())
            out[i] = neighbour_features(words, known.get(table.prompts[i]))
    return out
