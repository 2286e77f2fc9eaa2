"""The decoding graph HCLG of a left-biphone chain model.

L and G are composed, determinised and minimised with kaldifst, as Kaldi's mkgraph.sh does. Context
and HMM (C and H) are then expanded in one pass: with only left context, the phone that an arc
stands for is known when its left neighbour is, and a chain phone is one forward arc and a
self-loop.
"""

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import kaldifst

from pyscorer.alignment.lexicon_fst import lexicon_fst
from pyscorer.contract.phones import PHONE_ID, SILENCE
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import read_phones
from pyscorer.kaldi.lang_phones import PLAIN, LangPhones, known_phones
from pyscorer.lexicon.dictionary import Lexicon
from pyscorer.recognition.language_model import BACKOFF, END, START

log = logging.getLogger(__name__)

ArcLabels = Callable[[int, int], tuple[int, int]]
"""(left phone, phone) -> input labels of the forward arc and of the self-loop."""


def word_symbols(lexicon: Lexicon) -> list[str]:
    """Words by id, as Kaldi's prepare_lang.sh orders them."""
    return ["<eps>", *sorted(lexicon), BACKOFF, START, END]


def write_words(path: Path, symbols: Sequence[str]) -> None:
    """Write Kaldi's words.txt."""
    path.write_text("".join(f"{symbol} {i}\n" for i, symbol in enumerate(symbols)))


def phones_of(path: Path, lexicon: Lexicon) -> LangPhones:
    """The phones of a model's phones.txt: this package's at their ids, by place in a word or not.

    Raises InputError if it has others.
    """
    phones = read_phones(path)
    if (known := known_phones(phones)) is not None:
        return known
    used = {phone for variants in lexicon.values() for spoken in variants for phone in spoken}
    if unknown := sorted(used - set(phones)):
        raise InputError(
            f"{path}: the lexicon has phones that the model has not: {' '.join(unknown)}"
        )
    for number, phone in enumerate(phones):
        if PHONE_ID.get(phone) != number:
            raise InputError(
                f"{path}: phone {phone} has id {number}, where pyscorer has "
                f"{PHONE_ID.get(phone, 'no such phone')}; the model must be trained with the "
                "phones of docs/contract.md"
            )
    raise InputError(f"{path}: {len(phones) - 1} phones; pyscorer has {len(PHONE_ID) - 1}")


def marked_lexicon_fst(
    lexicon: Lexicon, symbols: Sequence[str], phones: LangPhones = PLAIN
) -> tuple[kaldifst.StdVectorFst, int]:
    """L with disambiguation symbols, and how many of these there are.

    Kaldi's add_lex_disambig.pl: they come after the phones; the first, #0, takes the words' loop to
    the grammar's backoff, the last follows silence.
    """
    word_id = {word: i for i, word in enumerate(symbols)}
    entries = [
        (word_id[word], tuple(phones.of_word(spoken)))
        for word in sorted(lexicon)
        for spoken in lexicon[word]
    ]
    marks, highest = _disambiguate([labels for _, labels in entries])
    backoff = len(phones.symbols)
    marked = [
        (word, (*spoken, backoff + mark) if mark else spoken)
        for (word, spoken), mark in zip(entries, marks, strict=True)
    ]
    fst = lexicon_fst(marked, [phones.number[SILENCE], backoff + highest + 1])
    between_words = 1
    fst.add_arc(between_words, kaldifst.StdArc(backoff, word_id[BACKOFF], 0, between_words))
    return fst, highest + 2


def _disambiguate(pronunciations: Sequence[tuple[int, ...]]) -> tuple[list[int], int]:
    """The mark each pronunciation needs to differ from all others and from their beginnings."""
    counts: dict[tuple[int, ...], int] = {}
    prefixes = set()
    for phones in pronunciations:
        counts[phones] = counts.get(phones, 0) + 1
        prefixes |= {phones[:n] for n in range(1, len(phones))}
    used: dict[tuple[int, ...], int] = {}
    marks = []
    for phones in pronunciations:
        if counts[phones] == 1 and phones not in prefixes:
            marks.append(0)
            continue
        used[phones] = used.get(phones, 0) + 1
        marks.append(used[phones])
    return marks, max(marks, default=0)


def compose_lexicon_grammar(
    lexicon: kaldifst.StdVectorFst, grammar: kaldifst.StdVectorFst
) -> kaldifst.StdVectorFst:
    """Minimised LG; disambiguation symbols stay on the input side."""
    kaldifst.arcsort(lexicon, "olabel")
    kaldifst.arcsort(grammar, "ilabel")
    fst = kaldifst.compose(lexicon, grammar)
    kaldifst.determinize_star(fst, use_log=True)
    kaldifst.minimize_encoded(fst)
    kaldifst.connect(fst)
    if fst.start < 0:
        raise InputError("the language model and the lexicon have no sentence in common")
    return fst


def expand(
    lg: kaldifst.StdVectorFst, labels: ArcLabels, phones: LangPhones = PLAIN
) -> kaldifst.StdVectorFst:
    """HCLG of LG: every phone becomes a forward arc into a state with a self-loop.

    As in Kaldi's reordered graphs, the self-loop of a phone stands on the state that its forward
    arc leads to.
    """
    fst = kaldifst.StdVectorFst()
    states: dict[tuple[int, int, int], int] = {}
    waiting = []

    def state(lg_state: int, left: int, self_loop: int) -> int:
        key = (lg_state, left, self_loop)
        if key not in states:
            states[key] = fst.add_state()
            waiting.append(key)
        return states[key]

    fst.start = state(lg.start, 0, 0)
    while waiting:
        key = waiting.pop()
        lg_state, left, self_loop = key
        source = states[key]
        if self_loop:
            fst.add_arc(source, kaldifst.StdArc(self_loop, 0, _HALF, source))
        final = lg.final(lg_state)
        if math.isfinite(final.value):
            fst.set_final(source, final.value)
        for arc in kaldifst.ArcIterator(lg, lg_state):
            if 0 < arc.ilabel < len(phones.symbols):
                forward, loop = labels(left, arc.ilabel)
                target = state(arc.nextstate, arc.ilabel, loop)
                weight = arc.weight.value + _HALF
                fst.add_arc(source, kaldifst.StdArc(forward, arc.olabel, weight, target))
            else:
                target = state(arc.nextstate, left, 0)
                fst.add_arc(source, kaldifst.StdArc(0, arc.olabel, arc.weight.value, target))
    return fst


_HALF = math.log(2)
"""Cost of any transition of the chain topology."""
