"""The stage prosody: pitch and loudness of recordings, and what `Prosody` says of them."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from pyscorer.alignment.features import naming_recording
from pyscorer.contract.archives import write_archive
from pyscorer.contract.datadir import Utterance, read_wav
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.recording import Recording
from pyscorer.contract.segments import PhoneSegment
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError
from pyscorer.lexicon.syllables import STRESSES, read_stresses
from pyscorer.measures.contours import voiced_pitch
from pyscorer.measures.corpus import Archive, read_recordings
from pyscorer.measures.prosody import PROSODY_COLUMNS, Prosody, speech_frames
from pyscorer.measures.tracks import TRACKS, prosody_tracks
from pyscorer.options import option
from pyscorer.parallel import chunks, ordered_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

_CHUNK = 16
"""Utterances handed to a process at a time."""
_STEP = 0.1
"""Semitones that a bin of a speaker's histogram of pitch is wide."""


@dataclass(frozen=True)
class ProsodyOptions:
    """What pitch is held against, and on how many cores."""

    reference: Literal["utterance", "speaker"] = option(
        "utterance",
        "whose median pitch is 0: of one recording by itself, as `score` has it, no more is known",
    )
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


def prosody(data: Path, ali: Path, out: Path, options: ProsodyOptions = ProsodyOptions()) -> None:
    """Pitch and loudness of every recording, and the prosody of its phones, syllables and words.

    Writes out/tracks.scp (frames of 10 ms x NCCF, pitch in Hz as compute-kaldi-pitch-feats has
    them, and loudness in dB) and a pooled directory of PROSODY_COLUMNS (see `prosody.Prosody`) of
    the phones of the alignment `ali`. Lexical stress is that of data/stress.txt, of words that it
    lacks that of espeak-ng. What is not voiced anywhere, as if whispered, is named in the log.

    Raises InputError naming the utterance for missing, unreadable or too short audio, and for one
    that the alignment lacks or has with another text or length.
    """
    utterances = read_utterances(data)
    if not utterances:
        raise InputError(f"{data}/text: no utterances")
    out.mkdir(parents=True, exist_ok=True)
    write_archive(out / "tracks.scp", _tracks(utterances, options.jobs))
    stresses = read_stresses(data / STRESSES) if (data / STRESSES).exists() else {}
    archives = {TRACKS: Archive(out / "tracks.scp", 0.01, "prosody")}
    recordings = partial(read_recordings, data, utterances, ali, archives)
    references: dict[str, float] = {}
    if options.reference == "speaker":
        references = _medians(recordings(), utterances)
    voiceless: list[str] = []

    def rows() -> Iterator[tuple[str, list[PhoneSegment], np.ndarray]]:
        for found in progress_bar(recordings(), "prosody", len(utterances), unit="utt"):
            utterance = utterances[found.key]
            measure = Prosody(stresses, references.get(utterance.speaker))
            recording = Recording(
                found.key, found.segments, found.frames, utterance.words, found.outputs
            )
            matrix = measure(recording)
            if not matrix[0, PROSODY_COLUMNS.index("utterance_voicing")]:
                voiceless.append(found.key)
            yield found.key, list(found.segments), matrix

    write_pooled(out, PROSODY_COLUMNS, rows())
    if voiceless:
        log.warning(
            "%s: %d of %d utterances have no voiced frame (whispered, or another text): their "
            "pitch says nothing; the first is %s",
            *(data, len(voiceless), len(utterances), voiceless[0]),
        )


def _tracks(utterances: Mapping[str, Utterance], jobs: int) -> Iterator[tuple[str, np.ndarray]]:
    with progress_bar(desc="pitch", total=len(utterances), unit="utt") as bar:
        for chunk in ordered_map(_track, chunks(utterances.values(), _CHUNK), jobs):
            yield from chunk
            bar.update(len(chunk))


def _track(utterances: list[Utterance]) -> list[tuple[str, np.ndarray]]:
    found = []
    for utterance in utterances:
        with naming_recording(utterance):
            found.append((utterance.key, prosody_tracks(read_wav(utterance))))
    return found


def _medians(
    recordings: Iterator[Recording], utterances: Mapping[str, Utterance]
) -> dict[str, float]:
    """Median pitch of each speaker's voiced frames, semitones above 1 Hz, to the tenth."""
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2000, dtype=np.int64))
    for recording in recordings:
        tracks = recording.output(TRACKS).matrix
        pitch = voiced_pitch(tracks, speech_frames(recording.segments, len(tracks)))
        bins = np.round(pitch / _STEP).astype(int)
        counts[utterances[recording.key].speaker] += np.bincount(bins, minlength=2000)
    return {
        speaker: float(np.searchsorted(np.cumsum(own), own.sum() / 2) * _STEP)
        for speaker, own in counts.items()
        if own.any()
    }
