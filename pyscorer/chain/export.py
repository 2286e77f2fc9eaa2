"""Stage `export`: deep features and phone log-posteriors of every utterance, as archives."""

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
from pyscorer.contract.devices import check_device
from pyscorer.contract.segments import write_frame_shift
from pyscorer.errors import InputError, naming
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map
from pyscorer.progress import log_speed, progress_bar

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportOptions:
    """How `export` runs; the result does not depend on it."""

    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)
    device: str = option("cpu", "torch device; a GPU runs in one process")


def export(model: Path, feats: Path, out: Path, options: ExportOptions) -> None:
    """Compute the deep features and phone log-posteriors of the utterances of `feats`.

    `model` is a `.pt` of train_tdnnf or import_kaldi; `feats` a directory of the stage `features`
    (kind mfcc40).
    Writes `out/embed.scp` (T' x 256), `out/post.scp` (T' x 41: log-posteriors of phone ids 1..41)
    and `out/frame_shift` (seconds). T' is ceil(T / 3). Streams.
    """
    scp = feats / "feats.scp"
    names = Matrices(scp)
    if not len(names):
        raise InputError(f"{scp}: no utterances")
    source = _Source(load_model(model), names)
    source.model.network.to(check_device(options.device))
    jobs = options.jobs if options.device == "cpu" else 1
    results = shared_map(_export, source, names, jobs)
    write_outputs(out, results, len(names), SUBSAMPLING * FRAME_SHIFT, "export")


@dataclass(frozen=True)
class Exported:
    """What a network says of an utterance."""

    key: str
    seconds: float
    """Of the recording."""
    embedding: np.ndarray
    posteriors: np.ndarray


def write_outputs(
    out: Path, results: Iterable[Exported], count: int, frame_shift: float, name: str
) -> None:
    """Write embed.scp, post.scp and frame_shift of `count` utterances as they come.

    `name` is the stage's, for its progress.
    """
    started, seconds = time.monotonic(), 0.0
    with ExitStack() as stack:
        write_embedding = stack.enter_context(archive_writer(out / "embed.scp"))
        write_posteriors = stack.enter_context(archive_writer(out / "post.scp"))
        for one in progress_bar(results, total=count, desc=name, unit="utt"):
            write_embedding(one.key, one.embedding)
            write_posteriors(one.key, one.posteriors)
            seconds += one.seconds
    write_frame_shift(out, frame_shift)
    log_speed(log, count, seconds, started)


@dataclass(frozen=True)
class _Source:
    model: AcousticModel
    features: Matrices


@one_thread()
def _export(source: _Source, key: str) -> Exported:
    features = source.features[key]
    with naming(f"{source.features.scp}: {key}"):
        return Exported(key, len(features) * FRAME_SHIFT, *embed_features(source.model, features))
