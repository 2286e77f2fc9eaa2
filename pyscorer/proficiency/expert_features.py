"""Stage `expert_features`: what each expert is fed, for every item of the table.

`fit_encoders` learns whatever the inputs need (vocabularies, vectors, language models) from
training rows and grammar; `encode` turns any prompt and response into the input of one kind.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from pyscorer.contract.files import atomic_directory, read_lines
from pyscorer.contract.weights import load_arrays
from pyscorer.corpora.spoken_call import Grammar
from pyscorer.errors import InputError
from pyscorer.lexicon.normalise import transcript_text
from pyscorer.options import option
from pyscorer.proficiency import bags, bert, fbk, joined, units, vectors
from pyscorer.proficiency.encoders import (
    Encoders,
    Protocol,
    Scale,
    english_prompt,
    save_encoders,
    shown_words,
)
from pyscorer.proficiency.pairs import UNSEEN, PairTable, load_data

log = logging.getLogger(__name__)

KINDS = (
    *("fbk", "units", "joined", "counts", "tfidf", "w2v", "w2v_marked"),
    *("bert", "bert_german"),
)
"""Input kinds; w2v_marked has the end-of-sentence mark between prompt and response.

joined is all that is not a sequence or a bag: FBK, neighbour and evidence features.
"""
NEED_GRAMMAR = ("fbk",)
"""Kinds that are nothing without accepted responses; the others leave out what is compared with
them.
"""


@dataclass(frozen=True)
class FeatureOptions:
    """What the inputs are made of."""

    word_vectors: Path | None = option(
        None, "word2vec file (text, or .bin; may be .gz); trained on the text if absent"
    )
    encoder: Path | None = option(
        None, "BERT encoder directory; the package of the extra `bert` if absent"
    )
    vocabulary: int = option(1020, "words of a bag (1,020 in the paper)", ge=1)
    dimension: int = option(300, "size of vectors trained here", ge=1)
    orders: int = option(4, "n-gram orders 1 to this on each text", ge=1)
    unit_vocabulary: int = option(400, "SentencePiece units", ge=1)
    unit_tokens: int = option(4000, "size of the bag of units and edits", ge=1)
    seed: int = option(1, "seed of the vectors", ge=0)
    kinds: tuple[str, ...] = option(
        (), "input kinds to write beside fbk, units, joined; all if empty"
    )
    protocol: Protocol = option(
        "ours",
        "paper: German prompts in bags and word vectors, a BERT vector a word and a marker of its "
        "own, as Papi et al. print it; ours: prompts translated",
    )


@dataclass(frozen=True)
class Inputs:
    """N x D vectors, or N x T x D sequences with N lengths."""

    values: NDArray[np.float32]
    lengths: NDArray[np.int64] | None = None


def _scale_of(values: NDArray, weights: NDArray) -> Scale:
    mean = np.average(values, axis=0, weights=weights)
    deviation = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
    return Scale(mean, np.maximum(deviation, 1e-3))


def _token_matrix(found: list[set[str]], vocabulary: dict[str, int]) -> NDArray[np.float32]:
    matrix = np.zeros((len(found), len(vocabulary)), np.float32)
    for i, tokens in enumerate(found):
        columns = [vocabulary[t] for t in tokens if t in vocabulary]
        matrix[i, columns] = 1
    return matrix


def fit_encoders(
    table: PairTable, grammar: Grammar, generic: list[list[str]], options: FeatureOptions
) -> tuple[Encoders, dict[str, Inputs]]:
    """Learn the encoders from training rows; encode every item of the table in what needs labels.

    Of these kinds (fbk, units, joined) language models, neighbours and evidence are out of fold for
    training items; the others are what `encode` makes of any response.
    """
    references = fbk.tokenise_grammar(grammar)
    log.info("closest accepted responses of %d pairs", len(table.prompts))
    alignments = fbk.align_pairs(references, table.prompts, table.responses)
    log.info("language models")
    generic_models = fbk.train_text_models(generic, options.orders) if generic else []
    raw, final = fbk.out_of_fold_features(
        table, references, alignments, generic_models, options.orders
    )
    weights = table.counts.sum(axis=1)
    neighbours = units.out_of_fold_neighbours(table)
    prompts = [english_prompt(grammar, p) for p in table.prompts]
    evidence, parts = joined.out_of_fold_parts(table, prompts, references, alignments)
    everything = np.hstack([raw, neighbours, evidence])
    encoders = Encoders(
        classes=table.classes,
        grammar=grammar,
        references=references,
        models=generic_models + final,
        scale={
            kind: _scale_of(values, weights)
            for kind, values in (("fbk", raw), ("units", neighbours), ("joined", everything))
        },
        words=[],
        idf=np.zeros(0),
        vectors={},
        bert=None,
        unit_model=b"",
        unit_tokens={},
        known=units.known_responses(table, table.folds != UNSEEN),
        parts=parts,
        protocol=options.protocol,
    )
    training = np.flatnonzero(table.folds != UNSEEN)
    texts = [
        [*encoders.prompt_words(table.prompts[i]), *table.responses[i].split()] for i in training
    ]
    wanted = wanted_kinds(options)
    if set(wanted) & {"counts", "tfidf", "w2v", "w2v_marked"}:
        _fit_words(encoders, texts, weights[training], options)
    if any(kind.startswith("bert") for kind in wanted):
        encoders.bert = _load_bert(options.encoder)
    accepted = (r for unit in grammar.values() for r in unit.responses)
    spoken = (table.responses[i] for i in training if table.responses[i])
    encoders.unit_model = units.train_units([*accepted, *spoken], options.unit_vocabulary)
    found = _tokens(encoders, prompts, table.responses, alignments)
    vocabulary = bags.choose_vocabulary((sorted(found[i]) for i in training), options.unit_tokens)
    encoders.unit_tokens = {token: i for i, token in enumerate(vocabulary)}
    inputs = {}
    if grammar:
        inputs["fbk"] = Inputs(encoders.scale["fbk"].standardise(raw))
    inputs["units"] = _unit_inputs(encoders, found, neighbours)
    inputs["joined"] = Inputs(encoders.scale["joined"].standardise(everything))
    return encoders, inputs


def wanted_kinds(options: FeatureOptions) -> tuple[str, ...]:
    """The kinds that are asked for, beside those always made; InputError for an unknown one."""
    wanted = options.kinds or KINDS
    unknown = set(wanted) - set(KINDS)
    if unknown:
        raise InputError(f"no input kind {min(unknown)!r}; known: {', '.join(KINDS)}")
    return wanted


def _fit_words(
    encoders: Encoders, texts: list[list[str]], weights: NDArray, options: FeatureOptions
) -> None:
    encoders.words = bags.choose_vocabulary(texts, options.vocabulary)
    responses = [u.responses for u in encoders.grammar.values()]
    accepted = [r.split() for rs in responses for r in rs]
    counts = bags.bags(texts, encoders.words)
    encoders.idf = bags.inverse_document_frequency(counts, weights)
    if options.word_vectors:
        wanted = {w for text in texts + accepted for w in text}
        encoders.vectors = vectors.read_vectors(options.word_vectors, wanted)
        log.info("%d of %d words have a vector", len(encoders.vectors), len(wanted))
        return
    log.info("training word vectors")
    weighted = [(t, float(w)) for t, w in zip(texts, weights, strict=True)]
    weighted += [(t, 0.2) for t in accepted]
    encoders.vectors = vectors.train_skipgram(weighted, options.dimension, seed=options.seed)


def _load_bert(folder: Path | None) -> bert.Encoder | None:
    found = folder or bert.packaged_encoder()
    if found is None:
        log.warning(
            "no BERT encoder: name a directory, or install the extra `bert`; expert left out"
        )
        return None
    return bert.load_encoder(found)


@lru_cache(maxsize=2)
def _processor(model: bytes) -> sentencepiece.SentencePieceProcessor:
    return units.load_units(model)


def _tokens(
    encoders: Encoders, english: list[str], responses: list[str], alignments: list
) -> list[set[str]]:
    """See `units.tokens`; edits are known where there is a grammar."""
    processor = _processor(encoders.unit_model)
    return [
        units.tokens(processor, prompt, response, edits if encoders.grammar else None)
        for prompt, response, (_, edits) in zip(english, responses, alignments, strict=True)
    ]


def _unit_inputs(encoders: Encoders, found: list[set[str]], neighbours: NDArray) -> Inputs:
    bag = _token_matrix(found, encoders.unit_tokens)
    return Inputs(np.hstack([bag, encoders.scale["units"].standardise(neighbours)]))


def encode(
    encoders: Encoders,
    kind: str,
    prompts: list[str],
    responses: list[str],
    alignments: list | None = None,
) -> Inputs:
    """Encode new pairs as one of `KINDS`; label-based parts use all training rows.

    alignments: `edits.closest` of each pair, where it is known already.
    """
    english = [encoders.english(p) for p in prompts]
    prompt_words = [encoders.prompt_words(p) for p in prompts]
    words = [r.split() for r in responses]
    if kind in ("counts", "tfidf"):
        two = [bags.bags(text, encoders.words) for text in (prompt_words, words)]
        if kind == "tfidf":
            two = [bags.tfidf(counts, encoders.idf) for counts in two]
        return Inputs(np.hstack(two))
    if kind in ("w2v", "w2v_marked"):
        marked = kind == "w2v_marked"
        return Inputs(*vectors.sequences(prompt_words, words, encoders.vectors, marked))
    if kind in ("bert", "bert_german"):
        if encoders.bert is None:
            raise InputError("no BERT encoder is at hand")
        shown, sequences = prompts if kind == "bert_german" else english, bert.contextual_sequences
        if encoders.protocol == "paper":
            sequences = bert.word_sequences
            if kind == "bert_german":
                shown = [" ".join(shown_words(p)) for p in prompts]
        return Inputs(*vectors.pad(sequences(encoders.bert, shown, responses)))
    references = encoders.references
    if alignments is None:
        alignments = fbk.align_pairs(references, prompts, responses)
    if kind in ("fbk", "joined"):
        raw = fbk.fbk_features(references, prompts, responses, alignments, encoders.models)
    if kind == "fbk":
        return Inputs(encoders.scale["fbk"].standardise(raw))
    near = np.array(
        [
            units.neighbour_features(tuple(w), encoders.known.get(p), encoders.classes)
            for p, w in zip(prompts, words, strict=True)
        ],
        np.float32,
    )
    if kind == "joined":
        told = zip(prompts, english, responses, alignments, strict=True)
        evidence = np.array(
            [encoders.parts.features(p, e, r, edits) for p, e, r, (_, edits) in told],
            np.float32,
        )
        everything = np.hstack([raw, near, evidence])
        return Inputs(encoders.scale["joined"].standardise(everything))
    if kind == "units":
        found = _tokens(encoders, english, responses, alignments)
        return _unit_inputs(encoders, found, near)
    raise InputError(f"no input kind {kind!r}; known: {', '.join(KINDS)}")


def check_grammar(expert: str, kind: str, grammar: Grammar) -> None:
    """Raises InputError for an expert that needs a grammar where there is none."""
    if kind in NEED_GRAMMAR and not grammar:
        raise InputError(
            f"expert {expert} compares responses with accepted ones, and there is no grammar: "
            "name one (prepare_responses.grammar: XML, or a table of prompt and response), or "
            "leave the expert out"
        )


def expert_features(data: Path, out: Path, options: FeatureOptions) -> None:
    """Write out/<kind>.npz for each of `KINDS` and out/encoders/, from a prepared data folder.

    The inputs follow the order of the table of `pairs.load_data`. Without a BERT encoder its kinds
    are left out, with a warning; without a grammar those of `NEED_GRAMMAR`. Raises InputError for a
    missing or faulty data folder, word2vec file or encoder directory.
    """
    table, grammar = load_data(data)
    text = data / "generic.txt"
    lines = read_lines(text) if text.exists() else ()
    generic = [transcript_text(line).split() for _, line in lines]
    encoders, inputs = fit_encoders(table, grammar, [g for g in generic if g], options)
    with atomic_directory(out) as part:
        save_inputs(part, inputs)
        for kind in wanted_kinds(options):
            without = (kind.startswith("bert") and encoders.bert is None) or (
                kind in NEED_GRAMMAR and not grammar
            )
            if kind not in inputs and not without:
                # One after another: the sequences of all kinds together would fill the memory.
                log.info("inputs: %s", kind)
                save_inputs(part, {kind: encode(encoders, kind, table.prompts, table.responses)})
        save_encoders(part / "encoders", encoders)


def save_inputs(folder: Path, inputs: Mapping[str, Inputs]) -> None:
    """Write `<kind>.npz` of every kind, in half precision."""
    for kind, found in inputs.items():
        arrays: dict[str, Any] = {"values": found.values.astype(np.float16)}
        if found.lengths is not None:
            arrays["lengths"] = found.lengths
        np.savez(folder / f"{kind}.npz", **arrays)


def load_inputs(features: Path, kind: str) -> Inputs:
    """Read the inputs of one kind."""
    path = features / f"{kind}.npz"
    if not path.exists():
        raise InputError(f"{path}: no such file: run expert_features (BERT needs an encoder)")
    arrays = load_arrays(path, "expert_features")
    if "values" not in arrays:
        raise InputError(f"{path}: lacks values: run expert_features again")
    return Inputs(arrays["values"].astype(np.float32), arrays.get("lengths"))
