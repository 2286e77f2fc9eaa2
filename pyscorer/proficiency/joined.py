"""Evidence features of our own experts FFN-JOINED and TREES: what training labels say of the parts.

A pair that never occurred before still has parts that did: the response to other prompts, the
response with the prompt's own words blanked (a template), the edits that lead to it from the
closest accepted response, alone and with the word before. For each part, features hold the odds of
what may be wrong (`contrasts`) among the training pairs that have it. Six more say which of the
words that the prompt asks for are missing, and which words came that it does not ask for. Edits and
these six need a grammar, and are left out where there is none.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.classes import Classes
from pyscorer.proficiency.edits import Edit
from pyscorer.proficiency.fbk import FUNCTION_WORDS, References
from pyscorer.proficiency.pairs import UNSEEN, PairTable

PARTS = ("response", "template", "edits", "prompt")
"""Parts of which a response has one: for each the features of `odds`."""
EDITS = ("edit", "edit_after")
"""Parts of which it has any number: of these the worst odds, the first's sum and the least mass."""
WORDS = (
    "missing", "missing_share", "foreign", "most_foreign", "missing_of_prompt", "accepted_prompts"
)  # fmt: skip
REJECTED, WRONG_MEANING = 0.3, 0.15
"""Prior shares of rejected responses and of wrong meanings, worth one training pair."""
NO_EDIT, NO_MASS = -3.0, 9.0
"""What the features of edits say where there is none: certainly fine, often seen."""

Keys = dict[str, list[Hashable]]
Evidence = dict[str, dict[Hashable, NDArray[np.float64]]]
"""Part -> key -> class counts of the training pairs that have it, a pair of n rows worth sqrt n."""


@dataclass(frozen=True)
class Contrast:
    """Classes that are worse than the others, and their prior share."""

    name: str
    worse: tuple[int, ...]
    share: float


def contrasts(classes: Classes) -> tuple[Contrast, ...]:
    """Rejection, and a wrong meaning where there is one; of levels, to be below each of them.

    The prior of levels is even.
    """
    number = len(classes.names)
    if classes.ordinal:
        return tuple(
            Contrast(f"below_{level}_", tuple(range(level)), level / number)
            for level in range(1, number)
        )
    rejected = Contrast("", tuple(range(1, number)), REJECTED)
    if not classes.gross:
        return (rejected,)
    return (rejected, Contrast("meaning_", classes.gross, WRONG_MEANING))


def names(classes: Classes, grammar: bool = True) -> tuple[str, ...]:
    """The features of a response, in order."""
    odds_of = [f"{contrast.name}odds" for contrast in contrasts(classes)]
    of_edits = [odds_of[0], "sum", *odds_of[1:], "mass"]
    return (
        *(WORDS if grammar else ()),
        *(f"{part}_{name}" for part in PARTS for name in (*odds_of, "mass")),
        *(f"{part}_{name}" for part in EDITS if grammar for name in of_edits),
    )


@dataclass(frozen=True)
class PromptWords:
    """Share of each prompt's accepted responses that have a word, and how rare the word is.

    rarity is the log of the number of prompts over those that have the word in any response.
    prompts_of: accepted response -> number of prompts that accept it.
    """

    share: dict[str, dict[str, float]]
    rarity: dict[str, float]
    prompts_of: dict[str, int]

    @property
    def known(self) -> bool:
        """Whether there is a grammar at all."""
        return bool(self.share)


def prompt_words(references: References) -> PromptWords:
    """Count words by prompt."""
    share: dict[str, dict[str, float]] = {}
    having: Counter[str] = Counter()
    prompts_of: Counter[str] = Counter()
    for prompt, found in references.responses.items():
        counts = Counter(w for text in found.texts for w in set(text))
        share[prompt] = {w: n / len(found.texts) for w, n in counts.items()}
        having.update(counts.keys())
        prompts_of.update({" ".join(text) for text in found.texts})
    rarity = {w: math.log(len(references.responses) / n) for w, n in having.items()}
    return PromptWords(share, rarity, dict(prompts_of))


def word_features(words: PromptWords, prompt: str, translation: str, response: str) -> list[float]:
    """The six `WORDS` features; an unknown prompt asks for no words."""
    share, rarity = words.share.get(prompt, {}), words.rarity
    said = set(response.split())
    missing = {w: s for w, s in share.items() if w not in said}
    foreign = [rarity.get(w, 6.0) for w in said if w not in share]
    asked = set(translation.split())
    return [
        sum(s * rarity[w] for w, s in sorted(missing.items()) if s > 0.5),
        max(missing.values(), default=0.0),
        math.fsum(foreign),
        max(foreign, default=0.0),
        math.fsum(rarity.get(w, 3.0) for w in asked - said) / (len(asked) + 1),
        float(words.prompts_of.get(response, 0)),
    ]


def template(words: PromptWords, prompt: str, translation: str, response: str) -> str:
    """The response with the content words that the prompt asks for blanked."""
    asked = {w for w, s in words.share.get(prompt, {}).items() if s > 0.5}
    asked = (asked | set(translation.split())) - FUNCTION_WORDS
    return " ".join("_" if w in asked else w for w in response.split())


def part_keys(
    words: PromptWords, prompt: str, translation: str, response: str, edits: Sequence[Edit]
) -> Keys:
    """The keys of every part of a response."""
    changed: list[Hashable] = []
    after: list[Hashable] = []
    before = "<s>"
    for edit in edits:
        if edit.reference != edit.response:
            changed.append((edit.reference, edit.response))
            after.append((before, edit.reference, edit.response))
        before = edit.response or edit.reference
    return {
        "response": [response],
        "template": [template(words, prompt, translation, response)],
        "edits": [tuple(changed)],
        "prompt": [prompt],
        "edit": changed,
        "edit_after": after,
    }


def collect(keys: Iterable[Keys], counts: NDArray) -> Evidence:
    """Evidence of pairs with these keys and class counts (one row a pair)."""
    found: Evidence = {
        part: defaultdict(lambda: np.zeros(counts.shape[1])) for part in (*PARTS, *EDITS)
    }
    for of_pair, count in zip(keys, counts, strict=True):
        worth = count / math.sqrt(count.sum())
        for part, of_part in of_pair.items():
            for key in dict.fromkeys(of_part):
                found[part][key] += worth
    return {part: dict(known) for part, known in found.items()}


def odds(counts: NDArray | None, classes: Classes) -> list[float]:
    """Log odds of every contrast, and log(1 + mass), from class counts."""
    number = len(classes.names)
    c = np.zeros(number) if counts is None else counts
    row = []
    for contrast in contrasts(classes):
        worse = list(contrast.worse)
        rest = [other for other in range(number) if other not in worse]
        share = contrast.share
        row.append(math.log((c[worse].sum() + share) / (c[rest].sum() + 1 - share)))
    return [*row, math.log1p(c.sum())]


def evidence_features(
    evidence: Evidence, keys: Keys, classes: Classes, grammar: bool = True
) -> list[float]:
    """Features of `PARTS` and, with a grammar, of `EDITS`."""
    row: list[float] = []
    for part in PARTS:
        row += odds(evidence[part].get(keys[part][0]), classes)
    for part in EDITS if grammar else ():
        of_edits = [odds(evidence[part].get(key), classes) for key in keys[part]]
        worst = [
            max((o[at] for o in of_edits), default=NO_EDIT) for at in range(len(contrasts(classes)))
        ]
        row += [worst[0], math.fsum(o[0] for o in of_edits), *worst[1:]]
        row.append(min((o[-1] for o in of_edits), default=NO_MASS))
    return row


@dataclass(frozen=True)
class PartModel:
    """All that is needed for the evidence features of a new response."""

    classes: Classes
    words: PromptWords
    evidence: Evidence

    def features(
        self, prompt: str, translation: str, response: str, edits: Sequence[Edit]
    ) -> list[float]:
        """The features `names` of one response."""
        keys = part_keys(self.words, prompt, translation, response, edits)
        return self.of_keys(keys, prompt, translation, response)

    def of_keys(self, keys: Keys, prompt: str, translation: str, response: str) -> list[float]:
        """The same, with its keys made."""
        known = self.words.known
        row = word_features(self.words, prompt, translation, response) if known else []
        return row + evidence_features(self.evidence, keys, self.classes, known)


def out_of_fold_parts(
    table: PairTable, english: Sequence[str], references: References, alignments: Sequence
) -> tuple[NDArray[np.float32], PartModel]:
    """Features of every pair, and the model of all training pairs.

    A training pair is described by the evidence of the other folds, a pair of the test set alone by
    that of all training pairs. english: each pair's prompt, translated.
    """
    words = prompt_words(references)
    rows = list(zip(table.prompts, table.responses, alignments, strict=True))
    keys = [part_keys(words, p, t, r, e) for (p, r, (_, e)), t in zip(rows, english, strict=True)]
    out = np.zeros((len(rows), len(names(table.classes, words.known))), np.float32)
    model = PartModel(table.classes, words, {})
    for fold in [*range(table.n_folds), UNSEEN]:
        used = np.flatnonzero((table.folds != fold) & (table.folds != UNSEEN))
        model = PartModel(
            table.classes, words, collect((keys[int(i)] for i in used), table.counts[used])
        )
        for i in np.flatnonzero(table.folds == fold).tolist():
            prompt, response, _ = rows[i]
            out[i] = model.of_keys(keys[i], prompt, english[i], response)
    return out, model
