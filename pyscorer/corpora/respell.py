"""Texts of a data directory as the lexicon spells them, and what was changed for it."""

from contextlib import suppress
from pathlib import Path

from pyscorer.contract.compact import compact_table
from pyscorer.contract.files import shown
from pyscorer.corpora.raw_tables import Fault, RawTable
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, stands_for_silence
from pyscorer.lexicon.normalise import english_words, lexicon_spelling


def respell(path: Path, text: RawTable, lexicon: Lexicon, faults: list[Fault]) -> list[Fault]:
    """Put the words that are said (see `english_words`) in the place of each of `text`'s values.

    Returns a line for each value that changed. What cannot be read in one way goes to `faults`.
    """
    spelling = lexicon_spelling(lexicon)
    changed, new = [], dict[str, str]()
    for key, value in text.values.items():
        if not value:
            continue  # said already: nothing after the key
        line = text.lines[key]
        try:
            words = english_words(value, spelling)
            if not words:
                raise InputError(f'"{shown(value)}": no words')
        except InputError as error:
            faults.append(Fault(str(path), line, key, str(error)))
            with suppress(InputError):  # so that the words beside it are found in the lexicon
                words = english_words(value, spelling, strict=False)
                new[key] = " ".join(words) or value
            continue
        said = " ".join(words)
        if said != value:
            new[key] = said
        if words != value.split():
            fault = f'"{shown(value)}" is written "{shown(said)}"'
            changed.append(Fault(str(path), line, key, fault))
    if new:
        text.values = compact_table((key, new.get(key, v)) for key, v in text.values.items())
    return changed


def check_words(
    data: Path, text: RawTable, lexicon: Lexicon, faults: list[Fault], unknown: list[Fault]
) -> None:
    """Words of `text` that the lexicon lacks, into `unknown`; marks of silence are `faults`."""
    for key, value in text.values.items():
        for word in dict.fromkeys(value.split()):
            if word in lexicon:
                continue
            found, fault = unknown, f"word {shown(word)} is not in the lexicon"
            if stands_for_silence(word):
                found = faults
                fault = (
                    f"{shown(word)} is no word: take it out of the text; silence between words is "
                    "found by alignment"
                )
            found.append(Fault(str(data / "text"), text.lines[key], key, fault))
