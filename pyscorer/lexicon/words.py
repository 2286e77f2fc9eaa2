"""The words of a text and their pronunciations: the lexicon's, or guessed from spelling."""

import re
from dataclasses import dataclass
from functools import cache

from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon
from pyscorer.lexicon.espeak import read_aloud

_AMERICAN = {
    "A:": "AA", "0": "AA", "A@": "AA R", "a": "AE", "aa": "AE", "V": "AH", "@": "AH", "@2": "AH",
    "@-": "AH", "a#": "AH", "@L": "AH L", "O:": "AO", "O2": "AO", "O": "AO", "O@": "AO R",
    "o@": "AO R", "aU": "AW", "aI": "AY", "aI@": "AY AH", "aI3": "AY ER", "b": "B", "tS": "CH",
    "d": "D", "D": "DH", "E": "EH", "e": "EH", "e@": "EH R", "3": "ER", "3:": "ER", "eI": "EY",
    "f": "F", "g": "G", "h": "HH", "I": "IH", "I#": "IH", "I2": "IH", "i@": "IY AH",
    "i@3": "IH R", "i": "IY", "i:": "IY", "dZ": "JH", "k": "K", "x": "K", "l": "L", "m": "M",
    "n": "N", "n-": "AH N", "N": "NG", "oU": "OW", "OI": "OY", "p": "P", "r": "R", "r-": "R",
    "s": "S", "S": "SH", "t": "T", "t#": "T", "t2": "T", "?": "T", "T": "TH", "U": "UH",
    "U@": "UH R", "u:": "UW", "u": "UW", "v": "V", "w": "W", "j": "Y", "z": "Z", "Z": "ZH",
    ";": "", "-": "",
}  # fmt: skip
_BRITISH = _AMERICAN | {
    "0": "AO", "A@": "AA", "aa": "AA", "@L": "L", "O@": "AO", "o@": "AO", "aI3": "AY AH",
    "e@": "EH AH", "3": "AH", "i@": "IH AH", "i@3": "IH AH", "n-": "N", "U@": "UH AH",
}  # fmt: skip
_ACCENTS = {"en-us": _AMERICAN, "en": _BRITISH}
"""espeak-ng's voices, and its phonemes without stress marks in ARPAbet as lexicons spell them."""


@dataclass(frozen=True)
class TextWord:
    """One word of the text to be read."""

    word: str
    """As the lexicon spells it; as the text does where the lexicon lacks it."""
    variants: tuple[tuple[str, ...], ...]
    """Pronunciations, each of stress-stripped ARPAbet phones."""
    guessed: bool
    """From spelling: the lexicon does not have the word."""


@cache
def guess_pronunciations(word: str) -> tuple[tuple[str, ...], ...]:
    """An English word in ARPAbet as espeak-ng reads its spelling: American, and British if other.

    Raises InputError for a word that has no reading in English letters or figures.
    """
    # Latin letters with accents are borrowed words: café.
    if not re.fullmatch(r"['0-9a-z_À-ɏ]*[0-9a-zÀ-ɏ]['0-9a-z_À-ɏ]*", word, re.IGNORECASE):
        raise InputError(f"the word {word} is not in English letters: give the text in English")
    variants = (_in_arpabet(read_aloud(word.lower(), v), table) for v, table in _ACCENTS.items())
    found = tuple(dict.fromkeys(v for v in variants if v))
    if not found:
        raise InputError(f"the word {word} cannot be read aloud: spell it out")
    return found


def _in_arpabet(names: list[str], table: dict[str, str]) -> tuple[str, ...]:
    phones: list[str] = []
    for name in names:
        if name.startswith("("):  # a change of language for a foreign name
            continue
        bare = name.lstrip("',%=")
        while bare and bare not in table:
            bare = bare[:-1]  # variants of a phoneme differ at the end
        phones += table.get(bare, "").split()
    return tuple(phones)


def text_words(text: str, lexicon: Lexicon) -> list[TextWord]:
    """The words of `text` with their pronunciations; case and punctuation do not matter.

    A word that the lexicon lacks gets a guess from spelling. Raises InputError for text without
    words and for words that English spelling does not explain.
    """
    spelling = {word.casefold(): word for word in sorted(lexicon, reverse=True)}
    words = []
    for token in re.sub(r"[’‘`´]", "'", text).split():
        # A word that the lexicon has as it stands ("O'CLOCK", "T-SHIRT") is not taken apart.
        bare = re.sub(r"^[^\w']+|[^\w']+$", "", token)
        parts = [bare] if bare.casefold() in spelling else re.findall(r"[\w']+", bare)
        for part in parts:
            options = [w for w in (part, part.strip("'")) if w.casefold() in spelling]
            if options:
                known = spelling[options[0].casefold()]
                words.append(TextWord(known, tuple(lexicon[known]), guessed=False))
            elif plain := part.strip("'_"):
                words.append(TextWord(plain, guess_pronunciations(plain), guessed=True))
    if not words:
        raise InputError("--text: no words; give the words that were read aloud")
    return words
