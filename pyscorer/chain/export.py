"""Stage `export`: deep features and phone log-posteriors of every utterance, as archives."""

import functools
import logging
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.chain.acoustic_model import SUBSAMPLING, AcousticModel, embed_features, load_model
from pyscorer.contract.archives import Matrices, archive_writer
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.parallel import one_thread, ordered_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportOptions:
    """How `export` runs; the result does not depend on it."""

    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)
    device: str = option("cpu", "torch device; a GPU runs in one process")


def export(model: Path, feats: Path, out: Path, options: ExportOptions) -> None:
    """Compute the deep features and phone log-posteriors of the utterances of `feats`.

    `model` is a `.pt` of train_tdnnf or a Kaldi `.mdl`; `feats` a directory of the stage `features`
    (kind mfcc40).
    Writes `out/embed.scp` (T' x 256), `out/post.scp` (T' x 41: log-posteriors of phone ids 1..41)
    and `out/frame_shift` (seconds). T' is ceil(T / 3). Streams.
    """
    scp = feats / "feats.scp"
    names = Matrices(scp)
    if not len(names):
        raise InputError(f"{scp}: no utterances")
    load_model(model)  # a faulty model is reported before any work
    started, frames = time.monotonic(), 0
    jobs = options.jobs if options.device == "cpu" else 1
    with ExitStack() as stack:
        write_embedding = stack.enter_context(archive_writer(out / "embed.scp"))
        write_posteriors = stack.enter_context(archive_writer(out / "post.scp"))
        tasks = ((model, scp, key, options.device) for key in names)
        results: Iterable[tuple[str, int, np.ndarray, np.ndarray]] = ordered_map(
            _embed, tasks, jobs
        )
        for key, length, embedding, posteriors in progress_bar(
            results, total=len(names), desc="export", unit="utt"
        ):
            write_embedding(key, embedding)
            write_posteriors(key, posteriors)
            frames += length
    with atomic_open(out / "frame_shift") as stream:
        stream.write(f"{SUBSAMPLING * FRAME_SHIFT:.2f}\n")
    elapsed = time.monotonic() - started
    seconds = frames * FRAME_SHIFT
    log.info(
        "%d utterances, %.0f s of speech, in %.1f s: %.0f times faster than real time",
        *(len(names), seconds, elapsed, seconds / elapsed),
    )


@functools.lru_cache(maxsize=1)
def _open(model: Path, feats: Path, device: str) -> tuple[AcousticModel, Matrices]:
    """A worker's own model and features."""
    loaded = load_model(model)
    loaded.network.to(device)
    return loaded, Matrices(feats)


@one_thread()
def _embed(task: tuple[Path, Path, str, str]) -> tuple[str, int, np.ndarray, np.ndarray]:
    model_path, feats, key, device = task
    model, matrices = _open(model_path, feats, device)
    features = matrices[key]
    try:
        return key, len(features), *embed_features(model, features)
    except InputError as error:
        raise InputError(f"{feats}: {key}: {error}") from None
