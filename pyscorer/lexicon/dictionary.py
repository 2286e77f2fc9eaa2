"""Pronunciation lexicons: `word phone phone ...` lines, stress-stripped."""

from pathlib import Path

from pyscorer.contract.characters import plain
from pyscorer.contract.files import atomic_open, read_lines
from pyscorer.contract.phones import PHONE_ID, strip_stress
from pyscorer.errors import InputError, naming

Lexicon = dict[str, list[tuple[str, ...]]]
"""Word -> pronunciation variants, each a tuple of stress-stripped phones."""


def read_lexicon(path: Path) -> Lexicon:
    """Read `word phone phone ...` lines; stress digits are dropped, equal variants merged.

    Raises InputError naming the line for a word without phones or an unknown phone.
    """
    lexicon: Lexicon = {}
    for number, line in read_lines(path):
        with naming(f"{path}:{number}"):
            word, *phones = plain(line).split()
        stripped = tuple(strip_stress(phone) for phone in phones)
        unknown = [phone for phone in stripped if phone not in PHONE_ID]
        if not phones or unknown:
            fault = f"unknown phone {unknown[0]}" if unknown else "no phones"
            raise InputError(f"{path}:{number}: {word}: {fault}")
        variants = lexicon.setdefault(word, [])
        if stripped not in variants:
            variants.append(stripped)
    return lexicon


def write_lexicon(path: Path, lexicon: Lexicon) -> None:
    """Write `word phone phone ...` lines, sorted by word, variants in their order."""
    with atomic_open(path) as stream:
        for word in sorted(lexicon):
            for variant in lexicon[word]:
                stream.write(f"{word} {' '.join(variant)}\n")
