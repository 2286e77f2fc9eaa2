"""Answers out of the archives of a corpus: what was heard, its alignment and its measures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pyscorer.answers.answer_measures import DEEP, GOP, STATES, HeardAnswer
from pyscorer.contract.archives import Matrices
from pyscorer.contract.decoded import read_decoded, read_transcripts
from pyscorer.contract.files import read_table, shown
from pyscorer.contract.pooled import read_columns
from pyscorer.contract.recording import Measured, Recording, RecordingView, WordView
from pyscorer.contract.segments import PhoneSegment, read_segments
from pyscorer.contract.tables import number, read_frame
from pyscorer.errors import InputError
from pyscorer.pretrained.view_columns import VIEW_OF_UTTERANCE


@dataclass(frozen=True)
class AnswerFolders:
    """Of one split: its recordings, what was heard in them, and what stages say of that."""

    recordings: Path
    """The data directory, whose utt2dur is read."""
    decoded: Path
    ali: Path
    """Alignment with the transcripts."""
    gop: Path
    pool: Path
    pool_encoded: Path | None = None
    second: Path | None = None
    """What another recogniser heard."""
    view: Path | None = None


def read_answers(folders: AnswerFolders, prompts: Mapping[str, str]) -> Iterator[HeardAnswer]:
    """The answers of a split to `prompts` (by utterance), streaming, in the decoder's order.

    An answer that the alignment lacks, since nothing was heard in it or it could not be aligned,
    has no recording; every folder of measures has all others. Answers without a prompt are passed
    over. Raises InputError naming file and utterance at fault.
    """
    seconds = read_table(folders.recordings / "utt2dur")
    second = read_transcripts(folders.second) if folders.second else None
    views = _read_views(folders.view) if folders.view else None
    measures = {DEEP: _Pooled(folders.pool), GOP: _Pooled(folders.gop)}
    if folders.pool_encoded:
        measures[STATES] = _Pooled(folders.pool_encoded)
    aligned = read_segments(folders.ali)
    key, segments, frames = next(aligned, _NOTHING)
    for decoded in read_decoded(folders.decoded):
        recording = None
        if decoded.key == key:
            recording = Recording(key, segments, frames, transcript=decoded.transcript)
            key, segments, frames = next(aligned, _NOTHING)
        if decoded.key not in prompts:
            continue
        if recording is not None:
            if not decoded.words:
                raise InputError(
                    f"{folders.ali}/phones.ctm: {shown(decoded.key)}: has phones, but no words in "
                    f"{folders.decoded}: run heard and align again"
                )
            recording = replace(
                recording,
                view=None if views is None else _known(views, decoded.key, folders.view),
                measured={name: pooled.of(recording) for name, pooled in measures.items()},
            )
        yield HeardAnswer(
            decoded,
            _seconds(folders.recordings / "utt2dur", seconds, decoded.key),
            prompts[decoded.key],
            recording,
            None if second is None else _known(second, decoded.key, folders.second),
        )
    if key:
        raise InputError(
            f"{folders.ali}/phones.ctm: utterance {shown(key)} is not in {folders.decoded}, or out "
            "of order: run heard and align again"
        )


Value = TypeVar("Value")
_NOTHING: tuple[str, list[PhoneSegment], int] = ("", [], 0)


class _Pooled:
    """A pooled directory by utterance; one is in memory at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.columns = tuple(read_columns(folder))
        self.matrices = Matrices(folder / "phones.scp")

    def of(self, recording: Recording) -> Measured:
        """What it says of the phones of a recording. Raises InputError if it has others."""
        matrix = self.matrices[recording.key]
        wanted = len(recording.segments), len(self.columns)
        if matrix.shape != wanted:
            raise InputError(
                f"{self.folder}/phones.scp: {shown(recording.key)}: {matrix.shape[0]} phones x "
                f"{matrix.shape[1]} columns, not {wanted[0]} x {wanted[1]}: it is not of this "
                "alignment; run the stage that made it again"
            )
        return Measured(self.columns, matrix)


def _known(table: Mapping[str, Value], key: str, folder: Path | None) -> Value:
    if key not in table:
        raise InputError(
            f"{folder}: lacks utterance {shown(key)}: run the stage that made it again"
        )
    return table[key]


def _seconds(path: Path, table: Mapping[str, str], key: str) -> float:
    try:
        value = number(_known(table, key, path))
    except ValueError as error:
        raise InputError(f"{path}: {shown(key)}: {error}") from None
    if value <= 0:
        raise InputError(f"{path}: {shown(key)}: {value} is no duration; run validate again")
    return value


def _read_views(view: Path) -> dict[str, RecordingView]:
    """Utterance -> what `recogniser_view` says of it."""
    fields = ["log_probability", "tokens", "least", "margin", "heard"]
    words = read_frame(view / "words.csv", ["utterance", "word_index", *fields], ["utterance"])
    of_words: dict[str, list[WordView]] = {}
    for key, logp, tokens, least, margin, heard in zip(
        *(words[name] for name in ("utterance", *fields)), strict=True
    ):
        word = WordView(float(logp), int(tokens), float(least), float(margin), bool(heard))
        of_words.setdefault(str(key), []).append(word)
    table = read_frame(
        *(view / "utterances.csv", ["utterance", "hypothesis", *VIEW_OF_UTTERANCE]),
        ["utterance", "hypothesis"],
    )
    found = {}
    for key, hypothesis, *values in zip(
        *(table[name] for name in ("utterance", "hypothesis", *VIEW_OF_UTTERANCE)), strict=True
    ):
        wer, heard_logp, text_logp, _ = map(float, values)
        words_of = tuple(_known(of_words, str(key), view / "words.csv"))
        found[str(key)] = RecordingView(words_of, str(hypothesis), wer, heard_logp, text_logp)
    return found
