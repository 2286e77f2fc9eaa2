"""What is wrong with the audio of a data directory: every file is decoded to its end."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.audio import LONGEST, OVERSHOOT, SAMPLE_RATE, Recording, decode
from pyscorer.contract.compact import Numbers, SortedTable
from pyscorer.contract.datadir import Span, find_audio, parse_span
from pyscorer.contract.files import shown
from pyscorer.corpora.audio_commands import decoded_output
from pyscorer.corpora.raw_tables import Fault, RawTable
from pyscorer.errors import InputError
from pyscorer.parallel import chunks
from pyscorer.progress import progress_bar

FRAME, SHIFT = 400, 160
"""Samples of a 25 ms frame and of the 10 ms between frames."""
SHORTEST = 0.1
"""Seconds of a segment at least; Kaldi's extract-segments leaves out shorter ones."""
_AHEAD = 32
"""Recordings that a thread is given at a time, so that not all wait in a queue."""
_LONG = "cut it into parts (or name its utterances in `segments`), or raise --longest"


@dataclass(frozen=True)
class AudioLimits:
    """What makes audio faulty; see `ValidateOptions`."""

    clipped_share: float
    silent_peak: float
    frames_per_phone: int
    longest: float
    command_seconds: int


@dataclass(frozen=True)
class _Piece:
    """An utterance in a recording: all of it, or a stretch."""

    key: str
    phones: int
    """The fewest that its text may have."""
    span: Span | None = None


@dataclass(frozen=True)
class CheckedAudio:
    """What is known of the audio of a data directory."""

    seconds: Mapping[str, float]
    """By utterance."""
    written: Mapping[str, Path]
    """By key of wav.scp: what its command wrote."""


@dataclass(frozen=True)
class _Task:
    """A recording, and which of wav.scp it is."""

    number: int
    key: str
    pieces: list[_Piece]


@dataclass(frozen=True)
class _Checked:
    seconds: dict[str, float]
    written: Path | None
    recording: list[str]
    """Faults that all utterances share."""
    own: dict[str, list[str]]


def check_audio(
    data: Path,
    tables: dict[str, RawTable],
    phones: Callable[[str], int],
    limits: AudioLimits,
    jobs: int,
    faults: list[Fault],
    outputs: Path | None,
) -> CheckedAudio:
    """Decode every file of wav.scp, in threads (libsndfile works outside the GIL).

    `phones`: the fewest that an utterance may have. `outputs`: a folder for the audio that commands
    in wav.scp write; without it commands are faults. Each recording is decoded once, whatever
    stretches of it are utterances, and forgotten.
    """
    recordings = tables["wav.scp"]
    segmented = "segments" in tables
    pieces = _pieces(data, tables, phones, faults) if segmented else {}

    def tasks() -> Iterator[_Task]:
        for number, key in enumerate(recordings.values):
            own = pieces.get(key, []) if segmented else [_Piece(key, phones(key))]
            yield _Task(number, key, own)

    def check(task: _Task) -> tuple[_Task, _Checked]:
        target = outputs and outputs / f"{task.number:06d}"
        longest = LONGEST if segmented else limits.longest
        value = recordings.values[task.key]
        return task, _check_recording(data, value, task.pieces, limits, longest, target)

    keys = tables["segments" if segmented else "wav.scp"].values
    seconds: Numbers | dict[str, float] = {}
    if isinstance(keys, SortedTable):
        seconds = Numbers(keys, array("d", bytes(8 * len(keys))))
    written: dict[str, Path] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        work = (
            one for part in chunks(tasks(), _AHEAD * max(1, jobs)) for one in pool.map(check, part)
        )
        bar = progress_bar(work, f"{data.name}: audio", len(recordings.values), unit="file")
        for task, one in bar:
            scp, line = str(data / "wav.scp"), recordings.lines[task.key]
            for piece in task.pieces:
                seconds[piece.key] = one.seconds[piece.key]
                faults += [Fault(scp, line, piece.key, fault) for fault in one.recording]
                file, table = (data / "segments", tables["segments"]) if segmented else (scp, None)
                place = table.lines[piece.key] if table else line
                faults += [Fault(str(file), place, piece.key, f) for f in one.own[piece.key]]
            if one.written:
                written[task.key] = one.written
            if segmented and not task.pieces:
                unused = f"recording {shown(task.key)} has no utterance in segments"
                faults.append(Fault(scp, line, "", unused))
    return CheckedAudio(seconds, written)


def placed(name: str, data: Path) -> str:
    """The file that wav.scp of `data` names, as wav.scp of another directory may name it."""
    return name if Path(name).is_absolute() else str(find_audio(name, data).absolute())


def _pieces(
    data: Path, tables: dict[str, RawTable], phones: Callable[[str], int], faults: list[Fault]
) -> dict[str, list[_Piece]]:
    """Utterances of `segments` by recording."""
    path, table = str(data / "segments"), tables["segments"]
    pieces: dict[str, list[_Piece]] = {}
    seen: dict[Span, str] = {}
    for key, value in table.values.items():
        line = table.lines[key]
        try:
            span = parse_span(value)
        except InputError as error:
            if value:  # else it is said already: nothing after the key
                faults.append(Fault(path, line, key, str(error)))
            continue
        if span.recording not in tables["wav.scp"].values:
            fault = f"recording {shown(span.recording)} is not in wav.scp"
            faults.append(Fault(path, line, key, fault))
            continue
        if span in seen:
            faults.append(Fault(path, line, key, f"the same stretch as {shown(seen[span])}"))
        seen.setdefault(span, key)
        pieces.setdefault(span.recording, []).append(_Piece(key, phones(key), span))
    return pieces


def _check_recording(
    data: Path,
    name: str,
    pieces: list[_Piece],
    limits: AudioLimits,
    longest: float,
    target: Path | None,
) -> _Checked:
    seconds = {piece.key: 0.0 for piece in pieces}
    own: dict[str, list[str]] = {piece.key: [] for piece in pieces}
    if not name:
        return _Checked(seconds, None, [], own)  # said already: nothing after the key
    written = None
    try:
        if name.endswith("|") and target is not None:
            path = written = decoded_output(name, target, longest, limits.command_seconds)
        else:
            path = find_audio(name, data)
        recording = decode(path, longest, _LONG, SAMPLE_RATE)
    except InputError as error:
        return _Checked(seconds, written, [_reason(name, str(error), data)], own)
    shared = [f"audio {shown(name)}: {fault}" for fault in recording.faults]
    if len(recording.samples) == 0:
        return _Checked(seconds, written, shared or [f"empty audio {shown(name)}: no samples"], own)
    for piece in pieces:
        try:
            stretch = recording if piece.span is None else _cut_out(recording, piece.span)
        except InputError as error:
            own[piece.key].append(str(error))
            continue
        seconds[piece.key] = stretch.seconds
        own[piece.key] += _faults(shown(name), stretch, piece.phones, limits)
    return _Checked(seconds, written, shared, own)


def _reason(name: str, message: str, data: Path) -> str:
    """The fault of a file that cannot be decoded."""
    reason = message
    for place in (name, str(data / name), str(data / "wav.scp")):
        reason = reason.removeprefix(f"{shown(place, 300)}: ")
    if reason == "no such audio file":
        return f"missing audio {shown(name)}"
    if reason.startswith("a command"):
        return reason.replace("a command, not a file", f"a command, not a file: {shown(name)}")
    if reason.startswith("wrong rate"):
        return f"{reason} in {shown(name)}"
    unreadable = reason.removeprefix("not readable as audio")
    if unreadable != reason:
        return f"unreadable audio {shown(name)}{unreadable}"
    return f"audio {shown(name)}: {reason}"


def _cut_out(recording: Recording, span: Span) -> Recording:
    """A stretch, as Kaldi's extract-segments cuts it. Raises InputError if there is none."""
    first, last = int(span.start * recording.rate), int(span.end * recording.rate)
    over = span.end - recording.seconds
    if span.start >= recording.seconds or over > OVERSHOOT:
        raise InputError(
            f"{span.start:g} to {span.end:g} s of recording {shown(span.recording)}, which lasts "
            f"{recording.seconds:.2f} s"
        )
    samples = recording.samples[first : None if span.end < 0 else last]
    if len(samples) < SHORTEST * recording.rate:
        raise InputError(f"a segment of {len(samples) / recording.rate:.3f} s, under {SHORTEST} s")
    peak = float(np.abs(samples - samples.mean()).max())
    clipped = float(np.mean(np.abs(samples) >= 32767 / 32768))
    return Recording(samples, recording.rate, (), clipped, peak)


def _faults(name: str, recording: Recording, phones: int, limits: AudioLimits) -> list[str]:
    """What the limits say of an utterance's audio."""
    wrong = []
    if recording.peak < limits.silent_peak and not recording.faults:
        wrong.append(f"empty audio {name}: its peak is {recording.peak:.6f}")
    if recording.full_scale > limits.clipped_share and not recording.faults:
        share = f"{recording.full_scale:.1%} of the samples at full scale"
        wrong.append(f"clipped audio {name}: {share}")
    frames = max(0, 1 + (len(recording.samples) - FRAME) // SHIFT)
    needed = limits.frames_per_phone * phones
    if frames < max(needed, 1):
        wrong.append(
            f"audio {name} too short for its text: {frames} frames for {phones} phones "
            f"(at least {needed})"
        )
    return wrong
