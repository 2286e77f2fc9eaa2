"""New recordings graded: what a grader says of each, and what a learner is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.phones import ARPABET, PHONES, VOWELS
from pyscorer.contract.recording import Measured, Recording, RecordingView
from pyscorer.contract.scales import LEVELS
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError, attempt, outcome_of, unless_failed
from pyscorer.feedback.bundle import Bundle, GraderJudge
from pyscorer.feedback.listen import Heard, listen, viewed
from pyscorer.feedback.norms import Timing, timing
from pyscorer.feedback.quality import mismatch, strange_words, voiceless
from pyscorer.grading.grader import Levels, Predicted, predict_each, recording_inputs
from pyscorer.grading.grades import Measure, PhoneGrade, RecordingGrade, Score, WordGrade
from pyscorer.lexicon.words import TextWord
from pyscorer.measures.gop import LPP_COLUMNS
from pyscorer.parallel import one_thread
from pyscorer.pretrained.recogniser_view import view_recordings

_TIMES = ("start", "length", "word_index")


def grade_recording(bundle: Bundle, samples: np.ndarray, text: str) -> RecordingGrade:
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
    bundle: Bundle, recordings: Sequence[np.ndarray], texts: Sequence[str]
) -> list[RecordingGrade | Exception]:
    """`grade_recording` of several, which takes less time for each; memory grows with their number.

    In the place of a recording that cannot be graded is the exception that says why; the others are
    graded as they are without it.
    """
    if not isinstance(bundle.judge, GraderJudge):
        raise InputError("a model of bundle gives no grades: make one of a grader, bundle_grader")
    read = [attempt(listen, bundle, *pair) for pair in zip(recordings, texts, strict=True)]
    return unless_failed(partial(_grade, bundle, bundle.judge), read)


def _grade(
    bundle: Bundle, judge: GraderJudge, heard: list[Heard]
) -> list[RecordingGrade | Exception]:
    try:
        views = _views(bundle, heard)
        heard = [viewed(bundle, h, view) for h, view in zip(heard, views, strict=True)]
        inputs = [recording_inputs(judge.grader, h.recording) for h in heard]
        predicted = predict_each(judge.grader, inputs)
    except Exception as error:
        if len(heard) == 1:
            return [error]
        return [grade for each in heard for grade in _grade(bundle, judge, [each])]
    return [attempt(_tell, judge, *each) for each in zip(heard, predicted, strict=True)]


def _views(bundle: Bundle, heard: list[Heard]) -> Sequence[RecordingView | None]:
    if bundle.recogniser is None:
        return [None] * len(heard)
    words = [h.recording.words for h in heard]
    return view_recordings(bundle.recogniser, [h.samples for h in heard], words)


def _tell(judge: GraderJudge, heard: Heard, predicted: Predicted) -> RecordingGrade:
    words, segments, view = heard.words, heard.recording.segments, heard.recording.view
    times = timing(*(np.array([getattr(s, n) for s in segments]) for n in _TIMES))
    said, norms = _said(judge, heard.recording, predicted), judge.norms
    learned = judge.grader.learned
    columns = {
        level: {
            aspect: list(judge.grader.scales.level(level)).index(aspect)
            for aspect in learned.shown(level)
        }
        for level in LEVELS
    }
    return RecordingGrade(
        text=" ".join(word.word for word in words),
        duration=round(len(heard.samples) / SAMPLE_RATE, 2),
        aspects={
            name: _score(predicted.utterances, (0, column))
            for name, column in columns["utterance"].items()
        },
        words=_words(words, segments, predicted, said, times, view, columns),
        transcript=None if view is None else view.hypothesis.lower(),
        pace=Measure(times.pace, *norms.pace),
        pauses=Measure(times.pauses, *norms.pauses),
        long_pause=norms.long_pause,
        warnings=(
            *strange_words(words),
            *voiceless(heard.recording),
            *mismatch(judge.limits, heard.fit, heard.recording.words, view, norms.prompt),
        ),
        scales=learned,
        readers=norms.readers,
    )


def _said(judge: GraderJudge, recording: Recording, predicted: Predicted) -> list[str | None]:
    """What was said instead of each phone; None for those not called wrong or without a rival.

    A consonant heard for a vowel, or the reverse, is more often a boundary in the wrong place.
    """
    segments, measured = recording.segments, recording.measured
    if "learned_gop" in measured:
        rivals = learned_rivals(measured["learned_gop"])
    else:
        rivals = posterior_rivals(measured["gop"], segments)
    wrong = predicted.phones.value <= judge.wrong_below
    return [
        rival if flagged and rival and (rival in VOWELS) == (s.phone in VOWELS) else None
        for s, rival, flagged in zip(segments, rivals, wrong, strict=True)
    ]


def learned_rivals(learned: Measured) -> list[str | None]:
    """The best rival of each phone by learned posteriors, where it is likelier than the phone."""
    pairs = zip(learned.column("ratio"), learned.column("rival"), strict=True)
    return [PHONES[round(float(rival))] if ratio < 0 else None for ratio, rival in pairs]


def posterior_rivals(gop: Measured, segments: Sequence[PhoneSegment]) -> list[str | None]:
    """The phone likeliest by the TDNN-F's posteriors, where it is another than the aligned one."""
    lpp = np.column_stack([gop.column(name) for name in LPP_COLUMNS])
    best = [ARPABET[i] for i in lpp.argmax(axis=1)]
    return [p if p != s.phone else None for p, s in zip(best, segments, strict=True)]


def _words(
    words: list[TextWord],
    segments: Sequence[PhoneSegment],
    predicted: Predicted,
    said: list[str | None],
    times: Timing,
    view: RecordingView | None,
    columns: Mapping[str, Mapping[str, int]],
) -> tuple[WordGrade, ...]:
    """`columns`: of the aspects that the grader has learnt, by level."""
    phones: list[list[PhoneGrade]] = [[] for _ in words]
    for i, s in enumerate(segments):
        phones[s.word_index].append(
            PhoneGrade(
                s.phone,
                round(s.start * FRAME_SHIFT, 2),
                round(s.length * FRAME_SHIFT, 2),
                _score(predicted.phones, i) if columns["phone"] else None,
                said[i],
                round(float(predicted.probability_wrong[i]), 3) if columns["phone"] else None,
            )
        )
    return tuple(
        WordGrade(
            word=word.word,
            start=own[0].start,
            duration=round(own[-1].start + own[-1].duration - own[0].start, 2),
            aspects={
                name: _score(predicted.words, (i, column))
                for name, column in columns["word"].items()
            },
            phones=tuple(own),
            pause_before=times.before[i],
            heard=None if view is None else view.words[i].heard,
            guessed=word.guessed,
        )
        for i, (word, own) in enumerate(zip(words, phones, strict=True))
    )


def _score(levels: Levels, place: int | tuple[int, int]) -> Score:
    return Score(*(round(float(getattr(levels, f.name)[place]), 3) for f in fields(Score)))
