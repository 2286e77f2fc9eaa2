"""Stage `import_kaldi`: a Kaldi chain TDNN-F in the place of one that train_tdnnf makes."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.tree import ContextTree, write_tree
from pyscorer.contract.files import atomic_open, read_lines
from pyscorer.contract.phones import PHONE_ID, PHONES, UNKNOWN_PHONE
from pyscorer.errors import InputError
from pyscorer.kaldi.lang_phones import known_phones
from pyscorer.kaldi.mfcc_conf import MFCC40, check_same_features
from pyscorer.kaldi.nnet3 import read_nnet3
from pyscorer.kaldi.nnet3_tdnnf import tdnnf_from_nnet3
from pyscorer.kaldi.transition_model import TransitionModel, chain_transition_model
from pyscorer.kaldi.tree_file import read_kaldi_tree

log = logging.getLogger(__name__)

_NOISES = {"NSN": UNKNOWN_PHONE, "LAU": UNKNOWN_PHONE, "OOV": UNKNOWN_PHONE, "<eps>": "<eps>"}


def import_kaldi(model: Path, out: Path) -> None:
    """Take a Kaldi model as the frozen acoustic model.

    `model` is the `final.mdl` of a chain system whose network is a TDNN-F of MFCC-40 without
    i-vectors. Where `phones.txt` stands beside it, its phones are matched with this package's by
    name, less stress and word position (`AH0_B` is AH); without it, the ids must be this package's
    own. Writes `out/final.pt` for export and decode, `out/log.csv` (empty: nothing was trained),
    and `out/tree.json` if `tree` stands beside the model and its phones are this package's own, by
    their place in a word or not.

    Raises InputError naming what is wrong: a node that is not a TDNN-F's, other features or another
    sample rate, a phone without a counterpart, a pdf of two phones, a tree of another number of
    pdfs.
    """
    nnet = read_nnet3(model)
    transitions = nnet.transition_model
    if transitions is None:
        raise InputError(f"{model}: a raw network: the phones of its pdfs are not known")
    network = tdnnf_from_nnet3(nnet)
    if transitions.num_pdfs != network.config.num_pdfs:
        raise InputError(
            f"{model}: the network has {network.config.num_pdfs} pdfs, its transition model "
            f"{transitions.num_pdfs}: the file was put together wrongly"
        )
    _check_features(model.parent / "mfcc.conf")
    symbols = read_phones(model.parent / "phones.txt")
    owners = pdf_owners(model, transitions, symbols)
    tree = _tree(model, transitions, symbols)
    if tree is not None:
        write_tree(out / "tree.json", tree)
    with atomic_open(out / "log.csv") as stream:
        stream.write("epoch,train_objf,valid_objf\n")
    save_model(out / "final.pt", AcousticModel(network, owners, {"imported_from": model.name}))
    log.info("%s: %d pdfs, %d parameters", model, len(owners), network.num_parameters())


def _check_features(path: Path) -> None:
    if not path.is_file():
        log.warning("%s: no such file: the model is taken to expect MFCC-40 at 16 kHz", path)
        return
    check_same_features(path, MFCC40)


def read_phones(path: Path) -> list[str]:
    """Phone symbols by id from Kaldi's phones.txt, without #0, #1, ...; PHONES if it is absent.

    Raises InputError naming the line that is not `phone id`, or an id that is missing.
    """
    if not path.is_file():
        return list(PHONES)
    by_id: dict[int, str] = {}
    for number, line in read_lines(path):
        fields = line.split()
        if len(fields) != 2 or not fields[1].isdigit():
            raise InputError(f"{path}:{number}: expected `phone id`, found {line[:60]!r}")
        if not fields[0].startswith("#"):
            by_id[int(fields[1])] = fields[0]
    missing = sorted(set(range(len(by_id))) - by_id.keys())
    if missing or not by_id:
        raise InputError(f"{path}: no phone has id {missing[0] if missing else 0}")
    return [by_id[i] for i in range(len(by_id))]


def phone_names(symbol: str) -> tuple[str, str, str]:
    """A Kaldi symbol such as `AH0_B`; it without its place in a word; without its stress, too."""
    without = re.sub(r"_[BEIS]$", "", symbol)
    return symbol, without, re.sub(r"(?<=[A-Za-z])[0-2]$", "", without)


def base_phone(symbol: str) -> str | None:
    """The phone of `phones.PHONES` behind a Kaldi symbol such as `AH0_B` or `sil`, if any."""
    name = phone_names(symbol)[-1].upper()
    name = _NOISES.get(name, name)
    return name if name in PHONE_ID else None


def pdf_owners(model: Path, transitions: TransitionModel, symbols: Sequence[str]) -> np.ndarray:
    """Id in phones.PHONES of each pdf of a model with these phones, int32.

    Raises InputError for a phone without a counterpart, and for a pdf of two phones or of none.
    """
    phones = [base_phone(symbol) for symbol in symbols]
    phones[0] = None  # <eps>
    owners = np.zeros(transitions.num_pdfs, dtype=np.int32)
    for phone, _, *pdfs in transitions.tuples.tolist():
        name = phones[phone] if phone < len(phones) else None
        if name is None:
            symbol = symbols[phone] if phone < len(symbols) else f"with id {phone}"
            raise InputError(
                f"{model.parent / 'phones.txt'}: the model's phone {symbol} is none of pyscorer's "
                f"({' '.join(PHONES[1:])}), with or without stress and word position"
            )
        for pdf in pdfs:
            if owners[pdf] not in (0, PHONE_ID[name]):
                raise InputError(
                    f"{model}: pdf {pdf} is shared by phones {PHONES[owners[pdf]]} and {name}: "
                    "posteriors of phones need a tree whose phones have roots of their own"
                )
            owners[pdf] = PHONE_ID[name]
    if not owners.all():
        raise InputError(f"{model}: pdf {int(np.argmin(owners))} belongs to no phone")
    return owners


def _tree(model: Path, transitions: TransitionModel, symbols: list[str]) -> ContextTree | None:
    path = model.parent / "tree"
    if not path.is_file():
        log.warning("%s: no such file: the model can score, but not decode", path)
        return None
    if known_phones(symbols) is None:
        log.warning("%s: its phones are not pyscorer's: it can score, but not decode", model)
        return None
    tree = read_kaldi_tree(path, symbols)
    if tree.num_pdfs != transitions.num_pdfs:
        raise InputError(
            f"{path}: {tree.num_pdfs} pdfs, where {model} has {transitions.num_pdfs}: they do not "
            "belong together"
        )
    if not np.array_equal(chain_transition_model(tree).tuples, transitions.tuples):
        raise InputError(f"{path}: its contexts are not those of {model}")
    return tree
