"""One rule for files that are named after an utterance: nothing is written outside its folder."""

import unicodedata
from urllib.parse import quote

from pyscorer.contract.files import shown
from pyscorer.errors import InputError

LONGEST = 200
"""Bytes of a name; file systems take 255, of which endings and temporary names want some."""

_UNSAFE = frozenset('/\\%:*?"<>|')


def file_name(key: str) -> str:
    """A name, without an ending, for a file about the utterance `key`.

    Percent-escaped (as in URLs) are separators of paths, what other systems do not allow in names,
    characters that do not show, a dot at the beginning, and letters that Unicode writes in two
    ways where these are not composed. Different keys have different names. Raises InputError for
    an empty key and one whose name has more than LONGEST bytes.
    """
    composed = unicodedata.is_normalized("NFC", key)

    def safe(place: int, character: str) -> bool:
        return (
            character.isprintable()
            and character not in _UNSAFE
            and (character != "." or place > 0)
            and (composed or character.isascii())
        )

    name = "".join(
        # quote() passes a dot through
        c if safe(i, c) else "%2E" if c == "." else quote(c, safe="", errors="surrogateescape")
        for i, c in enumerate(key)
    )
    if not 0 < len(name.encode()) <= LONGEST:
        raise InputError(
            f"utterance {shown(key, 40)}: no file can be named after it ({len(name.encode())} "
            f"bytes; 1 to {LONGEST} are possible): give it another id"
        )
    return name
