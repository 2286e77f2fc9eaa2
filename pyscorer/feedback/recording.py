"""New recordings through all the models, as the pipeline's stages take a corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from pyscorer.alignment.align import align_one
from pyscorer.alignment.features import gmm_features, mfcc
from pyscorer.chain.acoustic_model import embed_features
from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.datadir import UTTERANCE_ASPECTS, WORD_ASPECTS
from pyscorer.contract.phones import ARPABET, PHONES, VOWELS
from pyscorer.contract.segments import PhoneSegment, phone_segments, segment_means
from pyscorer.errors import InputError, attempt, outcome_of, unless_failed
from pyscorer.feedback.bundle import DEEP_SHIFT, GraderBundle
from pyscorer.feedback.norms import Norms, Timing, timing
from pyscorer.grading.grader import Levels, Predicted, predict_each, recording_inputs
from pyscorer.grading.grader_inputs import Recognised, word_view
from pyscorer.grading.grades import Measure, PhoneGrade, RecordingGrade, Score, WordGrade
from pyscorer.lexicon.dictionary import Lexicon
from pyscorer.lexicon.words import TextWord, text_words
from pyscorer.measures.gop import (
    GMM_MEASURES,
    LPP_COLUMNS,
    LPR_COLUMNS,
    POSTERIOR_MEASURES,
    posterior_columns,
)
from pyscorer.measures.learned_gop import LEARNED_COLUMNS, learned_gop_columns
from pyscorer.measures.pool import EXTRAS, pool_utterance
from pyscorer.parallel import one_thread
from pyscorer.pretrained.encode import Encoder
from pyscorer.pretrained.heard_phones import HEARD_COLUMNS, transcript_columns
from pyscorer.pretrained.recogniser_view import RecordingView, view_recordings

Source = tuple[Sequence[str], np.ndarray]
"""Names of the columns, and phones x columns."""

_KEY = "recording"
_TIMES = ("start", "length", "word_index")
_UNLIKE = (
    "The recording does not sound like the text: check that it is of this text. If it is not, the "
    "scores mean nothing."
)
_FEW = 0.25
"""Share of the words heard up to which a recording that sounds unlike its text is refused."""


@dataclass(frozen=True)
class _Reading:
    """A recording aligned with its text, and what the models that take one at a time say of it."""

    samples: np.ndarray
    words: list[TextWord]
    segments: list[PhoneSegment]
    sources: dict[str, Source]


def grade_recording(bundle: GraderBundle, samples: np.ndarray, text: str) -> RecordingGrade:
    """Grade mono 16 kHz `samples` in [-1, 1) of a speaker reading `text` aloud.

    The recording's own cepstral mean takes the place of the speaker's, as one recording is all that
    is known of the speaker. Words outside the lexicon get a pronunciation by spelling.

    Raises InputError for text without English words, and for a recording that is too short for its
    text or of something else.
    """
    (grade,) = grade_recordings(bundle, [samples], [text])
    return outcome_of(grade)


@one_thread()
def grade_recordings(
    bundle: GraderBundle, recordings: Sequence[np.ndarray], texts: Sequence[str]
) -> list[RecordingGrade | Exception]:
    """`grade_recording` of several, which takes less time for each; memory grows with their number.

    In the place of a recording that cannot be graded is the exception that says why; the others are
    graded as they are without it.
    """
    read = [attempt(_read, bundle, *pair) for pair in zip(recordings, texts, strict=True)]
    return unless_failed(partial(_grade, bundle), read)


def _read(bundle: GraderBundle, samples: np.ndarray, text: str) -> _Reading:
    words = text_words(text, bundle.lexicon)
    labels = [str(i) for i in range(len(words))]  # one word may have both a lexicon's and a guess
    lexicon = {label: list(word.variants) for label, word in zip(labels, words, strict=True)}
    for_gmm = gmm_features(mfcc(samples, "mfcc13"))
    aligned = align_one(bundle.gmm, for_gmm, labels, lexicon)
    segments = phone_segments(_KEY, aligned.phones, aligned.words)
    sources = acoustic_sources(bundle, samples, for_gmm, segments, aligned.phones[-1].end)
    if bundle.encoder is not None:
        sources |= encoded_sources(bundle.encoder, bundle, samples, segments)
    return _Reading(samples, words, segments, sources)


def _grade(bundle: GraderBundle, readings: list[_Reading]) -> list[RecordingGrade | Exception]:
    try:
        views = _views(bundle, readings)
        predicted = _predicted(bundle, readings, views)
    except Exception as error:
        if len(readings) == 1:
            return [error]
        return [grade for reading in readings for grade in _grade(bundle, [reading])]
    told = zip(readings, views, predicted, strict=True)
    return [attempt(_tell, bundle, *each) for each in told]


def _views(bundle: GraderBundle, readings: list[_Reading]) -> Sequence[RecordingView | None]:
    if bundle.recogniser is None:
        return [None] * len(readings)
    words = [[word.word for word in r.words] for r in readings]
    return view_recordings(bundle.recogniser, [r.samples for r in readings], words)


def _predicted(
    bundle: GraderBundle, readings: list[_Reading], views: Sequence[RecordingView | None]
) -> list[Predicted]:
    inputs = [
        recording_inputs(
            *(bundle.grader, r.segments, r.sources | heard_source(bundle.lexicon, r, view)),
            _recognised(view),
        )
        for r, view in zip(readings, views, strict=True)
    ]
    return predict_each(bundle.grader, inputs)


def _tell(
    bundle: GraderBundle, reading: _Reading, view: RecordingView | None, predicted: Predicted
) -> RecordingGrade:
    words, segments, sources = reading.words, reading.segments, reading.sources
    times = timing(*(np.array([getattr(s, n) for s in segments]) for n in _TIMES))
    said = _said(bundle, sources, segments, predicted)
    norms, (names, pooled) = bundle.norms, sources["tdnnf"]
    likeness = float(pooled[:, list(names).index("log_posterior")].mean())
    return RecordingGrade(
        text=" ".join(word.word for word in words),
        duration=round(len(reading.samples) / SAMPLE_RATE, 2),
        aspects={
            name: _score(predicted.utterances, (0, UTTERANCE_ASPECTS.index(name)))
            for name in ("total", *UTTERANCE_ASPECTS[:-1])
        },
        words=_words(words, segments, predicted, said, times, view),
        transcript=None if view is None else view.hypothesis.lower(),
        pace=Measure(times.pace, *norms.pace),
        pauses=Measure(times.pauses, *norms.pauses),
        long_pause=norms.long_pause,
        warnings=(*strange_words(words), *mismatch(norms, likeness, view)),
    )


def acoustic_sources(
    bundle: GraderBundle,
    samples: np.ndarray,
    for_gmm: np.ndarray,
    segments: list[PhoneSegment],
    frames: int,
) -> dict[str, Source]:
    """The sources tdnnf and gop: the columns that the stages pool and gop write."""
    embeddings, posteriors = embed_features(bundle.acoustic, mfcc(samples, "mfcc40"))
    pooled = pool_utterance(_KEY, segments, embeddings, posteriors, DEEP_SHIFT, frames)
    deep = [f"deep_{i}" for i in range(embeddings.shape[1])]
    measures = posterior_columns(posteriors, segments, DEEP_SHIFT, bundle.log_stay)
    by_gmm = bundle.measures(for_gmm, segments)
    return {
        "tdnnf": ([*deep, *EXTRAS], pooled),
        "gop": (
            [*POSTERIOR_MEASURES, *LPP_COLUMNS, *LPR_COLUMNS, *GMM_MEASURES],
            np.column_stack([measures, by_gmm]),
        ),
    }


def encoded_sources(
    encoder: Encoder, bundle: GraderBundle, samples: np.ndarray, segments: list[PhoneSegment]
) -> dict[str, Source]:
    """The sources encoder and learned_gop."""
    (states,) = encoder.states([samples], bundle.layers)
    pooled = segment_means(states, segments, encoder.frame_shift).astype(np.float32)
    sources: dict[str, Source] = {
        "encoder": ([f"deep_{i}" for i in range(pooled.shape[1])], pooled)
    }
    if bundle.learned is not None:
        columns = learned_gop_columns(bundle.learned, pooled, [s.phone for s in segments])
        sources["learned_gop"] = LEARNED_COLUMNS, columns
    return sources


def heard_source(
    lexicon: Lexicon, reading: _Reading, view: RecordingView | None
) -> dict[str, Source]:
    """The source heard: the columns that the stage heard_phones writes."""
    if view is None:
        return {}
    words, segments = [word.word for word in reading.words], reading.segments
    phones, word_index = [s.phone for s in segments], np.array([s.word_index for s in segments])
    columns = transcript_columns(view.hypothesis, words, phones, word_index, lexicon)
    return {"heard": (HEARD_COLUMNS, columns)}


def _recognised(view: RecordingView | None) -> Recognised | None:
    if view is None:
        return None
    columns = [
        np.array([float(getattr(word, name)) for word in view.words])
        for name in ("log_probability", "tokens", "least", "margin", "heard")
    ]
    row = [
        view.wer,
        view.hypothesis_log_probability,
        view.prompt_log_probability,
        view.difference,
    ]
    return Recognised(word_view(*columns), np.array([row], dtype=np.float32))


def _said(
    bundle: GraderBundle,
    sources: Mapping[str, Source],
    segments: list[PhoneSegment],
    predicted: Predicted,
) -> list[str | None]:
    """What was said instead of each phone; None for those not called wrong or without a rival.

    A consonant heard for a vowel, or the reverse, is more often a boundary in the wrong place.
    """
    if "learned_gop" in sources:
        rivals = learned_rivals(*sources["learned_gop"])
    else:
        rivals = posterior_rivals(*sources["gop"], segments)
    wrong = predicted.phones.value <= bundle.wrong_below
    return [
        rival if flagged and rival and (rival in VOWELS) == (s.phone in VOWELS) else None
        for s, rival, flagged in zip(segments, rivals, wrong, strict=True)
    ]


def learned_rivals(names: Sequence[str], matrix: np.ndarray) -> list[str | None]:
    """The best rival of each phone by learned posteriors, where it is likelier than the phone."""
    ratio, rival = (matrix[:, list(names).index(name)] for name in ("ratio", "rival"))
    return [PHONES[round(float(r))] if x < 0 else None for x, r in zip(ratio, rival, strict=True)]


def posterior_rivals(
    names: Sequence[str], matrix: np.ndarray, segments: list[PhoneSegment]
) -> list[str | None]:
    """The phone likeliest by the TDNN-F's posteriors, where it is another than the aligned one."""
    columns = [list(names).index(name) for name in LPP_COLUMNS]
    best = [ARPABET[i] for i in matrix[:, columns].argmax(axis=1)]
    return [p if p != s.phone else None for p, s in zip(best, segments, strict=True)]


def _words(
    words: list[TextWord],
    segments: list[PhoneSegment],
    predicted: Predicted,
    said: list[str | None],
    times: Timing,
    view: RecordingView | None,
) -> tuple[WordGrade, ...]:
    phones: list[list[PhoneGrade]] = [[] for _ in words]
    for i, s in enumerate(segments):
        phones[s.word_index].append(
            PhoneGrade(
                s.phone,
                round(s.start * FRAME_SHIFT, 2),
                round(s.length * FRAME_SHIFT, 2),
                _score(predicted.phones, i),
                said[i],
                round(float(predicted.probability_wrong[i]), 3),
            )
        )
    return tuple(
        WordGrade(
            word=word.word,
            start=own[0].start,
            duration=round(own[-1].start + own[-1].duration - own[0].start, 2),
            **{name: _score(predicted.words, (i, k)) for k, name in enumerate(WORD_ASPECTS)},
            phones=tuple(own),
            pause_before=times.before[i],
            heard=None if view is None else view.words[i].heard,
            guessed=word.guessed,
        )
        for i, (word, own) in enumerate(zip(words, phones, strict=True))
    )


def _score(levels: Levels, place: int | tuple[int, int]) -> Score:
    return Score(*(round(float(getattr(levels, f.name)[place]), 3) for f in fields(Score)))


def mismatch(norms: Norms, likeness: float, view: RecordingView | None) -> tuple[str, ...]:
    """A warning if the recording sounds unlike its text, more so than 99 in 100 readers.

    `likeness` is the mean log-posterior of its phones by the TDNN-F; the recogniser adds its own
    judgement. Raises InputError if both say so and hardly a word was heard.
    """
    unlike = likeness < norms.likeness
    if view is None:
        return (_UNLIKE,) if unlike else ()
    heard = sum(word.heard for word in view.words)
    told = f"A recogniser heard “{view.hypothesis.lower()}”."
    unheard = norms.prompt is not None and view.prompt_log_probability < norms.prompt
    if unlike and heard <= _FEW * len(view.words):
        raise InputError(f"the recording is not of this text. {told}")
    return (f"{_UNLIKE} {told}",) if unlike or (unheard and heard <= len(view.words) / 2) else ()


def strange_words(words: Sequence[TextWord]) -> tuple[str, ...]:
    """A warning if most words are guessed: the text may not be English."""
    guessed = [word.word for word in words if word.guessed]
    if len(guessed) < max(2, len(words) / 2):
        return ()
    return (
        f"The pronunciations of {', '.join(guessed)} are guessed from English spelling: check that "
        "the text is English.",
    )
