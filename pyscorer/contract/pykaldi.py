"""Archives read by PyKaldi, where it is installed and asked for: PYSCORER_READER=pykaldi.

PyKaldi is not on the Python package index in a form that can be installed: it is built against a
Kaldi installation (https://github.com/pykaldi/pykaldi). Its tables take all that Kaldi's do: pipes
in an scp. PYSCORER_READER=kaldi_io, the default, names `archives`, which reads what kaldi_io does,
and more.
"""

import functools
import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.errors import InputError

SWITCH = "PYSCORER_READER"
READERS = ("kaldi_io", "pykaldi")


def wanted() -> bool:
    """Whether the environment asks for PyKaldi. Raises InputError for an unknown reader."""
    reader = os.environ.get(SWITCH) or READERS[0]
    if reader not in READERS:
        raise InputError(f"{SWITCH}={reader}: no such reader; known: {', '.join(READERS)}")
    return reader == "pykaldi"


def _tables() -> Any:
    try:
        return importlib.import_module("kaldi.util.table")
    except ImportError as error:
        raise InputError(
            f"{SWITCH}=pykaldi, but PyKaldi cannot be imported ({error}): build it as "
            f"https://github.com/pykaldi/pykaldi says, or unset {SWITCH}"
        ) from None


@functools.lru_cache(maxsize=16)
def _open(scp: Path, integer: bool) -> Any:
    tables = _tables()
    name = "RandomAccessIntVectorReader" if integer else "RandomAccessMatrixReader"
    return getattr(tables, name)(f"scp:{scp}")


def read(scp: Path, key: str, integer: bool) -> np.ndarray:
    """The matrix (or int32 vector) of `key` in `scp`."""
    value = _open(scp, integer)[key]
    return np.array(value, dtype=np.int32) if integer else np.array(value.numpy())
