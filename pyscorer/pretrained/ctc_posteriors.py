"""Stage `ctc_posteriors`: log-posteriors of a pretrained CTC model's tokens."""

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.archives import archive_writer
from pyscorer.contract.datadir import Utterance, read_wav
from pyscorer.contract.files import atomic_open, read_json
from pyscorer.contract.segments import write_frame_shift
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError, naming
from pyscorer.parallel import chunks, one_thread, shared_map
from pyscorer.pretrained.registry import CtcModel, load_ctc
from pyscorer.progress import log_speed, progress_bar

log = logging.getLogger(__name__)

_CHUNK = 16
"""Recordings that a process takes at a time."""
TOKENS = "tokens.json"


@dataclass(frozen=True)
class Tokens:
    """What the columns of such posteriors are."""

    names: tuple[str, ...]
    blank: int


def read_tokens_of(folder: Path) -> Tokens:
    """tokens.json of the stage's folder. Raises InputError if it is not there, or damaged."""
    path = folder / TOKENS
    told: Any = read_json(path, ("tokens", "blank"))
    names, blank = told["tokens"], told["blank"]
    if not (
        isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and isinstance(blank, int)
        and 0 <= blank < len(names)
    ):
        raise InputError(f"{path}: no list of tokens, or no blank among them; run ctc_posteriors")
    return Tokens(tuple(names), blank)


def ctc_posteriors(data: Path, model: Path, out: Path, jobs: int = 0) -> None:
    """Compute what the CTC model `model` says of the recordings of `data`, frame by frame.

    `model` is a directory or file, or the name of a packaged model (`hama`). Writes `out/post.scp`
    (T x tokens, natural logarithms), `out/tokens.json` (`tokens`: their names in the order of the
    columns, `blank`: which of them it is) and `out/frame_shift` (seconds). Streams; `jobs`
    processes (0: as many as there are cores) of one thread.

    Raises InputError for a model that cannot be read or gives no such posteriors and, naming the
    utterance, for a recording that it cannot take.
    """
    utterances = read_utterances(data)
    loaded = load_ctc(model)
    started, seconds = time.monotonic(), 0.0
    with (
        archive_writer(out / "post.scp") as write,
        progress_bar(desc="ctc_posteriors", total=len(utterances), unit="utt") as bar,
    ):
        tasks = chunks(utterances.values(), _CHUNK)
        for found in shared_map(_posteriors, loaded, tasks, jobs):
            for key, posteriors in found:
                write(key, posteriors)
                seconds += len(posteriors) * loaded.frame_shift
            bar.update(len(found))
    with atomic_open(out / TOKENS) as stream:
        told = {"blank": loaded.blank, "tokens": loaded.tokens}
        stream.write(json.dumps(told, ensure_ascii=False) + "\n")
    write_frame_shift(out, loaded.frame_shift)
    log_speed(log, len(utterances), seconds, started)


@one_thread()
def _posteriors(model: CtcModel, utterances: list[Utterance]) -> list[tuple[str, np.ndarray]]:
    found = []
    for utterance in utterances:
        samples = read_wav(utterance)
        with naming(f"utterance {utterance.key}"):
            found.append((utterance.key, model.log_posteriors(samples)))
    return found
