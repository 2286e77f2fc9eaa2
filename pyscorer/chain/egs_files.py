"""Stage `egs`: aligned utterances in random order in one archive, for corpora too large to list.

A training on egs files holds some 150 bytes an utterance in place of 6,000, opens a few files in
place of one an utterance, and reads neighbours in them together.
"""

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pyscorer.chain.egs import Aligned, check_length, choose_speakers, read_aligned
from pyscorer.contract.archives import Matrices, archive_writer
from pyscorer.contract.ctm import Segment
from pyscorer.contract.files import atomic_open, read_lines
from pyscorer.contract.weights import load_arrays
from pyscorer.errors import InputError
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

WINDOW = 16_384
"""Utterances whose chunks are shuffled together, and are in memory (100 MB)."""
BLOCK = 64
"""Neighbours in an archive that come into one window: some 4 MB to read at a time."""


def egs(data: Path, feats: Path, ali: Path, out: Path, seed: int = 0) -> None:
    """Write the utterances of a dataset, or of a part of one, down for train_tdnnf to read.

    `out/feats.scp`, `.ark`: the features (kind mfcc40), in an order drawn by `seed`; `out/egs.npz`:
    alignments, speakers and places in the archive, written last. Raises InputError where features
    and alignment differ in length, and as `read_aligned`.
    """
    (out / "egs.npz").unlink(missing_ok=True)  # an old index must not point into the new archive
    listed = read_aligned([data], [feats], [ali])
    order = np.random.default_rng([seed, 3]).permutation(len(listed))
    utterances = [listed[place] for place in order]
    matrices = Matrices(feats / "feats.scp")
    with archive_writer(out / "feats.scp") as write:
        for utterance in progress_bar(utterances, "egs", unit="utt"):
            matrix = matrices[utterance.key]
            check_length(utterance, matrix)
            write(utterance.key, matrix)
    places = [int(line.rpartition(":")[2]) for _, line in read_lines(out / "feats.scp")]
    buffer = io.BytesIO()
    np.savez(buffer, **_arrays(utterances, places))  # type: ignore[arg-type]
    with atomic_open(out / "egs.npz", "wb") as stream:
        stream.write(buffer.getbuffer())
    frames = sum(u.frames for u in utterances)
    log.info("%s: %d utterances (%.2f h)", out, len(utterances), frames / 360_000)


def _arrays(utterances: Sequence[Aligned], places: Sequence[int]) -> dict[str, np.ndarray]:
    speakers = sorted({u.speaker for u in utterances})
    labels = sorted({s.label for u in utterances for s in u.segments})
    number = {name: i for i, name in enumerate(speakers)}
    phone = {name: i for i, name in enumerate(labels)}
    lengths = np.array([s.length for u in utterances for s in u.segments])
    return {
        "keys": np.array([u.key.encode() for u in utterances]),
        "speakers": np.array([name.encode() for name in speakers]),
        "labels": np.array([name.encode() for name in labels]),
        "speaker": np.array([number[u.speaker] for u in utterances], dtype=np.int32),
        "place": np.array(places, dtype=np.int64),
        "first": np.cumsum([0, *(len(u.segments) for u in utterances)]),
        "phone": np.array([phone[s.label] for u in utterances for s in u.segments], np.uint8),
        "length": lengths.astype(np.min_scalar_type(lengths.max())),
    }


class EgsFile:
    """The utterances of one directory of the stage `egs`, each made when it is asked for."""

    def __init__(self, folder: Path) -> None:
        """Raises InputError if the stage did not end, or if its file is damaged."""
        path = folder / "egs.npz"
        arrays = load_arrays(path, "egs")
        try:
            self.keys, self.place, self.first = (arrays[n] for n in ("keys", "place", "first"))
            self.phone, self.length = arrays["phone"], arrays["length"]
            self.speaker = arrays["speaker"]
            self.speakers, self.labels = (
                [name.decode() for name in arrays[n].tolist()] for n in ("speakers", "labels")
            )
            self.frames = np.add.reduceat(self.length, self.first[:-1], dtype=np.int64)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: not of the stage egs ({error}); run egs again") from None
        self.archive = folder / "feats.ark"

    def utterance(self, row: int) -> Aligned:
        """The utterance at a place of the file."""
        own = slice(self.first[row], self.first[row + 1])
        lengths = self.length[own].tolist()
        phones = [self.labels[phone] for phone in self.phone[own].tolist()]
        segments, start = [], 0
        for phone, length in zip(phones, lengths, strict=True):
            segments.append(Segment(phone, start, length))
            start += length
        return Aligned(
            self.keys[row].decode(),
            self.speakers[self.speaker[row]],
            self.archive,
            tuple(segments),
            offset=int(self.place[row]),
        )


@dataclass(frozen=True)
class Listed:
    """Utterances in memory, all in one window."""

    utterances: list[Aligned]

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def frames(self) -> int:
        """Input frames of all."""
        return sum(u.frames for u in self.utterances)

    @property
    def speakers(self) -> set[str]:
        """Names of all speakers."""
        return {u.speaker for u in self.utterances}

    def windows(self, rng: np.random.Generator | None) -> Iterator[tuple[Sequence[Aligned], bool]]:
        """All utterances, and that no others come."""
        yield self.utterances, True

    def told(self) -> Iterator[bytes]:
        """What tells these utterances from others."""
        return (repr((u.key, u.speaker, u.segments)).encode() for u in self.utterances)


@dataclass(frozen=True)
class Stored:
    """Rows of egs files: utterances on disk, of which a window is in memory."""

    files: Sequence[EgsFile]
    rows: Sequence[np.ndarray]
    """Of each file, in its order."""
    window: int = WINDOW
    block: int = BLOCK

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows)

    @cached_property
    def frames(self) -> int:
        """Input frames of all."""
        return sum(int(f.frames[r].sum()) for f, r in zip(self.files, self.rows, strict=True))

    @cached_property
    def speakers(self) -> set[str]:
        """Names of all speakers."""
        pairs = zip(self.files, self.rows, strict=True)
        return {f.speakers[number] for f, r in pairs for number in np.unique(f.speaker[r])}

    def windows(self, rng: np.random.Generator | None) -> Iterator[tuple[Sequence[Aligned], bool]]:
        """Utterances by the window, each sorted by their keys, and whether it is the last one.

        With `rng` a window is of blocks drawn from all files; without, one file follows the other.
        """
        file = np.repeat(np.arange(len(self.rows), dtype=np.int32), [len(r) for r in self.rows])
        row = np.concatenate([*self.rows]).astype(np.int32)
        if rng is not None:
            starts = rng.permutation(np.arange(0, len(row), self.block))
            order = (starts[:, None] + np.arange(self.block)).ravel()
            order = order[order < len(row)]
            file, row = file[order], row[order]
        for first in range(0, len(row), self.window):
            end = first + self.window
            pairs = zip(file[first:end].tolist(), row[first:end].tolist(), strict=True)
            found = sorted((self.files[f].utterance(r) for f, r in pairs), key=lambda u: u.key)
            yield found, end >= len(row)

    def told(self) -> Iterator[bytes]:
        """What tells these utterances from others."""
        for file, rows in zip(self.files, self.rows, strict=True):
            digest = hashlib.sha256(repr((file.speakers, file.labels)).encode())
            for array in (file.keys, file.speaker, file.first, file.phone, file.length, rows):
                digest.update(np.ascontiguousarray(array).data)
            yield digest.digest()


Corpus = Listed | Stored
"""Utterances to learn from, or to be held out."""


def read_egs(folders: Sequence[Path], proportion: float, seed: int) -> tuple[Stored, Stored]:
    """(training, held out) utterances of directories of the stage `egs`, as `egs.hold_out`.

    Raises InputError for an utterance that two of them have.
    """
    files = [EgsFile(folder) for folder in folders]
    keys = np.sort(np.concatenate([file.keys for file in files]))
    if len(twice := keys[1:][keys[1:] == keys[:-1]]):
        raise InputError(f"egs: {twice[0].decode()} is in two of the directories, or twice in one")
    chosen = choose_speakers({s for file in files for s in file.speakers}, proportion, seed)
    training, heldout = [], []
    for file in files:
        held = np.array([name in chosen for name in file.speakers])[file.speaker]
        training.append(np.flatnonzero(~held))
        heldout.append(np.flatnonzero(held))
    return Stored(files, training), Stored(files, heldout)
