"""The phones that Kaldi's programs know: those of the corpus, or theirs by their place in a word.

Source: Kaldi's utils/lang/prepare_lang.sh (--position-dependent-phones).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES, SILENCE, UNKNOWN_PHONE

BEGIN, END, INTERNAL, SINGLE = "_B", "_E", "_I", "_S"
"""Marks of a phone: the first of its word, the last, one between, the only one."""
_MARKS = (BEGIN, END, INTERNAL, SINGLE)
_BOUNDARIES = dict(zip(_MARKS, ("begin", "end", "internal", "singleton"), strict=True))
_NOISES = (SILENCE, UNKNOWN_PHONE)


@dataclass(frozen=True)
class LangPhones:
    """Phones by id, each a version of one of `PHONES`."""

    versions: tuple[tuple[str, ...], ...]
    """Of each of PHONES[1:]; ids go up from 1."""

    @property
    def marked(self) -> bool:
        """Whether phones of words have their place in their names."""
        return self.versions != PLAIN.versions

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """By id, `<eps>` first."""
        return (PHONES[0], *chain.from_iterable(self.versions))

    @cached_property
    def base(self) -> tuple[int, ...]:
        """By id, that of the phone in `PHONES`."""
        return 0, *(i for i, each in enumerate(self.versions, 1) for _ in each)

    @cached_property
    def number(self) -> dict[str, int]:
        """Symbol -> id."""
        return {symbol: i for i, symbol in enumerate(self.symbols)}

    def of_word(self, pronunciation: Sequence[str]) -> list[int]:
        """Ids of the phones of one word."""
        if not self.marked:
            return [self.number[phone] for phone in pronunciation]
        last = len(pronunciation) - 1
        marks = [BEGIN, *[INTERNAL] * (last - 1), END] if last else [SINGLE]
        return [self.number[p + mark] for p, mark in zip(pronunciation, marks, strict=True)]

    def sets(self, phones: Sequence[str] = PHONES[1:]) -> list[list[int]]:
        """All versions of each phone: they share a root of the tree, and pdfs as monophones."""
        return [[self.number[v] for v in self.versions[PHONE_ID[p] - 1]] for p in phones]

    @property
    def silence(self) -> list[int]:
        """Versions of silence and of the unknown word: they have no context."""
        return list(chain.from_iterable(self.sets(_NOISES)))

    @property
    def questions(self) -> list[list[int]]:
        """Questions of trees about places in words (extra_questions.txt); none of plain phones."""
        if not self.marked:
            return []
        speech = [[p + mark for p in ARPABET] for mark in _MARKS]
        noise = [[p + mark for p in _NOISES] for mark in ("", *_MARKS)]
        return [[self.number[symbol] for symbol in asked] for asked in speech + noise]

    @property
    def boundaries(self) -> list[tuple[int, str]]:
        """word_boundary.int: id, and where in a word it stands; none of plain phones."""
        if not self.marked:
            return []
        return [
            (i, _BOUNDARIES.get(symbol[-2:], "nonword"))
            for i, symbol in enumerate(self.symbols[1:], 1)
        ]


PLAIN = LangPhones(tuple((phone,) for phone in PHONES[1:]))
"""The phones of the corpus."""
POSITIONS = LangPhones(
    tuple(
        tuple(phone + mark for mark in (("", *_MARKS) if phone in _NOISES else _MARKS))
        for phone in PHONES[1:]
    )
)
"""The same by place in a word. Silence and unknown words have all places, too, and one outside of
words, as prepare_lang.sh has it: SIL is between words, SPN_S an unknown word, others do not occur.
"""


def known_phones(symbols: Sequence[str]) -> LangPhones | None:
    """Those of a model whose phones these are, by id; None: neither."""
    return next((known for known in (PLAIN, POSITIONS) if known.symbols == tuple(symbols)), None)


def lang_phones(word_positions: bool) -> LangPhones:
    """The phones of a run."""
    return POSITIONS if word_positions else PLAIN
