"""Input of the FBK baseline: 4 standard, 5 reference and 5 features a language model.

Papi et al. 2020, section 2.1, after Gretter et al. 2019. By default 12 models: orders 1 to 4 on
generic English, on accepted and on rejected training transcripts; of levels, on those of each.
Where there is no grammar (`References` without responses), what is compared with it is left out:
the reference features and the words out of vocabulary.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscorer.corpora.spoken_call import Grammar
from pyscorer.proficiency import ngram
from pyscorer.proficiency.edits import Candidates, Edit, candidates, closest
from pyscorer.proficiency.pairs import UNSEEN, PairTable
from pyscorer.proficiency.task import told_apart

FUNCTION_WORDS = frozenset(
    """
    a an the this that these those some any no not i i'd i'm i'll i've me my you your he she it
    it's its we our they them their there here is are am was were be been do does did don't have
    has had haven't can can't could will would may might shall should must to of in on at for
    from with by and or but please yes hello what where when which who how
    """.split()  # noqa: SIM905
)
"""English words without content of their own; all others count as content words."""

STANDARD = ("words", "content_words", "oov", "oov_share")
REFERENCE = ("cost", "cost_per_word", "is_reference", "words_of_references", "content_edits")


def content(edit: Edit) -> bool:
    """Whether a step of an alignment changes a content word."""
    if edit.reference == edit.response:
        return False
    return any(w and w not in FUNCTION_WORDS for w in (edit.reference, edit.response))


def standard_features(words: Sequence[str], vocabulary: frozenset[str]) -> list[float]:
    """The four `STANDARD` features; out of vocabulary means in no accepted response at all."""
    unknown = sum(w not in vocabulary for w in words)
    known_content = sum(w not in FUNCTION_WORDS for w in words)
    return [float(len(words)), float(known_content), float(unknown), unknown / max(len(words), 1)]


def reference_features(
    words: Sequence[str], alignment: tuple[float, list[Edit]], prompt_words: frozenset[str]
) -> list[float]:
    """The five `REFERENCE` features, against the closest accepted response of the prompt.

    Its edit cost, the cost divided by the longer of the two, whether it is the response itself,
    the share of the response's words that any accepted response has, and the edits of content
    words.
    """
    cost, edits = alignment
    longest = max(len(words), sum(bool(e.reference) for e in edits), 1)
    share = sum(w in prompt_words for w in words) / max(len(words), 1)
    changed = sum(content(e) for e in edits)
    return [cost, cost / longest, float(cost == 0), share, float(changed)]


@dataclass(frozen=True)
class References:
    """The grammar, tokenised: accepted responses and their words by prompt, and all words."""

    responses: dict[str, Candidates]
    words: dict[str, frozenset[str]]
    vocabulary: frozenset[str]


def tokenise_grammar(grammar: Grammar) -> References:
    """Split the grammar's responses into words."""
    responses = {
        p: candidates(tuple(r.split()) for r in unit.responses) for p, unit in grammar.items()
    }
    words = {p: frozenset(found.index) for p, found in responses.items()}
    return References(responses, words, frozenset().union(*words.values()))


def align_pairs(references: References, prompts: Sequence[str], responses: Sequence[str]) -> list:
    """`edits.closest` of every response; an unknown prompt has no references."""
    known = references.responses
    pairs = list(zip(prompts, responses, strict=True))
    found = {(p, r): closest(tuple(r.split()), known.get(p)) for p, r in dict.fromkeys(pairs)}
    return [found[pair] for pair in pairs]


LanguageModels = list[ngram.NgramModel]


def train_text_models(sentences: Iterable[Sequence[str]], max_order: int) -> LanguageModels:
    """Models of orders 1 to max_order on one text."""
    texts = list(sentences)
    return [ngram.train_ngram(texts, order) for order in range(1, max_order + 1)]


def response_models(table: PairTable, rows: NDArray[np.bool_], max_order: int) -> LanguageModels:
    """Models on accepted, then on rejected transcripts of the training rows of items `rows`.

    Of levels, on those of each.
    """
    models: LanguageModels = []
    for members in told_apart(table.classes):
        counts = table.counts[:, list(members)].sum(axis=1)
        sentences = (
            table.responses[i].split() for i in np.flatnonzero(rows) for _ in range(int(counts[i]))
        )
        models += train_text_models(sentences, max_order)
    return models


def fbk_features(
    references: References,
    prompts: Sequence[str],
    responses: Sequence[str],
    alignments: list,
    models: LanguageModels,
) -> NDArray[np.float32]:
    """N x (9 + 5 models) features of responses; without a grammar 2 + 5 models."""
    rows = []
    for prompt, response, alignment in zip(prompts, responses, alignments, strict=True):
        words = response.split()
        row = standard_features(words, references.vocabulary)
        if references.responses:
            row += reference_features(words, alignment, references.words.get(prompt, frozenset()))
        else:
            row = row[:2]
        for model in models:
            row += ngram.features(model, words)
        rows.append(row)
    return np.array(rows, np.float32)


def out_of_fold_features(
    table: PairTable,
    references: References,
    alignments: list,
    generic: LanguageModels,
    max_order: int,
) -> tuple[NDArray[np.float32], LanguageModels]:
    """Features of every pair, and the models of accepted and rejected responses on all rows.

    A training pair is scored by models estimated without its fold, else its own rows would tell
    its label; pairs of the test set alone are scored by the models of all training rows.
    """
    rows: list[NDArray[np.float32] | None] = [None] * len(table.prompts)
    final: LanguageModels = []
    for fold in [*range(table.n_folds), UNSEEN]:
        trained_on = (table.folds != fold) & (table.folds != UNSEEN)
        final = response_models(table, trained_on, max_order)
        chosen = np.flatnonzero(table.folds == fold)
        found = fbk_features(
            references,
            [table.prompts[i] for i in chosen],
            [table.responses[i] for i in chosen],
            [alignments[i] for i in chosen],
            generic + final,
        )
        for i, row in zip(chosen, found, strict=True):
            rows[i] = row
    return np.stack([r for r in rows if r is not None]), final
