"""Stage `decoding_graph`: lexicon, language model and tree as one graph to decode with."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pyscorer.chain.fst import save_fst
from pyscorer.chain.tree import FORWARD, SELF_LOOP, ContextTree, read_tree
from pyscorer.contract.files import atomic_directory, read_table
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.transition_model import TransitionModel, chain_transition_model
from pyscorer.kaldi.tree_file import read_kaldi_tree
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon, write_lexicon
from pyscorer.lexicon.normalise import english_words, lexicon_spelling
from pyscorer.options import option
from pyscorer.recognition.hclg import (
    ArcLabels,
    check_phones,
    compose_lexicon_grammar,
    expand,
    lexicon_fst,
    word_symbols,
    write_words,
)
from pyscorer.recognition.language_model import (
    UNKNOWN,
    Ngrams,
    grammar_fst,
    read_arpa,
    vocabulary,
    write_arpa,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GraphOptions:
    """The language model."""

    order: int = option(3, "words of an n-gram, if estimated from text", ge=1)
    arpa: Path | None = option(
        None,
        "an ARPA file to use; else one is estimated from text",
        json_schema_extra={"minLength": 1},
    )
    unknown_words: Literal["error", "skip"] = option(
        "error", "what to do with words of the ARPA file that the lexicon lacks"
    )


def decoding_graph(
    text: Path, lexicon: Path, tree: Path, out: Path, options: GraphOptions = GraphOptions()
) -> None:
    """Make the decoding graph of a chain model.

    `text` is a Kaldi `text` file to estimate the language model from (unless `options.arpa`),
    `tree` a `tree.json` of chain_graphs, or the `tree` of a Kaldi model with its `phones.txt`
    beside it. Writes `out/HCLG.fst` (transition-ids in, words out), `out/words.txt`,
    `out/phones.txt`, `out/lm.arpa` and `out/pdfs.int` (the pdf of each transition-id, -1 first).

    Raises InputError for words of the language model that the lexicon lacks, and for phones that
    the model lacks.
    """
    entries = read_lexicon(lexicon)
    context = _read_tree(tree, entries)
    transitions = chain_transition_model(context)
    with atomic_directory(out) as part:
        arpa = part / "lm.arpa"
        if options.arpa is None:
            write_arpa(arpa, _sentences(text, entries), options.order)
        else:
            if not options.arpa.is_file():
                raise InputError(f"{options.arpa}: no such file")
            arpa.write_bytes(options.arpa.read_bytes())
        ngrams = _as_spelled(read_arpa(options.arpa or arpa), entries, options.arpa or text)
        known = _known(vocabulary(ngrams), entries, options, options.arpa or text, lexicon)
        symbols = word_symbols(known)
        write_words(part / "words.txt", symbols)
        lexicon_part, marks = lexicon_fst(known, symbols)
        phones = [*PHONES, *(f"#{i}" for i in range(marks))]
        write_words(part / "phones.txt", phones)
        word_id = {symbol: i for i, symbol in enumerate(symbols)}
        lg = compose_lexicon_grammar(lexicon_part, grammar_fst(ngrams, word_id))
        hclg = expand(lg, arc_labels(context, transitions))
        save_fst(hclg, part / "HCLG.fst")
        pdfs = transitions.transition_table[:, 2].tolist()
        (part / "pdfs.int").write_text("\n".join(map(str, pdfs)) + "\n")
        write_lexicon(part / "lexicon.txt", known)
        begun = phones_begun(transitions)
        (part / "phones.int").write_text("\n".join(map(str, begun)) + "\n")
        log.info("%s: %d words, %d states", out, len(known), hclg.num_states)


def _sentences(text: Path, lexicon: Lexicon) -> Iterator[list[str]]:
    spelling = lexicon_spelling(lexicon)
    for key, line in read_table(text).items():
        with naming(f"{text}: {key}"):
            yield english_words(line, spelling)


def _as_spelled(ngrams: Ngrams, lexicon: Lexicon, source: Path) -> Ngrams:
    """The n-grams with their words as the lexicon spells them, such as THE for the."""
    spelling = lexicon_spelling(lexicon)
    names = {w: w if w.startswith("<") else spelling(w) or w for w in vocabulary(ngrams)}
    owners: dict[str, str] = {}
    for word, name in names.items():
        if owners.setdefault(name, word) != word:
            raise InputError(
                f"{source}: {owners[name]} and {word} are one word to the lexicon, {name}"
            )
    return {tuple(names.get(word, word) for word in key): ngrams[key] for key in ngrams}


def _read_tree(path: Path, lexicon: Lexicon) -> ContextTree:
    if path.suffix == ".json":
        return read_tree(path)
    phones = path.parent / "phones.txt"
    if not phones.is_file():
        raise InputError(f"{phones}: no such file; a Kaldi tree needs its phones.txt beside it")
    check_phones(phones, lexicon)
    return read_kaldi_tree(path, PHONES)


def _known(
    words: list[str], lexicon: Lexicon, options: GraphOptions, source: Path, where: Path
) -> Lexicon:
    """The entries of the language model's words."""
    unknown = [word for word in words if word not in lexicon and word != UNKNOWN]
    if unknown:
        listed = " ".join(unknown[:20]) + (" ..." if len(unknown) > 20 else "")
        message = f"{source}: {len(unknown)} words are not in {where}: {listed}"
        if options.unknown_words == "error":
            raise InputError(
                f"{message}; add their pronunciations, or set unknown_words to skip to leave "
                "their n-grams out"
            )
        log.warning("%s; left out", message)
    known = {word: lexicon[word] for word in words if word in lexicon}
    if not known:
        raise InputError(f"{source}: no word is in {where}")
    return known


def arc_labels(tree: ContextTree, transitions: TransitionModel) -> ArcLabels:
    """Transition-ids of a phone in context: out of its state, and back to it."""
    ids = {
        (phone, forward, self_loop): transitions.transition_ids(phone, 0, forward, self_loop)
        for phone, _, forward, self_loop in transitions.tuples.tolist()
    }

    def labels(left: int, phone: int) -> tuple[int, int]:
        pdfs = tree.pdf[left, phone]
        self_loop, forward = ids[phone, int(pdfs[FORWARD]), int(pdfs[SELF_LOOP])]
        return forward, self_loop

    return labels


def phones_begun(transitions: TransitionModel) -> list[int]:
    """For each transition-id, the phone that it is the first row of scores of; 0: none.

    That is the transition out of its state: the self-loop follows it, as in Kaldi's reordered
    graphs.
    """
    rows = transitions.transition_table[1:]
    phone, state = transitions.tuples[rows[:, 0], :2].T
    return [0, *(phone * (rows[:, 1] != state)).tolist()]
