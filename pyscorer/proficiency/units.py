"""Input of our own expert, FFN-SPM: SentencePiece units of a response and of its edits.

Recognition and language errors show as edits against the closest accepted response. A bag holds
the response's units and unit pairs, the prompt's units, and for each edit what was left out, put
in or said instead, with its neighbour. Neighbour features say how close training responses to the
same prompt were, and how they were judged. Without a grammar there are no edits.
"""

import io
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from pyscorer.contract.classes import Classes
from pyscorer.proficiency.edits import Candidates, Edit, candidates, distances
from pyscorer.proficiency.pairs import UNSEEN, PairTable
from pyscorer.proficiency.task import told_apart

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
    units: sentencepiece.SentencePieceProcessor,
    prompt: str,
    response: str,
    edits: Sequence[Edit] | None,
) -> set[str]:
    """The bag of one response: `prompt` is the prompt in English, edits come from `closest`.

    edits: None where there is no grammar.
    """
    pieces = ["<s>", *units.encode(response, out_type=str), "</s>"]
    found = {f"w {p}" for p in pieces} | {f"b {p} {q}" for p, q in itertools.pairwise(pieces)}
    found |= {f"p {p}" for p in units.encode(prompt, out_type=str)}
    if edits is None:
        return found
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
    response: Sequence[str],
    known: tuple[Candidates, NDArray[np.float64]] | None,
    classes: Classes,
) -> list[float]:
    """How near training responses of a prompt are, and how they were judged.

    Of accepted and of rejected ones, or of each level (`task.told_apart`), the distance of the
    nearest and log(1 + its rows); the share of every class among the near ones, the nearer the
    more, and log(1 + their mass).
    """
    kinds = told_apart(classes)
    nearest = [float(FAR)] * len(kinds)
    number = [0.0] * len(kinds)
    shares = np.zeros(len(classes.names))
    if known is not None:
        texts, counts = known
        far = np.minimum(distances(response, texts), FAR)
        shares = np.exp(-1.5 * far) @ counts
        for kind, members in enumerate(kinds):
            n = counts[:, list(members)].sum(axis=1)
            if n.any():
                nearest[kind] = float(far[n > 0].min())
                number[kind] = float(n[far == nearest[kind]].sum())
    mass = shares.sum()
    shares = shares / (mass + 0.3)
    near = [v for d, n in zip(nearest, number, strict=True) for v in (d, np.log1p(n))]
    return [float(v) for v in (*near, *shares, np.log1p(mass))]


def known_responses(table: PairTable, rows: NDArray[np.bool_]) -> Known:
    """Distinct training responses and their class counts by prompt."""
    of_prompt: dict[str, dict[str, NDArray[np.float64]]] = defaultdict(dict)
    for i in np.flatnonzero(rows):
        counts = of_prompt[table.prompts[i]]
        known = counts.get(table.responses[i])
        counts[table.responses[i]] = table.counts[i] if known is None else known + table.counts[i]
    return {
        prompt: (candidates(tuple(r.split()) for r in counts), np.stack(list(counts.values())))
        for prompt, counts in of_prompt.items()
    }


def seen_counts(known: Known, prompt: str, response: str) -> NDArray[np.float64] | None:
    """Class counts that a pair received in training, None for an unseen pair."""
    if prompt not in known:
        return None
    texts, counts = known[prompt]
    found = np.flatnonzero(distances(response.split(), texts) == 0)
    return counts[found[0]] if len(found) else None


def out_of_fold_neighbours(table: PairTable) -> NDArray[np.float32]:
    """Each training item against the other folds, those of the test against all training items."""
    out: list[list[float]] = [[]] * table.n_items
    for fold in [*range(table.n_folds), UNSEEN]:
        known = known_responses(table, (table.folds != fold) & (table.folds != UNSEEN))
        for i in np.flatnonzero(table.folds == fold):
            words = tuple(table.responses[i].split())
            out[i] = neighbour_features(words, known.get(table.prompts[i]), table.classes)
    return np.array(out, np.float32)
