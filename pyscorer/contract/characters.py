"""One spelling of characters, in any language: what looks the same to a reader is the same text."""

import re
import unicodedata
from functools import lru_cache

from pyscorer.contract.files import shown
from pyscorer.errors import InputError

LONGEST = 100_000
"""Characters of one text: more than anybody says in a recording."""

_APOSTROPHES = set("'`´’‘‚‛′‵ʹʻʼʽʾʿˈˊˋ˴΄᾽᾿῾՚׳ߴߵꞋꞌ❛❜")
_QUOTES = set("“”„‟″‶«»‹›❝❞〝〞〟ˮ˝״「」『』⹂")
_LONG_DASHES = set("—―⸺⸻﹘")
_DASHES = set("−⁃˗")
_SPACES = set("\t\n\v\f\r\x85\u2800")
# Unicode's default ignorables that are not of category Cf.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")  # fmt: skip  # noqa: E501
# Of category Cf, yet to be seen: the signs that stand around Arabic figures, and their like.
_VISIBLE = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
# Other shapes of the same letters, figures and signs. Not ½, ² or №, which NFKC makes "12", "2"
# and "No".
_SHAPES = re.compile(
    "[\u017f\u0149\u2024-\u2026\u2044\u2103\u2109\ufb00-\ufb06\ufe50-\ufe6b\uff01-\uff5e\uffe0-\uffe6"
    "\U0001d400-\U0001d7ff]"
)


def plain(text: str) -> str:
    """`text` with one character for all that look alike, words separated by single spaces.

    Composed (NFC); without what cannot be seen (soft hyphens, zero-width characters, marks of
    direction and variation); every apostrophe as ', every quotation mark as ", every hyphen and
    minus as -, long dashes set off by spaces, every space as a space; full-width letters and
    ligatures as plain letters. Case, punctuation and accents stay.

    Raises InputError for control characters, for what was no character when the text was decoded,
    and for more than LONGEST characters.
    """
    if len(text) > LONGEST:
        raise InputError(
            f'"{shown(text, 40)}": a text of {len(text)} characters; at most {LONGEST} are taken'
        )
    if text.isascii() and text.isprintable():  # nearly all
        return " ".join(text.replace("`", "'").split())
    folded = "".join(map(_folded, unicodedata.normalize("NFC", text)))
    return unicodedata.normalize("NFC", " ".join(folded.split()))


def fold(text: str) -> str:
    """What texts are compared by: `plain`, without difference of case."""
    if text.isascii() and text.isalpha():
        return text.lower()
    return unicodedata.normalize("NFC", plain(text).casefold())


def named(character: str) -> str:
    """A character for messages: itself, its code and its name."""
    control = unicodedata.category(character) == "Cc"
    name = unicodedata.name(character, "a control character" if control else "no character")
    return f'"{shown(character)}" (U+{ord(character):04X} {name})'


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    kind = unicodedata.category(character)
    if character in _SPACES or kind in ("Zs", "Zl", "Zp"):
        return " "
    if character in _APOSTROPHES:
        return "'"
    if character in _LONG_DASHES:
        return " - "
    if character in _DASHES or kind == "Pd":
        return "-"
    if character in _QUOTES or kind in ("Pi", "Pf"):
        return '"'
    if _INVISIBLE.match(character) or (kind == "Cf" and not _VISIBLE.match(character)):
        return ""
    if kind in ("Cc", "Cs", "Cn", "Co") or character == "\ufffd":
        raise InputError(f"{named(character)} in the text: remove it, or save the text as UTF-8")
    if _SHAPES.match(character):
        return "".join(map(_folded, unicodedata.normalize("NFKC", character)))
    return character
