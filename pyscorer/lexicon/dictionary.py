"""Pronunciation lexicons: `word phone phone ...` lines, stress-stripped.

Read as Kaldi, the CMU dictionary and the Montreal Forced Aligner write them.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract.characters import plain
from pyscorer.contract.files import atomic_open, read_lines, shown
from pyscorer.contract.phones import ARPABET, SILENCE, UNKNOWN_PHONE, UNKNOWN_WORD, strip_stress
from pyscorer.errors import InputError

Lexicon = dict[str, list[tuple[str, ...]]]
"""Word -> pronunciation variants, each a tuple of stress-stripped phones."""

_RESERVED = {"<eps>", "<s>", "</s>", UNKNOWN_WORD}
"""Symbols of Kaldi's words.txt that are no words; `#0` and the like are more."""
_NOISES = {"<EPS>", SILENCE, UNKNOWN_PHONE, "NSN", "LAU", "OOV"}
"""Phones of silence and of noise, by Kaldi's and MFA's names."""
_MARK = re.compile(r"<.*>|\[.*\]|!.*|sil|spn|nsn|oov", re.IGNORECASE)
"""Entries that stand for silence or a noise: !SIL, <UNK>, [noise]."""
_SILENT = re.compile(r"[<\[!](sil|silence|eps|s|/s)[>\]]?", re.IGNORECASE)
_VARIANT = re.compile(r"(?P<word>.+)\(\d+\)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SPEECH = frozenset(ARPABET)

log = logging.getLogger(__name__)


def stands_for_silence(word: str) -> bool:
    """Whether `word` of a text is a mark such as !SIL or <s>, which no one says."""
    return _SILENT.fullmatch(word) is not None


@dataclass(frozen=True)
class Entry:
    """A line of a lexicon."""

    line: int
    word: str
    phones: tuple[str, ...]
    """In capitals, with stress digits as far as they are given."""
    bare: tuple[str, ...]
    """The same without."""
    fault: str
    """Empty: none."""


def lexicon_lines(path: Path) -> Iterator[tuple[int, str, tuple[str, ...], str]]:
    """Yield (line number, word, stress-stripped phones, fault or "") of `lexicon_entries`."""
    for entry in lexicon_entries(path):
        yield entry.line, entry.word, entry.bare, entry.fault


def lexicon_entries(path: Path, quiet: bool = False) -> Iterator[Entry]:
    """Yield a lexicon's entries; `quiet` leaves out the notes in the log.

    Blank lines are skipped, and comments: lines from `;;;`, and from a `#` with blanks about it.
    `THE(2)` is a variant of THE. Phones may be in lower case. Between word and phones may stand
    one number, Kaldi's lexiconp.txt, or four, those with silence; they are dropped, with a note in
    the log. So are Kaldi's own entries of silence and noises, as `!SIL SIL` or `<UNK> SPN`: the
    pipeline makes its own.
    """
    numbered, marks = 0, Counter[str]()
    for number, line in read_lines(path):
        try:
            word, *rest = plain(line).split() or [""]
        except InputError as error:
            yield Entry(number, "", (), (), str(error))
            continue
        phones = rest[: rest.index("#")] if "#" in rest else rest
        if not word or word.startswith(";;;") or set(word) == {"#"}:
            continue
        if probabilities := _probabilities(phones):
            phones, numbered = phones[probabilities:], numbered + 1
        marked = tuple(phone.upper().partition("_")[0] for phone in phones)
        stripped = tuple(map(strip_stress, marked))
        if _MARK.fullmatch(word) and stripped and _NOISES.issuperset(stripped):
            marks[word] += 1
            continue
        if variant := _VARIANT.fullmatch(word):
            word = variant["word"]
        yield Entry(number, word, marked, stripped, _fault(word, phones, stripped))
    if numbered and not quiet:
        log.warning(
            "%s: probabilities of pronunciations in %d lines are not read: all variants of a word "
            "are as likely",
            *(path, numbered),
        )
    if marks and not quiet:
        log.info("%s: not words, so left out: %s", path, shown(", ".join(marks)))


def _probabilities(fields: list[str]) -> int:
    """How many of a line's fields are probabilities: 1, 4 with those of silence, or none."""
    count = next((i for i, f in enumerate(fields) if not _NUMBER.fullmatch(f)), len(fields))
    return count if count in (1, 4) and 0 <= float(fields[0]) <= 1 else 0


def _fault(word: str, phones: list[str], stripped: tuple[str, ...]) -> str:
    if word in _RESERVED or re.fullmatch(r"#\d+", word):
        return f"{shown(word)} is a symbol of Kaldi's, not a word: take it out"
    if not phones:
        return f"{shown(word)}: no phones"
    if stripped == (UNKNOWN_PHONE,):
        return ""  # as a word that no lexicon has
    for phone, bare in zip(phones, stripped, strict=True):
        if bare in _NOISES:
            return f"{shown(word)}: {shown(phone)} is silence or noise, not a phone of a word"
        if bare not in _SPEECH:
            return f"{shown(word)}: unknown phone {shown(phone)}"
    return ""


def add_variant(lexicon: Lexicon, word: str, phones: tuple[str, ...]) -> None:
    """Add a pronunciation of `word` unless `lexicon` has it."""
    variants = lexicon.setdefault(word, [])
    if phones not in variants:
        variants.append(phones)


def read_lexicon(path: Path) -> Lexicon:
    """Read `word phone phone ...` lines as `lexicon_lines` does, equal variants merged.

    Raises InputError naming the line for a word without phones, an unknown phone or a phone of
    silence, and for a file without words.
    """
    lexicon: Lexicon = {}
    for number, word, phones, fault in lexicon_lines(path):
        if fault:
            raise InputError(f"{path}:{number}: {fault}")
        add_variant(lexicon, word, phones)
    if not lexicon:
        raise InputError(f"{path}: no words; a lexicon has lines of a word and its phones")
    return lexicon


def write_lexicon(path: Path, lexicon: Lexicon) -> None:
    """Write `word phone phone ...` lines, sorted by word, variants in their order."""
    with atomic_open(path) as stream:
        for word in sorted(lexicon):
            for variant in lexicon[word]:
                stream.write(f"{word} {' '.join(variant)}\n")
