"""How the tokens of a CTC model write the phones of the inventory."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.files import atomic_open, read_lines, shown
from pyscorer.contract.phones import ARPABET
from pyscorer.errors import InputError
from pyscorer.lexicon.ipa import PARTS, Phones, is_arpabet, is_whole, phones_of
from pyscorer.measures.ctc_paths import BLANK, OTHER, Unit

NAMES = (*ARPABET, OTHER)
"""What may stand in the place of a phone."""
_FLOOR = 1e-30
"""Least probability of a symbol, so that logarithms are numbers."""
_MOST_LACKING = 4
"""Phones that the tokens of a model of speech sounds may have no name for."""
_NOTHING, _NO_PHONE = "-", "other"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhoneMap:
    """Tokens in groups that stand for the same phones: the symbols of `ctc_paths`."""

    tokens: tuple[str, ...]
    meanings: tuple[tuple[Phones, ...] | None, ...]
    """Of each token, see `ipa.phones_of`."""
    symbol: np.ndarray
    """Of each token; BLANK of the blank and of what is not spoken."""
    units: tuple[Unit, ...]

    def posteriors(self, log_posteriors: np.ndarray) -> np.ndarray:
        """Those of symbols, T x symbols, from those of tokens, T x tokens: sums over the groups."""
        groups = np.eye(int(self.symbol.max()) + 1)[self.symbol]
        sums = np.exp(np.asarray(log_posteriors, np.float64)) @ groups
        return np.asarray(np.log(np.maximum(sums, _FLOOR)))

    @property
    def lacking(self) -> list[str]:
        """Phones that no token writes."""
        written = {unit.phones[0] for unit in self.units if len(unit.phones) == 1}
        return [phone for phone in ARPABET if phone not in written]

    @property
    def unmapped(self) -> list[str]:
        """Tokens of sounds that no phone is."""
        return [t for t, said in zip(self.tokens, self.meanings, strict=True) if said is None]


def make_phone_map(tokens: Sequence[str], blank: int, own: Path | None = None) -> PhoneMap:
    """The map of a model's tokens, ARPAbet or IPA, with lines of the file `own` before all else.

    Raises InputError for tokens that are not sounds of speech, and as `read_phone_map`.
    """
    arpabet = is_arpabet(tokens)
    given = read_phone_map(own, tokens) if own else {}
    meanings = [
        ((),) if i == blank else given.get(token, phones_of(token, arpabet))
        for i, token in enumerate(tokens)
    ]
    groups = {m: None for m in meanings if m is not None and m != ((),)}
    column = {m: i for i, m in enumerate(groups, BLANK + 1)}
    column[((),)] = BLANK
    other = len(column)
    symbol = np.array([other if m is None else column[m] for m in meanings])
    units = [Unit(phones, (column[m],)) for m in groups for phones in m]
    if None in meanings:
        units.append(Unit((OTHER,), (other,)))
    whole = {m for t, m in zip(tokens, meanings, strict=True) if arpabet or is_whole(t)}
    for phone, ways in PARTS.items():
        if ((phone,),) not in whole:
            columns = [[column.get(((part,),), 0) for part in way] for way in ways]
            units += [Unit((phone,), tuple(way)) for way in columns if all(way)]
    made = PhoneMap(tuple(tokens), tuple(meanings), symbol, tuple(dict.fromkeys(units)))
    if len(made.lacking) > _MOST_LACKING and own is None:
        raise InputError(
            f"tokens {' '.join(map(shown, tokens[:12]))} ... do not write the phones "
            f"{' '.join(made.lacking[:12])}: not a model of speech sounds, or of names that are "
            "not known: give a phone map, a line `token PHONE ...` each"
        )
    return made


def read_phone_map(path: Path, tokens: Sequence[str]) -> Mapping[str, tuple[Phones, ...]]:
    """Lines `token PHONE PHONE ...`; `-` for nothing that is spoken, `other` for no phone.

    A token may have several lines: it stands for either. Raises InputError naming the line of a
    token that the model does not have, or of a phone outside the inventory.
    """
    found: dict[str, tuple[Phones, ...]] = {}
    for number, line in read_lines(path):
        token, *phones = line.split()
        if token not in tokens:
            raise InputError(f"{path}:{number}: the model has no token {shown(token)}")
        unknown = [p for p in phones if p not in ARPABET]
        if phones == [_NOTHING]:
            meaning: Phones = ()
        elif phones == [_NO_PHONE]:
            meaning = (OTHER,)
        elif unknown or not phones:
            wrong = shown(unknown[0]) if unknown else "nothing"
            raise InputError(
                f"{path}:{number}: {wrong} is no phone of the inventory ({' '.join(ARPABET)}); `-` "
                "stands for what is not spoken, `other` for another sound"
            )
        else:
            meaning = tuple(phones)
        found[token] = (*found.get(token, ()), meaning)
    return found


def write_phone_map(path: Path, phone_map: PhoneMap) -> None:
    """Write it as `read_phone_map` takes it, and log what has no counterpart."""
    with atomic_open(path) as stream:
        for token, ways in zip(phone_map.tokens, phone_map.meanings, strict=True):
            for phones in ways or ((_NO_PHONE,),):
                if token and not any(c.isspace() for c in token):
                    stream.write(f"{token} {' '.join(phones) or _NOTHING}\n")
    if phone_map.unmapped:
        log.info("tokens of no phone: %s", " ".join(map(shown, phone_map.unmapped)))
    if phone_map.lacking:
        log.warning("no token writes %s: these phones may be anything", " ".join(phone_map.lacking))
