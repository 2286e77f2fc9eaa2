"""A trained scorer as one directory that scores new recordings on any machine."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.alignment.gmm_model import Gmm
from pyscorer.chain.acoustic_model import AcousticModel, load_model
from pyscorer.contract.files import atomic_directory
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.pronunciation.scorer import load_scorer

_GMM, _LEXICON, _TDNNF, _SCORER = "final.npz", "lexicon.txt", "tdnnf.pt", "scorer.pt"


@dataclass(frozen=True)
class Bundle:
    """All that a new recording needs."""

    gmm: Gmm
    lexicon: Lexicon
    acoustic: AcousticModel
    scorer: dict[str, Any]
    """The content of train_scorer's model.pt."""


def bundle(gmm: Path, lexicon: Path, tdnnf: Path, scorer: Path, out: Path) -> None:
    """Put the models of a run into one directory for `pyscorer score --model`.

    `gmm` is the directory of train_gmm, `tdnnf` the final.pt of train_tdnnf, `scorer` the directory
    of train_scorer. The models are read once to be sure that they work. Raises InputError for one
    that is missing or damaged.
    """
    files = {
        _GMM: gmm / "final.npz",
        _LEXICON: lexicon,
        _TDNNF: tdnnf,
        _SCORER: scorer / "model.pt",
    }
    for file in files.values():
        if not file.exists():
            raise InputError(f"{file}: no such file; run the stage that makes it")
    with atomic_directory(out) as part:
        for name, file in files.items():
            shutil.copyfile(file, part / name)
        load_bundle(part)


def load_bundle(model: Path) -> Bundle:
    """Read a directory made by `bundle`. Raises InputError if a part is missing or damaged."""
    for name in (_GMM, _LEXICON, _TDNNF, _SCORER):
        if not (model / name).exists():
            raise InputError(
                f"{model / name}: no such file; --model takes a directory that bundle made"
            )
    scorer = load_scorer(model / _SCORER)
    if any("acoustic" in part for part in scorer["modules"]):
        raise InputError(
            f"{model / _SCORER}: each of its modules has acoustic layers of its own (made by "
            "unfreeze_scorer); bundle a scorer of train_scorer"
        )
    return Bundle(
        Gmm.load(model / _GMM),
        read_lexicon(model / _LEXICON),
        load_model(model / _TDNNF),
        scorer,
    )
