"""Which phones of the inventory a symbol of the International Phonetic Alphabet stands for."""

import re
import unicodedata
from collections.abc import Sequence

from pyscorer.contract.phones import ARPABET, strip_stress

Phones = tuple[str, ...]
"""Phones one after the other; none for what is not spoken."""

_LETTERS = {
    "AA": "ɑ ɒ a", "AE": "æ", "AH": "ʌ ə ɐ ɘ ɤ ᵊ", "AO": "ɔ", "AW": "aʊ æʊ aw", "AY": "aɪ ɑɪ aj",
    "B": "b ɓ", "CH": "tʃ tɕ ʧ ʨ", "D": "d ɖ ɗ ɾ", "DH": "ð", "EH": "ɛ", "ER": "ɚ ɝ ɜ əɹ ɜɹ",
    "EY": "eɪ ej e", "F": "f", "G": "ɡ", "HH": "h ɦ ç", "IH": "ɪ ᵻ ɨ", "IY": "i",
    "JH": "dʒ dʑ ʤ ʥ", "K": "k c q", "L": "l ɫ ɭ", "M": "m ɱ", "N": "n ɲ ɳ", "NG": "ŋ ɴ",
    "OW": "oʊ əʊ ow o", "OY": "ɔɪ ɔj oɪ", "P": "p", "R": "ɹ r ɻ ɽ ʁ", "S": "s", "SH": "ʃ ɕ ʂ",
    "T": "t ʈ ʔ ɾ", "TH": "θ", "UH": "ʊ", "UW": "u ʉ", "V": "v ʋ", "W": "w ʍ", "Y": "j",
    "Z": "z", "ZH": "ʒ ʑ ʐ",
    "AH N": "n̩", "AH L": "l̩", "AH M": "m̩", "EH R": "eə ɛə", "IH R": "ɪə", "UH R": "ʊə",
}  # fmt: skip
"""Phones -> letters, after General American; a letter may stand for either of two phones (the flap
of `water`, which is a T or a D)."""
_TIMIT = {
    "ax": "AH", "ax-h": "AH", "axr": "ER", "ix": "IH", "ux": "UW", "hv": "HH", "nx": "N",
    "dx": "T|D", "el": "AH L", "em": "AH M", "en": "AH N", "eng": "NG", "q": "T",
}  # fmt: skip
"""Names that TIMIT has besides those of the inventory."""
_NOT_SPOKEN = re.compile(
    r"<(?!unk|other).*>|\[(?!unk).*\]|sil|sp|h#|[|▁\s]*|[bdgptk]cl|pau|epi", re.IGNORECASE
)
"""Names of silence, of word boundaries, and of tokens without a sound; not of what is unknown."""

PARTS: dict[str, tuple[Phones, ...]] = {
    "AW": (("AA", "UH"),), "AY": (("AA", "IH"),), "CH": (("T", "SH"),), "ER": (("AH", "R"),),
    "EY": (("EY", "IH"), ("EH", "IH")), "JH": (("D", "ZH"),), "OW": (("OW", "UH"),),
    "OY": (("AO", "IH"), ("OW", "IH")),
}  # fmt: skip
"""What a diphthong or an affricate is written as where the tokens have no letter for all of it."""
_BEGINNINGS = frozenset("eo")
"""Letters that are a vowel by themselves, and the beginning of a diphthong in two tokens."""


def _table() -> dict[str, tuple[Phones, ...]]:
    found: dict[str, tuple[Phones, ...]] = {}
    for phones, letters in _LETTERS.items():
        for letter in letters.split():
            found[letter] = (*found.get(letter, ()), tuple(phones.split()))
    return found


_PHONES = _table()
_LONGEST = max(map(len, _PHONES))


def is_arpabet(tokens: Sequence[str]) -> bool:
    """Whether tokens are named after the ARPAbet, in any case, with stress or without."""
    return len({strip_stress(token.upper()) for token in tokens} & set(ARPABET)) > 30


def phones_of(token: str, arpabet: bool = False) -> tuple[Phones, ...] | None:
    """What a token may stand for: each a sequence of phones, the empty one where nothing is spoken.

    Diacritics and marks of length, stress and tone are left out; a token of several letters is
    several phones. None for a sound that no phone of the inventory is.
    """
    token = unicodedata.normalize("NFC", token)
    if _NOT_SPOKEN.fullmatch(token):
        return ((),)
    if arpabet:
        if (name := strip_stress(token.upper())) in ARPABET:
            return ((name,),)
        known = _TIMIT.get(token.lower())
        return tuple(tuple(one.split()) for one in known.split("|")) if known else None
    letters = token.replace("g", "ɡ").replace("ə˞", "ɚ").replace("ɜ˞", "ɝ")
    for written in (letters, _plain(letters)):
        if written in _PHONES:
            return _PHONES[written]
    return _split(_plain(letters))


def is_whole(token: str) -> bool:
    """Whether a token is a phone by itself, not the beginning of a diphthong."""
    return _plain(token) not in _BEGINNINGS


def _plain(token: str) -> str:
    """Letters without what stands on, under, above or after them."""
    marks = ("Lm", "Mn", "Mc", "Sk", "No", "Nd")
    bare = (c for c in unicodedata.normalize("NFD", token) if unicodedata.category(c) not in marks)
    return "".join(c for c in bare if unicodedata.category(c)[0] in "LSM" and c not in "~⁺‿")


def _split(letters: str) -> tuple[Phones, ...] | None:
    """Letters one after the other, the longest that are known first."""
    found: Phones = ()
    while letters:
        for size in range(min(_LONGEST, len(letters)), 0, -1):
            if letters[:size] in _PHONES:
                found, letters = found + _PHONES[letters[:size]][0], letters[size:]
                break
        else:
            return None
    return (found,)
