"""A measure over a corpus: recordings out of archives, a pooled directory of what it says."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.archives import Matrices
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.recording import Frames, Measure, Recording
from pyscorer.contract.segments import PhoneSegment, check_keys, read_wanted
from pyscorer.progress import progress_bar


@dataclass(frozen=True)
class Archive:
    """An archive of outputs of a model."""

    path: Path
    """Its .scp."""
    shift: float
    """Seconds between rows."""
    stage: str
    """What makes it, for messages."""


def read_recordings(
    data: Path, wanted: Collection[str], ali: Path, archives: Mapping[str, Archive]
) -> Iterator[Recording]:
    """Recordings `wanted` of the data directory, with their outputs by name, streaming.

    Raises InputError naming an utterance that the alignment or an archive lacks.
    """
    matrices = {name: Matrices(archive.path) for name, archive in archives.items()}
    for name, archive in archives.items():
        check_keys(archive.path, matrices[name], wanted, data, archive.stage)
    for key, segments, frames in read_wanted(ali, wanted, data):
        outputs = {
            name: Frames(matrices[name][key], archive.shift, archive.path.name)
            for name, archive in archives.items()
        }
        yield Recording(key, segments, frames, outputs=outputs)


def write_measured(
    measure: Measure, recordings: Iterable[Recording], out: Path, total: int
) -> None:
    """Write the pooled directory `out` of what `measure` says of the recordings, streaming."""

    def rows() -> Iterator[tuple[str, list[PhoneSegment], np.ndarray]]:
        for recording in progress_bar(recordings, measure.name, total, unit="utt"):
            yield recording.key, list(recording.segments), measure(recording)

    write_pooled(out, measure.columns, rows())
