"""Recordings that cannot be graded, and what to warn of in those that can."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE, decode, samples_of
from pyscorer.contract.recording import Recording, RecordingView
from pyscorer.errors import InputError, naming
from pyscorer.feedback.likeness import Fit
from pyscorer.feedback.limits import Limits
from pyscorer.lexicon.words import TextWord

LONGEST = 30.0
"""Seconds of a recording; a sentence is read in less, and speech encoders take no more."""
_TOO_LONG = (
    f"a recording of one text lasts {LONGEST:.0f} s at most: cut it at its pauses and grade each "
    "part with its own text"
)
_SILENT = -60.0
"""dB of full scale that speech exceeds at its loudest."""
_LIVELY = 8.0
"""dB between loud and quiet moments of speech at least; steady noise and hum have less."""
_NOISY = 20.0
"""dB between them below which noise blurs the sounds; in speechocean762 it is 25 at least."""
_CLIPPED = 0.002
"""Share of samples at full scale."""
_FRAME = SAMPLE_RATE // 50
_UNLIKE = (
    "The recording does not sound like the text: check that it is of this text. If it is not, the "
    "scores mean nothing."
)
_BEYOND = (
    "Much of the recording is not in the text: check that the text is all that was read, and that "
    "nothing else is heard."
)
_FEW, _HALF = 0.25, 0.5
"""Shares of the words heard up to which a recording that sounds unlike its text is refused, and
one whose text the recogniser finds unlikely is warned of."""


def read_recording(path: Path, advice: str = _TOO_LONG) -> tuple[np.ndarray, tuple[str, ...]]:
    """Samples at 16 kHz of a recording to be graded, and warnings.

    Raises InputError naming the file if it is missing, unreadable or empty, for what `validate`
    refuses (cut short, channels that cancel each other out, samples that are not numbers or of
    another scale), and if it is longer than LONGEST (`advice` says what to do about it), silent, or
    steady noise. Whether it is speech at all is left to the grader.
    """
    recording = decode(path, LONGEST, advice)
    samples = samples_of(path, recording)
    with naming(path):
        warnings = check_samples(samples, recording.full_scale)
    if recording.rate < SAMPLE_RATE:
        warnings = (
            f"The recording has a rate of {recording.rate} Hz, as telephones have: sounds such "
            "as S, F and TH are hard to tell apart in it, and scores are less sure. Record at "
            f"{SAMPLE_RATE} Hz or more.",
            *warnings,
        )
    return samples, warnings


def check_samples(samples: np.ndarray, full_scale: float | None = None) -> tuple[str, ...]:
    """Warnings on samples at 16 kHz. Raises InputError for silence and steady noise.

    `full_scale`: the share of the samples at full scale as the file has them, where it is known.
    Levels are those of the signal without its offset, as in `validate`.
    """
    if len(samples) < _FRAME:
        raise InputError(
            f"{len(samples) / SAMPLE_RATE:.3f} s of audio, shorter than one frame: nothing to grade"
        )
    if not np.isfinite(samples).all():
        raise InputError("samples that are not numbers; convert the file again")
    loudness = frame_loudness(samples - samples.mean())
    if np.quantile(loudness, 0.95) < _SILENT:
        raise InputError("silence: check the microphone, and record again")
    liveliness = float(np.subtract(*np.quantile(loudness, [0.95, 0.1])))
    if liveliness < _LIVELY:
        raise InputError(
            "no speech: the loudness does not change as it does in speech, so this is noise or a "
            "tone; record again"
        )
    warnings = []
    if liveliness < _NOISY:
        warnings.append(
            "The recording is noisy, and scores are less sure. Record in a quiet room, near the "
            "microphone."
        )
    if full_scale is None:
        full_scale = float(np.mean(np.abs(samples) >= 0.999))
    if full_scale > _CLIPPED:
        warnings.append(
            "The recording is too loud: its peaks are cut off. Record again at a lower level."
        )
    return tuple(warnings)


def frame_loudness(samples: np.ndarray) -> np.ndarray:
    """Loudness of each 20 ms in dB of full scale; -100 at least."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return np.asarray(10 * np.log10(np.maximum((frames.astype(float) ** 2).mean(axis=1), 1e-10)))


def mismatch(
    limits: Limits,
    fit: Fit,
    words: Sequence[str],
    view: RecordingView | None = None,
    prompt: float | None = None,
) -> tuple[str, ...]:
    """Warnings on a recording that does not fit its text, or fits only a part of it.

    The recogniser, where there is one, adds its own judgement; `prompt` is the log-probability a
    token of the text that 1 in 100 recordings stay below. Raises InputError if the recording is of
    something else: if it fits neither its own text better than others, nor any, and the recogniser
    does not hear the text either.
    """
    share = sum(word.heard for word in view.words) / len(view.words) if view else 0.0
    told = f" A recogniser heard “{view.hypothesis.lower()}”." if view else ""
    unheard = view is not None and prompt is not None and view.prompt_log_probability < prompt
    unlike = fit.above_others < limits.unlike
    least, lowest = limits.refused
    if fit.above_others < least and fit.below_free < lowest and share <= _FEW:
        raise InputError(f"the recording is not of this text: it fits others as well.{told}")
    if unlike and view is not None and share <= _FEW:
        raise InputError(f"the recording is not of this text.{told}")
    if unlike or (unheard and share <= _HALF):
        return (f"{_UNLIKE}{told}",)
    warnings = []
    if fit.below_free < limits.beyond:
        warnings.append(f"{_BEYOND}{told}")
    if fit.first:
        warnings.append(_unread("first", words[: fit.first]))
    if fit.last:
        warnings.append(_unread("last", words[-fit.last :]))
    return tuple(warnings)


def _unread(which: str, words: Sequence[str]) -> str:
    told = f"{which} {len(words)} words ({' '.join(words)}) do"
    if len(words) == 1:
        told = f"{which} word ({words[0]}) does"
    return f"The {told} not sound as if read: is the recording whole?"


def voiceless(recording: Recording) -> tuple[str, ...]:
    """A warning if pitch was to be judged and nothing is voiced."""
    prosody = recording.measured.get("prosody")
    if prosody is None or prosody.column("utterance_voicing").any():
        return ()
    return ("Nothing in it is voiced, as if it were whispered: its pitch could not be judged.",)


def strange_words(words: Sequence[TextWord]) -> tuple[str, ...]:
    """A warning if most words are guessed: the text may not be English."""
    guessed = [word.word for word in words if word.guessed]
    if len(guessed) < max(2, len(words) / 2):
        return ()
    return (
        f"The pronunciations of {', '.join(guessed)} are guessed from English spelling: check that "
        "the text is English.",
    )
