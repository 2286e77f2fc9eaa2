"""Stage `export_published`: deep features and phone posteriors of a published Kaldi model."""

import logging
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from pyscorer.contract.archives import archive_writer
from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import Utterance, read_data_dir, read_wav
from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.import_published import PublishedAcoustics, load_acoustics
from pyscorer.parallel import one_thread, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)


def export_published(data: Path, model: Path, out: Path, jobs: int = 0) -> None:
    """Compute of the recordings of `data` what `export` does, by a published Kaldi model.

    `model` is a directory of import_published. Writes `out/embed.scp` (T' x D: deep features),
    `out/post.scp` (T' x 41: log-posteriors of phone ids 1..41, of a pdf for every phone that it is
    of) and `out/frame_shift` (seconds). Streams, on `jobs` processes (0: as many as there are
    cores).

    Raises InputError, naming the utterance, for a recording that cannot be read or is shorter than
    a frame.
    """
    utterances = read_data_dir(data).utterances
    if not utterances:
        raise InputError(f"{data}: no utterances")
    source = load_acoustics(model)
    started, seconds = time.monotonic(), 0.0
    with ExitStack() as stack:
        write_embedding = stack.enter_context(archive_writer(out / "embed.scp"))
        write_posteriors = stack.enter_context(archive_writer(out / "post.scp"))
        results = shared_map(_heard, source, utterances.values(), jobs)
        for one in progress_bar(results, "export_published", len(utterances), unit="utt"):
            key, lasts, embedding, posteriors = one
            write_embedding(key, embedding)
            write_posteriors(key, posteriors)
            seconds += lasts
    with atomic_open(out / "frame_shift") as stream:
        stream.write(f"{source.model.frame_shift:g}\n")
    elapsed = time.monotonic() - started
    log.info(
        "%d utterances, %.0f s of speech, in %.1f s: %.0f times faster than real time",
        *(len(utterances), seconds, elapsed, seconds / elapsed),
    )


@one_thread()
def _heard(
    source: PublishedAcoustics, utterance: Utterance
) -> tuple[str, float, np.ndarray, np.ndarray]:
    samples = read_wav(utterance)
    with naming(f"utterance {utterance.key}"):
        return utterance.key, len(samples) / SAMPLE_RATE, *source(samples)
