"""The pronunciation score of one new recording by a scorer of train_scorer."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.recording import one_pooled
from pyscorer.contract.scales import Range, told
from pyscorer.feedback.bundle import Bundle, ScorerJudge
from pyscorer.feedback.listen import listen
from pyscorer.feedback.quality import mismatch
from pyscorer.parallel import one_thread
from pyscorer.pronunciation.scorer import predict_all


@dataclass(frozen=True)
class PhoneLine:
    """One phone of the answer; times in seconds."""

    phone: str
    word: str
    word_index: int
    start: float
    duration: float
    log_posterior: float
    """Mean log-posterior of the phone over its frames; 0 is best."""


@dataclass(frozen=True)
class Scored:
    """The answer for one recording."""

    score: float
    """Of the utterance."""
    duration: float
    """Seconds of the recording."""
    phones: list[PhoneLine]
    warnings: tuple[str, ...] = ()
    aspect: str = "total"
    """What is scored."""
    range: Range = (0.0, 10.0)
    """Lowest and highest score."""


@one_thread()
def score_samples(bundle: Bundle, judge: ScorerJudge, samples: np.ndarray, text: str) -> Scored:
    """Score mono 16 kHz `samples` in [-1, 1) of a speaker reading `text` aloud.

    Raises InputError for text without words, and naming all words outside the lexicon: unlike
    graders, a scorer is not told which pronunciations are guesses.
    """
    heard = listen(bundle, samples, text, guess=False)
    recording, scorer = heard.recording, judge.scorer
    wanted = [("tdnnf", name) for name in scorer.columns]
    score = float(predict_all(scorer, one_pooled(recording, wanted)).mean())
    log_posteriors = recording.measured["tdnnf"].column("log_posterior")
    lines = [
        PhoneLine(
            s.phone,
            recording.words[s.word_index],
            s.word_index,
            round(s.start * FRAME_SHIFT, 2),
            round(s.length * FRAME_SHIFT, 2),
            round(float(value), 3),
        )
        for s, value in zip(recording.segments, log_posteriors, strict=True)
    ]
    warnings = mismatch(judge.limits, heard.fit, recording.words)
    seconds = round(len(samples) / SAMPLE_RATE, 2)
    return Scored(round(score, 3), seconds, lines, warnings, scorer.aspect, scorer.range)


def scored_json(result: Scored) -> str:
    """All of the answer."""
    return json.dumps(asdict(result), indent=2) + "\n"


def as_table(result: Scored) -> str:
    """The score, a line a phone (times in seconds), and warnings."""
    width = max(len("word"), *(len(p.word) for p in result.phones))
    lines = [
        f"score {result.score:.2f} ({result.aspect}, {told(result.range)})",
        f"{'phone':<6}{'word':<{width}}  {'start':>6}  {'duration':>8}  {'log-posterior':>13}",
    ]
    for p in result.phones:
        times = f"{p.start:>6.2f}  {p.duration:>8.2f}"
        lines.append(f"{p.phone:<6}{p.word:<{width}}  {times}  {p.log_posterior:>13.2f}")
    lines += [f"warning: {warning}" for warning in result.warnings]
    return "\n".join(lines) + "\n"
