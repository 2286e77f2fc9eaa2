"""What a recogniser heard, whichever it was: the folder that every decoder writes.

`hyp.text`: the best transcript of every utterance, in Kaldi's form, empty where nothing was heard.
`words.ctm`: its words with times and, as the sixth column, confidences from 0 to 1. `nbest.csv`:
utterance, rank, score (natural log, the higher the likelier), words; ranks from 1. All three hold
the utterances in one order. `decoder.json`: which recogniser it was, and its options.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pyscorer.contract.ctm import Segment, ctm_lines, read_ctm
from pyscorer.contract.files import atomic_open, read_json, read_table, shown
from pyscorer.contract.tables import number, read_rows, whole
from pyscorer.errors import InputError

TEXT, WORDS, NBEST = "hyp.text", "words.ctm", "nbest.csv"
DECODER = "decoder.json"
Which = Literal["own", "vosk", "whisper", "kaldi"]
COLUMNS = ("utterance", "rank", "score", "words")


@dataclass(frozen=True)
class Alternative:
    """One of the transcripts that a recogniser thought of."""

    words: tuple[str, ...]
    score: float
    """Natural logarithm; only differences within an utterance mean anything."""


@dataclass(frozen=True)
class Decoded:
    """What was heard in one utterance."""

    key: str
    words: tuple[Segment, ...]
    """Of the best transcript, with times and confidences."""
    alternatives: tuple[Alternative, ...] = ()
    """The first is the transcript, the others are from best to worst."""

    @property
    def transcript(self) -> str:
        """The best transcript, its words with a space between them."""
        return " ".join(word.label for word in self.words)


def add_words(
    segments: list[Segment], words: Sequence[str], start: float, end: float, confidence: float
) -> None:
    """Append words that were said between two times, in frames of 10 ms, in equal shares.

    None begins before the one before it ends, and each lasts a frame at least, as CTM files want.
    """
    step = (end - start) / max(1, len(words))
    for i, word in enumerate(words):
        begin = max(round(start + i * step), segments[-1].end if segments else 0)
        length = max(1, round(start + (i + 1) * step) - begin)
        segments.append(Segment(word, begin, length, confidence))


def write_decoded(out: Path, decoded: Iterable[Decoded]) -> None:
    """Write the folder's files, streaming. `hyp.text`, the last, tells that all are whole."""
    out.mkdir(parents=True, exist_ok=True)
    with (
        atomic_open(out / TEXT) as text,
        atomic_open(out / NBEST) as nbest,
        atomic_open(out / WORDS) as ctm,
    ):
        rows = csv.writer(nbest, lineterminator="\n")
        rows.writerow(COLUMNS)
        for one in decoded:
            for rank, other in enumerate(one.alternatives, 1):
                rows.writerow([one.key, rank, f"{other.score:.4f}", " ".join(other.words)])
            ctm.writelines(ctm_lines(one.key, one.words))
            text.write(f"{one.key} {one.transcript}".rstrip() + "\n")


def read_transcripts(folder: Path) -> dict[str, str]:
    """Utterance -> transcript of the folder, empty where nothing was heard."""
    return read_table(folder / TEXT)


def read_decoded(folder: Path) -> Iterator[Decoded]:
    """Yield what was heard in each utterance, in the order of `hyp.text`, streaming.

    Raises InputError naming file and utterance where the files do not fit each other.
    """
    words, ranked = _Next(read_ctm(folder / WORDS)), _Next(_alternatives(folder / NBEST))
    for key, transcript in read_transcripts(folder).items():
        decoded = Decoded(key, tuple(words.of(key)), tuple(ranked.of(key)))
        if decoded.transcript != transcript:
            raise InputError(
                f"{folder / WORDS}: {shown(key)}: words {shown(decoded.transcript)}, {TEXT} has "
                f"{shown(transcript)}: decode again"
            )
        yield decoded
    for file, rest in ((WORDS, words), (NBEST, ranked)):
        if rest.key is not None:
            raise InputError(
                f"{folder / file}: utterance {shown(rest.key)} is not in {TEXT}, or out of order: "
                "decode again"
            )


@dataclass(frozen=True)
class Decoder:
    """Which recogniser heard, and how: what it takes to hear a new recording likewise."""

    decoder: Which
    options: dict[str, int | float]


def write_decoder(out: Path, decoder: Which, options: Any) -> None:
    """Write `decoder.json`: of `options`, a dataclass, those that transcripts depend on."""
    found = {k: v for k, v in asdict(options).items() if k not in ("jobs", "batch")}
    with atomic_open(out / DECODER) as stream:
        json.dump(asdict(Decoder(decoder, found)), stream, indent=1)


def read_decoder(folder: Path) -> Decoder:
    """Read `decoder.json`. Raises InputError if it is missing, or names no recogniser."""
    found = read_json(folder / DECODER, ["decoder", "options"])
    if found["decoder"] not in get_args(Which):
        raise InputError(f"{folder / DECODER}: no recogniser {shown(str(found['decoder']))}")
    return Decoder(found["decoder"], dict(found["options"]))


class _Next:
    """Groups by utterance, taken one after the other where they are asked for."""

    key: str | None
    """Of the group that is next; None at the end."""
    _values: list

    def __init__(self, groups: Iterator[tuple[str, list]]) -> None:
        self._groups = groups
        self._advance()

    def _advance(self) -> None:
        self.key, self._values = next(self._groups, (None, []))

    def of(self, key: str) -> list:
        if key != self.key:
            return []
        values = self._values
        self._advance()
        return values


def _alternatives(path: Path) -> Iterator[tuple[str, list[Alternative]]]:
    current, found = "", list[Alternative]()
    for line, row in read_rows(path, COLUMNS):
        place = f"{path}:{line}: {shown(row['utterance'])}"
        try:
            rank, score = whole(row["rank"]), number(row["score"])
        except ValueError as error:
            raise InputError(f"{place}: rank or score {error}") from None
        if row["utterance"] != current:
            if current:
                yield current, found
            current, found = row["utterance"], []
        if rank != len(found) + 1:
            raise InputError(f"{place}: rank {rank} after {len(found)}")
        found.append(Alternative(tuple(row["words"].split()), score))
    if current:
        yield current, found
