"""Syllables of a pronunciation, and which of them its lexical stress wants prominent.

Stress is read from a lexicon's digits (`AH0 B AW1 T`), which `dictionary.read_lexicon` drops.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from pyscorer.contract.files import atomic_open
from pyscorer.contract.phones import VOWELS, strip_stress
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import lexicon_entries
from pyscorer.lexicon.words import guess_stressed

STRESSES = "stress.txt"
"""In a data directory: `word phone phone ...` with stress digits, where the lexicon has them."""

Stresses = Mapping[str, Sequence[tuple[str, ...]]]
"""Word -> pronunciation variants, each of phones with stress digits."""

_ONSETS = {
    "PR", "PL", "PY", "BR", "BL", "BY", "TR", "TW", "TY", "DR", "DW", "DY", "KR", "KL", "KW",
    "KY", "GR", "GL", "GW", "GY", "FR", "FL", "FY", "VY", "THR", "THW", "THY", "SHR", "HHY",
    "HHW", "MY", "NY", "LY", "SP", "ST", "SK", "SF", "SM", "SN", "SL", "SW", "SY", "SPR", "SPL",
    "SPY", "STR", "STY", "SKR", "SKL", "SKW", "SKY",
}  # fmt: skip
"""Two or more consonants that begin an English word. Of single ones NG alone does not."""


def _may_begin(consonants: Sequence[str]) -> bool:
    if len(consonants) == 1:
        return consonants[0] != "NG"
    return not consonants or "".join(consonants) in _ONSETS


def syllabify(phones: Sequence[str]) -> list[int]:
    """The syllable, from 0 on, of each phone of a word (without stress digits).

    A vowel a syllable; of the consonants between two vowels as many begin the second syllable as
    may begin an English word (maximal onset: Kahn 1976). A word without vowels is one syllable.
    """
    vowels = [i for i, phone in enumerate(phones) if phone in VOWELS]
    places = [0] * len(phones)
    for syllable, (last, vowel) in enumerate(pairwise(vowels), 1):
        begin = next(i for i in range(last + 1, vowel + 1) if _may_begin(phones[i:vowel]))
        places[begin:] = [syllable] * (len(phones) - begin)
    return places


def stress_pattern(phones: Sequence[str], variants: Sequence[tuple[str, ...]]) -> list[int] | None:
    """The stress of each vowel of a word: 1 primary, 2 secondary, 0 none; None: not known.

    `phones` are those that the word was aligned with; `variants` its pronunciations with digits.
    Taken from the variant of these phones, else from the first of as many vowels; a word of several
    vowels has a primary stress.
    """
    patterns: dict[tuple[str, ...], list[int]] = {}
    for variant in variants:
        digits = [int(phone[-1]) for phone in variant if phone[-1].isdigit()]
        patterns.setdefault(tuple(map(strip_stress, variant)), digits)
    wanted = sum(phone in VOWELS for phone in phones)
    exact = patterns.get(tuple(phones))
    for pattern in (exact, *patterns.values()):
        if pattern is not None and len(pattern) == wanted and (1 in pattern or wanted < 2):
            return pattern
    return None


def word_stress(word: str, phones: Sequence[str], stresses: Stresses) -> list[int] | None:
    """The `stress_pattern` of a word by `stresses`, else by how espeak-ng reads its spelling."""
    if (known := stress_pattern(phones, stresses.get(word, ()))) is not None:
        return known
    try:
        return stress_pattern(phones, guess_stressed(word))
    except InputError:
        return None


def read_stresses(path: Path) -> dict[str, list[tuple[str, ...]]]:
    """The pronunciations of a lexicon whose vowels all have a stress digit; of others nothing.

    Lines at fault are passed over: `read_lexicon` names them.
    """
    found: dict[str, list[tuple[str, ...]]] = {}
    for entry in lexicon_entries(path, quiet=True):
        digits = [
            p[-1] in "012"
            for p, bare in zip(entry.phones, entry.bare, strict=True)
            if bare in VOWELS
        ]
        if not entry.fault and digits and all(digits):
            found.setdefault(entry.word, []).append(entry.phones)
    return found


def write_stresses(folder: Path, stresses: Stresses) -> None:
    """Write folder/STRESSES, sorted by word; nothing where no stress is known."""
    if stresses:
        with atomic_open(folder / STRESSES) as stream:
            for word in sorted(stresses):
                stream.writelines(f"{word} {' '.join(phones)}\n" for phones in stresses[word])
