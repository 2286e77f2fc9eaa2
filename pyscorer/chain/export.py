"""Stage `export`: deep features and phone log-posteriors of every utterance, as archives."""

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.chain.acoustic_model import SUBSAMPLING, AcousticModel, embed_features, load_model
from pyscorer.contract.archives import Matrices, archive_writer
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError, naming
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map
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
    source = _Source(load_model(model), names)
    source.model.network.to(options.device)
    started, frames = time.monotonic(), 0
    jobs = options.jobs if options.device == "cpu" else 1
    with ExitStack() as stack:
        write_embedding = stack.enter_context(archive_writer(out / "embed.scp"))
        write_posteriors = stack.enter_context(archive_writer(out / "post.scp"))
        results = shared_map(_export, source, names, jobs)
        for one in progress_bar(results, total=len(names), desc="export", unit="utt"):
            write_embedding(one.key, one.embedding)
            write_posteriors(one.key, one.posteriors)
            frames += one.frames
    with atomic_open(out / "frame_shift") as stream:
        stream.write(f"{SUBSAMPLING * FRAME_SHIFT:.2f}\n")
    elapsed = time.monotonic() - started
    seconds = frames * FRAME_SHIFT
    log.info(
        "%d utterances, %.0f s of speech, in %.1f s: %.0f times faster than real time",
        *(len(names), seconds, elapsed, seconds / elapsed),
    )


@dataclass(frozen=True)
class _Source:
    model: AcousticModel
    features: Matrices


@dataclass(frozen=True)
class _Exported:
    key: str
    frames: int
    """Of the recording, of 10 ms."""
    embedding: np.ndarray
    posteriors: np.ndarray


@one_thread()
def _export(source: _Source, key: str) -> _Exported:
    features = source.features[key]
    with naming(f"{source.features.scp}: {key}"):
        return _Exported(key, len(features), *embed_features(source.model, features))
