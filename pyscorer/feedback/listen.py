"""A new recording through the models, as the pipeline's stages take a corpus."""

from dataclasses import dataclass, replace

import numpy as np

from pyscorer.alignment.align import align_one
from pyscorer.alignment.features import gmm_features, mfcc
from pyscorer.chain.acoustic_model import embed_features
from pyscorer.contract.recording import Frames, Recording, RecordingView
from pyscorer.contract.segments import phone_segments
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import DEEP_SHIFT, Bundle
from pyscorer.feedback.likeness import Fit, fit, phone_scores, words_of
from pyscorer.lexicon.words import TextWord, text_words

_KEY = "recording"


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
    labels = [str(i) for i in range(len(words))]  # one word may have both a lexicon's and a guess
    lexicon = {label: list(word.variants) for label, word in zip(labels, words, strict=True)}
    for_gmm = gmm_features(mfcc(samples, "mfcc13"))
    aligned = align_one(bundle.gmm, for_gmm, labels, lexicon)
    embeddings, posteriors = embed_features(bundle.acoustic, mfcc(samples, "mfcc40"))
    outputs = {
        "tdnnf": Frames(embeddings, DEEP_SHIFT),
        "posteriors": Frames(posteriors, DEEP_SHIFT),
        "gmm_features": Frames(for_gmm),
    }
    if bundle.encoder is not None:
        (states,) = bundle.encoder.states([samples], bundle.layers)
        outputs["encoder"] = Frames(states, bundle.encoder.frame_shift)
    recording = Recording(
        _KEY,
        phone_segments(_KEY, aligned.phones, aligned.words),
        aligned.phones[-1].end,
        tuple(word.word for word in words),
        outputs,
    )
    fitting = fit(
        phone_scores(bundle.acoustic, embeddings), words_of(recording.segments), bundle.lexicon
    )
    return Heard(samples, words, recording.measured_by(*bundle.measures), fitting)


def viewed(bundle: Bundle, heard: Heard, view: RecordingView | None) -> Heard:
    """`heard` with a recogniser's view, and what the bundle's measures of it say."""
    if view is None:
        return heard
    recording = replace(heard.recording, transcript=view.hypothesis, view=view)
    return replace(heard, recording=recording.measured_by(*bundle.view_measures))
