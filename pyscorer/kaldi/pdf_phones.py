"""Which phones of the corpus a published model's pdfs stand for: phones.txt, and a phone map.

Source of the sums: Kaldi's bin/compute-gop.cc (ComputePhoneLogPosteriors).
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from pyscorer.contract.files import read_yaml, shown
from pyscorer.contract.phones import PHONE_ID, PHONES, SILENCE, UNKNOWN_PHONE
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import base_phone, phone_names, read_phones
from pyscorer.kaldi.transition_model import TransitionModel

log = logging.getLogger(__name__)

PhoneMap = Mapping[str, tuple[str, ...]]
"""Phone of a model -> the phones of phones.PHONES that it stands for; none: it stands for none."""


def read_phone_map(path: Path) -> PhoneMap:
    """A phone map from YAML: a model's phone, and a phone of the corpus or a list of them.

    `o: AO`, `a: [AA, AH]`; `q: []` says that q stands for none. Raises InputError naming the entry
    that is not so, or a phone that there is not.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: expected a phone of the model and its phone or phones on a line")
    found: dict[str, tuple[str, ...]] = {}
    for key, value in content.items():
        phones = value if isinstance(value, list) else [value]
        if not isinstance(key, str) or not all(isinstance(p, str) for p in phones):
            raise InputError(
                f"{path}: {shown(str(key))}: {shown(str(value))}: expected a phone, or a list of "
                "phones; YAML takes some names for other things (put 'no' or '1' in quotes)"
            )
        if unknown := [p for p in phones if p not in PHONES[1:]]:
            raise InputError(
                f"{path}: {shown(key)}: no phone {shown(unknown[0])}; there are "
                f"{' '.join(PHONES[1:])}"
            )
        found[key] = tuple(phones)
    return found


def pdf_columns(
    transitions: TransitionModel,
    phones: Path,
    phone_map: PhoneMap | None = None,
    left_out: Collection[str] = (),
) -> np.ndarray:
    """pdfs x 41, 0 or 1: whether a pdf is of a phone that stands for phone id column + 1.

    `phones` is the model's phones.txt. Its phones are looked up in `phone_map`, as they stand, then
    without word position (`_B`), then without stress too (`AH0`). Without a map they are taken for
    ARPAbet. A pdf that phones share counts for all of them, as in compute-gop; those of phones that
    stand for none count for none, and these are logged.

    Raises InputError for a phones.txt that is another model's, entries of the map that the model
    has no phone for, and phones of the corpus that nothing stands for and that are not `left_out`.
    """
    symbols = _symbols(phones, transitions)
    meant = {i: _meant(symbols[i], phone_map) for i in range(1, len(symbols))}
    if phone_map is not None:
        _check_entries(phones, symbols, phone_map)
    columns = np.zeros((transitions.num_pdfs, len(PHONES) - 1), dtype=np.float32)
    for phone, _, *pdfs in transitions.tuples.tolist():
        for name in meant[phone]:
            columns[pdfs, PHONE_ID[name] - 1] = 1
    lacking = [p for p in PHONES[1:] if not columns[:, PHONE_ID[p] - 1].any()]
    if unknown := [p for p in left_out if p not in PHONES[1:]]:
        raise InputError(
            f"left out: no phone {shown(unknown[0])}; there are {' '.join(PHONES[1:])}"
        )
    if missing := [p for p in lacking if p not in (*left_out, UNKNOWN_PHONE)]:
        rest = "" if SILENCE in missing else ", or leave these phones out by name (left_out)"
        raise InputError(
            f"{phones}: no phone of the model stands for {', '.join(missing)}: name some in a "
            f"phone map{rest}. The model has {', '.join(_unlike(symbols[1:]))}"
        )
    for_none = _unlike(symbols[i] for i, names in meant.items() if not names)
    if for_none:
        log.info("phones of the model that stand for none here: %s", " ".join(for_none))
    if lacking:
        log.info("phones that the model has nothing for: %s", " ".join(lacking))
    return columns


def _symbols(phones: Path, transitions: TransitionModel) -> list[str]:
    """The phones by id; exactly those that the model has."""
    if not phones.is_file():
        raise InputError(f"{phones}: no such file: name the phones.txt of the model")
    symbols = read_phones(phones)
    known, has = set(range(1, len(symbols))), set(transitions.topology.phones)
    if known != has:
        example = (
            f"none has id {min(has - known)}"
            if has - known
            else f"{symbols[min(known - has)]} is none of them"
        )
        raise InputError(
            f"{phones}: {len(known)} phones, where the model has {len(has)} ({example}): it is "
            "another model's; name the model's own"
        )
    return symbols


def _meant(symbol: str, phone_map: PhoneMap | None) -> tuple[str, ...]:
    if phone_map is None:
        name = base_phone(symbol)
        return () if name in (None, "<eps>") else (str(name),)
    return next((phone_map[name] for name in phone_names(symbol) if name in phone_map), ())


def _check_entries(phones: Path, symbols: Sequence[str], phone_map: PhoneMap) -> None:
    known = {name for symbol in symbols[1:] for name in phone_names(symbol)}
    if unknown := [name for name in phone_map if name not in known]:
        close = get_close_matches(unknown[0], known, 1)
        raise InputError(
            f"phone map: {phones} has no phone {shown(unknown[0])}"
            + (f"; did you mean {close[0]}?" if close else "")
        )


def _unlike(symbols: Iterable[str]) -> list[str]:
    """Symbols without word position and stress, each once."""
    return list(dict.fromkeys(phone_names(symbol)[2] for symbol in symbols))


def phone_log_posteriors(pdfs: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Log-posteriors of phones: T x pdfs log-posteriors, or scores, -> T x 41, float32.

    Rows are normalised first. Not below log(1e-20), so that all is finite.
    """
    wide = pdfs.astype(np.float64)
    wide = np.exp(wide - wide.max(axis=1, keepdims=True))
    wide /= wide.sum(axis=1, keepdims=True)
    summed: np.ndarray = np.log((wide @ columns).clip(1e-20, 1)).astype(np.float32)
    return summed
