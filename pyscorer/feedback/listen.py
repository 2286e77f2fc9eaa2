"""A new recording through the models, as the pipeline's stages take a corpus."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from pyscorer.alignment.align import align_one
from pyscorer.alignment.features import gmm_features, mfcc
from pyscorer.alignment.gmm_model import Gmm
from pyscorer.contract.recording import Frames, Measure, Recording, RecordingView
from pyscorer.contract.segments import phone_segments
from pyscorer.errors import InputError
from pyscorer.feedback.acoustics import Acoustics
from pyscorer.feedback.bundle import Bundle
from pyscorer.feedback.likeness import Fit, fit, words_of
from pyscorer.lexicon.words import TextWord, text_words
from pyscorer.measures.prosody import Prosody
from pyscorer.measures.tracks import TRACKS, prosody_tracks
from pyscorer.pretrained.registry import CtcModel, Encoder

KEY = "recording"
"""The utterance that a recording by itself is."""


class Models(Protocol):
    """What a recording goes through, as a Bundle has it."""

    @property
    def gmm(self) -> Gmm:
        """Aligns it."""

    @property
    def acoustic(self) -> Acoustics:
        """Gives its deep features and posteriors."""

    @property
    def encoder(self) -> Encoder | None:
        """Gives its states, if they are wanted."""

    @property
    def layers(self) -> tuple[int, ...]:
        """Of the encoder."""

    @property
    def ctc(self) -> CtcModel | None:
        """Gives posteriors without an alignment, if they are wanted."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """In this order: one may read what those before it say."""


@dataclass(frozen=True)
class Heard:
    """A recording aligned with its text, and what the models say of it."""

    samples: np.ndarray
    words: list[TextWord]
    recording: Recording

    fit: Fit
    """How well it fits its text."""


def listen(bundle: Bundle, samples: np.ndarray, text: str, guess: bool = True) -> Heard:
    """Align mono 16 kHz `samples` in [-1, 1) with the `text` read aloud, and measure its phones.

    The recording's own cepstral mean takes the place of the speaker's, as one recording is all that
    is known of the speaker. Words outside the lexicon get a pronunciation by spelling if `guess`.

    Raises InputError for text without English words, for a recording that is too short for its text
    and, without `guess`, naming all words outside the lexicon.
    """
    words = text_words(text, bundle.lexicon)
    unknown = dict.fromkeys(word.word for word in words if word.guessed)
    if unknown and not guess:
        raise InputError(
            f"--text: not in the lexicon: {', '.join(unknown)}; add their pronunciations to "
            "lexicon.txt of the model, or use words that it has"
        )
    recording = measure(bundle, samples, words)
    judged = bundle.acoustic.phone_scores(recording.output(bundle.acoustic.judged).matrix)
    fitting = fit(judged, words_of(recording.segments), bundle.lexicon)
    return Heard(samples, words, recording, fitting)


def measure(models: Models, samples: np.ndarray, words: Sequence[TextWord]) -> Recording:
    """Align `samples` with the words, and measure the phones.

    Raises InputError for a recording that is too short for its words.
    """
    labels = [str(i) for i in range(len(words))]  # one word may have both a lexicon's and a guess
    lexicon = {label: list(word.variants) for label, word in zip(labels, words, strict=True)}
    for_gmm = gmm_features(mfcc(samples, "mfcc13"))
    aligned = align_one(models.gmm, for_gmm, labels, lexicon)
    embeddings, posteriors = models.acoustic(samples)
    outputs = {
        "tdnnf": Frames(embeddings, models.acoustic.frame_shift),
        "posteriors": Frames(posteriors, models.acoustic.frame_shift),
        "gmm_features": Frames(for_gmm),
    }
    if any(isinstance(each, Prosody) for each in models.measures):
        outputs[TRACKS] = Frames(prosody_tracks(samples))
    if models.encoder is not None:
        (states,) = models.encoder.states([samples], models.layers)
        outputs["encoder"] = Frames(states, models.encoder.frame_shift)
    if models.ctc is not None:
        outputs["ctc"] = Frames(models.ctc.log_posteriors(samples), models.ctc.frame_shift)
    return Recording(
        KEY,
        phone_segments(KEY, aligned.phones, aligned.words),
        aligned.phones[-1].end,
        tuple(word.word for word in words),
        outputs,
    ).measured_by(*models.measures)


def viewed(bundle: Bundle, heard: Heard, view: RecordingView | None) -> Heard:
    """`heard` with a recogniser's view, and what the bundle's measures of it say."""
    if view is None:
        return heard
    recording = replace(heard.recording, transcript=view.hypothesis, view=view)
    return replace(heard, recording=recording.measured_by(*bundle.view_measures))
