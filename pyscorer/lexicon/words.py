"""The words of a text and their pronunciations: the lexicon's, or guessed from spelling."""

import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property

from pyscorer.contract.characters import named
from pyscorer.contract.files import shown
from pyscorer.contract.phones import VOWELS, strip_stress
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon
from pyscorer.lexicon.espeak import read_aloud
from pyscorer.lexicon.normalise import (
    Spelling,
    english_words,
    lexicon_spelling,
    transcript_text,
)

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


_ACCENTED = "\N{COMBINING GRAVE ACCENT}\N{COMBINING ACUTE ACCENT}\N{COMBINING TILDE}"
_ACCENTED += "\N{COMBINING CIRCUMFLEX ACCENT}\N{COMBINING DIAERESIS}\N{COMBINING RING ABOVE}"
_ACCENTED += "\N{COMBINING CEDILLA}\N{COMBINING CARON}"
"""Accents of borrowed words: café, façade."""
_SAID = {"'n'": (("AH0", "N"), ("AE0", "N", "D"))}
"""What espeak-ng would read letter by letter."""
_LONGEST = 50
"""Letters of a word."""


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
    """`guess_stressed` without stress digits."""
    bare = (tuple(map(strip_stress, variant)) for variant in guess_stressed(word))
    return tuple(dict.fromkeys(bare))


@cache
def guess_stressed(word: str) -> tuple[tuple[str, ...], ...]:
    """An English word in ARPAbet as espeak-ng reads its spelling: American, and British if other.

    Vowels have stress digits: 1 primary, 2 secondary, 0 none. Raises InputError for a
    word that has no reading in English letters.
    """
    if word.lower() in _SAID:
        return _SAID[word.lower()]
    if odd := next((c for c in word if not _is_english(c)), None):
        raise InputError(
            f"the word {shown(word)} is not in English letters: it has {named(odd)}; give the text "
            "in English"
        )
    if len(word) > _LONGEST:
        raise InputError(f"the word {shown(word)} has more than {_LONGEST} letters")
    variants = (_in_arpabet(read_aloud(word.lower(), v), table) for v, table in _ACCENTS.items())
    found = tuple(dict.fromkeys(v for v in variants if v))
    if not found:
        raise InputError(f"the word {word} cannot be read aloud: spell it out")
    return found


def _is_english(character: str) -> bool:
    parts = unicodedata.normalize("NFD", character.lower())
    base, accents = parts[0], parts[1:]
    single = not accents or (len(accents) == 1 and accents in _ACCENTED)
    return single and (base in "abcdefghijklmnopqrstuvwxyz'-" or base in "æœø")


def _in_arpabet(names: list[str], table: dict[str, str]) -> tuple[str, ...]:
    phones: list[str] = []
    for name in names:
        if name.startswith("("):  # a change of language for a foreign name
            continue
        bare = name.lstrip("',%=")
        digit = "1" if "'" in name[: -len(bare) or None] else "2" if name.startswith(",") else "0"
        while bare and bare not in table:
            bare = bare[:-1]  # variants of a phoneme differ at the end
        for phone in table.get(bare, "").split():
            phones.append(phone + digit if phone in VOWELS else phone)
            digit = "0" if phone in VOWELS else digit  # of two vowels the first is stressed
    return tuple(phones)


def text_words(text: str, lexicon: Lexicon) -> list[TextWord]:
    """The words of `text` (see `english_words`) with their pronunciations.

    A word that the lexicon lacks gets a guess from spelling. Raises InputError for text without
    words, for what cannot be read in one way, and for words that English spelling does not explain.
    """
    words = english_words(text, lexicon_spelling(lexicon))
    if not words:
        raise InputError("--text: no words; give the words that were read aloud")
    return [
        TextWord(word, tuple(lexicon[word]), guessed=False)
        if word in lexicon
        else TextWord(word, guess_pronunciations(word), guessed=True)
        for word in words
    ]


@dataclass(frozen=True)
class TranscriptReader:
    """The words of recognisers' transcripts, as a lexicon spells them.

    Words that it lacks are written in capitals where all of its words are, else in small letters;
    with no lexicon at all, as `transcript_text` writes them.
    """

    lexicon: Lexicon

    def words(self, text: str) -> list[str]:
        """The words of a transcript; what cannot be read in one way stays as it stands."""
        if not self.lexicon:
            return transcript_text(text).split()
        return list(map(self.spelled, english_words(text, self._spelling, strict=False)))

    def spelled(self, word: str) -> str:
        """A word that `english_words` found, as it is written where the lexicon lacks it."""
        return word if word in self.lexicon else self._written(word)

    def pronounced(self, text: str) -> list[TextWord]:
        """The same with pronunciations, guessed from spelling where the lexicon lacks the word.

        Marks (<unk>, [noise]) and words that English spelling does not explain are left out. The
        guesses depend on the word alone.
        """
        found = []
        for word in self.words(text):
            if word in self.lexicon:
                found.append(TextWord(word, tuple(self.lexicon[word]), guessed=False))
                continue
            with suppress(InputError):
                found.append(TextWord(word, guess_pronunciations(word), guessed=True))
        return found

    @cached_property
    def _spelling(self) -> Spelling:
        return lexicon_spelling(self.lexicon)

    @cached_property
    def _written(self) -> Callable[[str], str]:
        return str.upper if all(word == word.upper() for word in self.lexicon) else str.lower
