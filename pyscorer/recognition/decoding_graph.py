"""Stage `decoding_graph`: lexicon, language model and tree as one graph to decode with."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from pyscorer.chain.fst import save_fst
from pyscorer.chain.tree import FORWARD, SELF_LOOP, ContextTree, read_tree
from pyscorer.contract.files import atomic_directory, read_table
from pyscorer.contract.tables import read_rows
from pyscorer.corpora.spoken_call import read_grammar
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.lang_phones import LangPhones, known_phones
from pyscorer.kaldi.transition_model import TransitionModel, chain_transition_model
from pyscorer.kaldi.tree_file import read_kaldi_tree
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon, write_lexicon
from pyscorer.lexicon.normalise import english_words, lexicon_spelling
from pyscorer.lexicon.words import TranscriptReader, guess_pronunciations
from pyscorer.options import option
from pyscorer.recognition.hclg import (
    ArcLabels,
    compose_lexicon_grammar,
    expand,
    marked_lexicon_fst,
    phones_of,
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
    unknown_words: Literal["error", "skip", "guess"] = option(
        "error",
        "what to do with words that the lexicon lacks; guess: pronounce them as they are spelled",
    )


def decoding_graph(
    text: list[Path],
    lexicon: Path,
    tree: Path,
    out: Path,
    options: GraphOptions = GraphOptions(),
    grammar: Path | None = None,
) -> None:
    """Make the decoding graph of a chain model.

    `text` are Kaldi files `text` (or `prompts`, where these are read aloud) to estimate the
    language model from, unless `options.arpa`. The accepted responses of a reference `grammar`, a
    table with a column `response` (.csv, .tsv) or the XML of Spoken CALL, count as a sentence each.
    `tree` is a `tree.json` of chain_graphs, or the `tree` of a Kaldi model with its `phones.txt`
    beside it; its phones may be by place in a word (`kaldi.lang_phones`). Writes `out/HCLG.fst`
    (transition-ids in, words out), `out/words.txt`, `out/lexicon.txt` (of these words),
    `out/phones.txt`, `out/lm.arpa`, `out/pdfs.int` (the pdf of each transition-id, -1 first) and
    `out/phones.int` (the phone of `phones.PHONES` that each begins, 0 if none).

    Raises InputError for words of the language model that the lexicon lacks, and for phones that
    the model lacks.
    """
    entries = read_lexicon(lexicon)
    context, known_as = _read_tree(tree, entries)
    transitions = chain_transition_model(context)
    with atomic_directory(out) as part:
        arpa = part / "lm.arpa"
        if options.arpa is None:
            sentences = chain(_sentences(text, entries), _responses(grammar, entries))
            write_arpa(arpa, sentences, options.order)
        else:
            if not options.arpa.is_file():
                raise InputError(f"{options.arpa}: no such file")
            arpa.write_bytes(options.arpa.read_bytes())
        source = options.arpa or text[0]
        ngrams = _as_spelled(read_arpa(options.arpa or arpa), entries, source)
        known = _known(vocabulary(ngrams), entries, options, source, lexicon)
        symbols = word_symbols(known)
        write_words(part / "words.txt", symbols)
        lexicon_part, marks = marked_lexicon_fst(known, symbols, known_as)
        phones = [*known_as.symbols, *(f"#{i}" for i in range(marks))]
        write_words(part / "phones.txt", phones)
        word_id = {symbol: i for i, symbol in enumerate(symbols)}
        lg = compose_lexicon_grammar(lexicon_part, grammar_fst(ngrams, word_id))
        hclg = expand(lg, arc_labels(context, transitions), known_as)
        save_fst(hclg, part / "HCLG.fst")
        pdfs = transitions.transition_table[:, 2].tolist()
        (part / "pdfs.int").write_text("\n".join(map(str, pdfs)) + "\n")
        write_lexicon(part / "lexicon.txt", known)
        begun = [known_as.base[phone] for phone in phones_begun(transitions)]
        (part / "phones.int").write_text("\n".join(map(str, begun)) + "\n")
        log.info("%s: %d words, %d states", out, len(known), hclg.num_states)


def _sentences(texts: list[Path], lexicon: Lexicon) -> Iterator[list[str]]:
    spelling, reader = lexicon_spelling(lexicon), TranscriptReader(lexicon)
    for text in texts:
        for key, line in read_table(text).items():
            with naming(f"{text}: {key}"):
                yield list(map(reader.spelled, english_words(line, spelling)))


def _responses(grammar: Path | None, lexicon: Lexicon) -> Iterator[list[str]]:
    if grammar is None:
        return
    if grammar.suffix.lower() in (".csv", ".tsv"):
        accepted = [row["response"] for _, row in read_rows(grammar, ("response",))]
    else:
        accepted = [r for unit in read_grammar(grammar).values() for r in unit.responses]
    reader = TranscriptReader(lexicon)
    yield from map(reader.words, accepted)


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


def _read_tree(path: Path, lexicon: Lexicon) -> tuple[ContextTree, LangPhones]:
    if path.suffix == ".json":
        tree = read_tree(path)
        if (phones_known := known_phones(tree.phones)) is None:
            raise InputError(f"{path}: its phones are not those of docs/contract.md: make it again")
        return tree, phones_known
    phones = path.parent / "phones.txt"
    if not phones.is_file():
        raise InputError(f"{phones}: no such file; a Kaldi tree needs its phones.txt beside it")
    found = phones_of(phones, lexicon)
    return read_kaldi_tree(path, found.symbols), found


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
                f"{message}; add their pronunciations, or set unknown_words to guess them from "
                "spelling, or to skip to leave their n-grams out"
            )
        log.warning(
            "%s; %s", message, "guessed" if options.unknown_words == "guess" else "left out"
        )
    if options.unknown_words == "guess":
        with naming(source):
            guessed = {word: list(guess_pronunciations(word)) for word in sorted(unknown)}
        lexicon = lexicon | guessed
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
