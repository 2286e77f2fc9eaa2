"""One spoken answer as acoustic experts see it, whoever computed what they read.

The stage `answer_features` fills a `HeardAnswer` from archives, a judge of new recordings from the
models themselves; `describe_answer` gives its raw figures, by name. No figure knows a word: what
was said is the business of the text experts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscorer.answers.fluency import fluency
from pyscorer.contract.decoded import Decoded
from pyscorer.contract.phones import PHONE_ID, UNKNOWN_PHONE, VOWELS
from pyscorer.contract.recording import Measured, Recording, RecordingView
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.evaluation.word_errors import count_errors, disagreement
from pyscorer.measures.gop import GMM_MEASURES, POSTERIOR_MEASURES

DEEP, GOP, STATES = "tdnnf", "gop", "encoder"
"""Names of the measures that are read: pooled deep features of the TDNN-F with `pool.EXTRAS`, what
the stage `gop` says, and pooled states of a pretrained encoder, which may be missing."""
FLAGS = ("heard", "aligned")
"""Columns that say whether there is anything: any word, and times of its phones."""
LOW = (-1.0, -2.0, -4.0)
"""Log posterior ratios below which phones are counted."""
UNSURE = 0.5
"""Confidence below which words are counted."""
_QUANTILES = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class HeardAnswer:
    """What was heard in one recording, and what models and measures say of it."""

    decoded: Decoded
    seconds: float
    """Of the recording."""
    prompt: str = ""
    recording: Recording | None = None
    """Aligned with the transcript, with `measured` by DEEP, GOP and perhaps STATES, and perhaps a
    recogniser's view. None where nothing was heard, or what was heard could not be aligned."""
    second: str | None = None
    """What another recogniser heard; None where there is no other."""

    @property
    def key(self) -> str:
        """The utterance."""
        return self.decoded.key

    @property
    def aligned(self) -> Recording | None:
        """The recording, if anything was heard in it and aligned."""
        return self.recording if self.decoded.words else None


@dataclass(frozen=True)
class Table:
    """Figures of each phone or word of an answer: names, and phones or words x names."""

    names: tuple[str, ...]
    values: NDArray[np.float64]

    def column(self, name: str) -> NDArray[np.float64]:
        """One column, of all rows."""
        found: NDArray[np.float64] = self.values[:, self.names.index(name)]
        return found


def measured(recording: Recording, name: str) -> Measured:
    """What a measure says of the phones. Raises InputError, without a place, if it is not there."""
    if name not in recording.measured:
        raise InputError(f"no {name}, which the acoustic experts read")
    return recording.measured[name]


def states(recording: Recording, name: str) -> NDArray[np.float64]:
    """The pooled states of a measure: phones x dimensions."""
    found = measured(recording, name)
    deep = [i for i, column in enumerate(found.columns) if column.startswith("deep_")]
    return found.matrix[:, deep].astype(np.float64)


def phone_numbers(segments: Sequence[PhoneSegment]) -> NDArray[np.int64]:
    """Phone ids less that of the unknown phone, as `PooledSet.phones`."""
    return np.array([PHONE_ID[s.phone] - PHONE_ID[UNKNOWN_PHONE] for s in segments], np.int64)


def phone_table(recording: Recording) -> Table:
    """Figures of each phone: its log duration, every GOP that there is, and its margin.

    The margin is the log-posterior of the phone that was recognised less that of its best rival.
    Raises InputError for a recording without DEEP or GOP.
    """
    deep, gop = measured(recording, DEEP), measured(recording, GOP)
    names = [name for name in (*POSTERIOR_MEASURES, *GMM_MEASURES) if name in gop.columns]
    columns = [
        np.log([s.length for s in recording.segments]),
        *(gop.column(name) for name in names),
        deep.column("log_posterior") - deep.column("log_rival"),
    ]
    return Table(("log_duration", *names, "margin"), np.column_stack(columns).astype(np.float64))


def word_means(recording: Recording, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over the phones of each word: words x columns of phones x columns."""
    word = np.array([s.word_index for s in recording.segments])
    sums = np.zeros((word[-1] + 1, values.shape[1]))
    np.add.at(sums, word, values)
    return sums / np.bincount(word)[:, None]


def word_confidences(answer: HeardAnswer, middles: Sequence[float]) -> NDArray[np.float64]:
    """Confidence of each word of the alignment; NaN where the recogniser gave none.

    `middles` are those of the words, in frames. Where the alignment has other words than the
    transcript, since figures are spelt out in it, that of the transcript nearest in time counts.
    """
    heard = answer.decoded.words
    own = _confidences(answer)
    if len(own) == len(middles):
        return own
    times = np.array([w.start + w.length / 2 for w in heard])
    nearest = np.abs(np.subtract.outer(np.array(middles), times)).argmin(axis=1)
    return own[nearest]


def _confidences(answer: HeardAnswer) -> NDArray[np.float64]:
    return np.array(
        [np.nan if w.confidence is None else w.confidence for w in answer.decoded.words]
    )


_WORD = ("log_duration", "pause_before", "phones", "confidence")
_MEANS = ("relative_log_duration", "relative_gop", *POSTERIOR_MEASURES, *GMM_MEASURES, "margin")
_LEAST = ("gop", "margin")


def word_table(answer: HeardAnswer, phones: Table | None) -> Table:
    """Figures of each word of the transcript, NaN for what is not known.

    log_duration; pause_before, log(1 + frames of silence before it); phones; confidence; and, of
    the columns of `phones` (`phone_table`; None without an alignment), means and least values.
    """
    if answer.aligned is None or phones is None:
        words = answer.decoded.words
        ends = [0, *(w.end for w in words)]
        gaps = [max(w.start - end, 0) for w, end in zip(words, ends, strict=False)]
        known = [np.log([w.length for w in words]), np.log1p(gaps), np.full(len(words), np.nan)]
        return Table(_WORD, np.column_stack([*known, _confidences(answer)]))
    segments = answer.aligned.segments
    word = np.array([s.word_index for s in segments])
    first = np.flatnonzero(np.append(True, word[1:] != word[:-1]))
    last = np.append(first[1:], len(word)) - 1
    start = np.array([s.start for s in segments])[first]
    end = np.array([s.start + s.length for s in segments])[last]
    means = [name for name in _MEANS if name in phones.names]
    columns = [
        np.log(end - start),
        np.log1p([s.pause_before for s in segments])[first],
        np.bincount(word).astype(float),
        word_confidences(answer, ((start + end) / 2).tolist()),
        *(word_means(answer.aligned, phones.column(name)[:, None])[:, 0] for name in means),
        *(np.minimum.reduceat(phones.column(name), first) for name in _LEAST),
    ]
    names = (*_WORD, *(f"{name}_mean" for name in means), *(f"{name}_least" for name in _LEAST))
    return Table(names, np.column_stack(columns))


def spread(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    """Mean, standard deviation, least and low quantiles of the values that are known."""
    known = values[np.isfinite(values)]
    if not len(known):
        return {}
    low = zip(_QUANTILES, np.quantile(known, _QUANTILES).tolist(), strict=True)
    return {
        f"{name}_mean": float(known.mean()),
        f"{name}_sd": float(known.std()),
        f"{name}_min": float(known.min()),
        **{f"{name}_q{100 * q:.0f}": value for q, value in low},
    }


def describe_answer(answer: HeardAnswer) -> dict[str, float]:
    """The raw figures of one answer, by name; those that it has none of are left out.

    Of every answer: FLAGS, seconds, words, prompt_words, words_to_prompt (log ratio of their
    numbers), and second_words, agreement and disagreement (a rate, at most 1) where another
    recogniser heard it. Of one in which something was heard:
    `fluency.fluency`, spread of word durations and confidences, unsure (share of words of a
    confidence below UNSURE), `nbest` figures. Of one that is aligned: phones, spread of each column
    of `phone_table`, low_1, low_2, low_4 (share of phones whose log posterior ratio is below that),
    rivalled (share whose best rival is likelier), vowels and consonants (mean log posterior ratio),
    worst_word (least mean of a word), and `view` figures where there is a recogniser's view.
    """
    words, prompt = answer.decoded.words, answer.prompt.split()
    figures = {
        "heard": float(bool(words)),
        "aligned": float(answer.aligned is not None),
        "seconds": answer.seconds,
        "words": float(len(words)),
        "prompt_words": float(len(prompt)),
        "words_to_prompt": math.log((len(words) + 1) / (len(prompt) + 1)),
    }
    if answer.second is not None:
        second = answer.second.split()
        compared = disagreement([w.label for w in words], second)
        figures["second_words"] = float(len(second))
        figures["agreement"] = compared.agreement
        figures["disagreement"] = min(compared.rate, 1.0)
    if not words:
        return figures
    confidence = _confidences(answer)
    figures |= spread("confidence", confidence) | _nbest(answer.decoded)
    if np.isfinite(confidence).any():
        figures["unsure"] = float((confidence[np.isfinite(confidence)] < UNSURE).mean())
    if answer.aligned is None:
        rates = fluency(words, len(words), answer.seconds)
        # Of sounds, which are phones in all other answers.
        strange = ("sounds_per_second", "articulation_rate", "run_sounds")
        return figures | {name: value for name, value in rates.items() if name not in strange}
    return figures | _aligned(answer.aligned, answer.seconds)


def _aligned(recording: Recording, seconds: float) -> dict[str, float]:
    segments, table = recording.segments, phone_table(recording)
    figures = fluency(segments, segments[-1].word_index + 1, seconds)
    figures["phones"] = float(len(segments))
    for name in table.names:
        figures |= spread(name, table.column(name))
    ratio = table.column("gop")
    figures |= {f"low_{-low:g}": float((ratio < low).mean()) for low in LOW}
    figures["rivalled"] = float((table.column("margin") < 0).mean())
    vowel = np.array([s.phone in VOWELS for s in segments])
    for name, chosen in (("vowels", vowel), ("consonants", ~vowel)):
        if chosen.any():
            figures[name] = float(ratio[chosen].mean())
    figures["worst_word"] = float(word_means(recording, ratio[:, None]).min())
    return figures | (_view(recording.view) if recording.view is not None else {})


def _nbest(decoded: Decoded) -> dict[str, float]:
    """Of the alternatives: their number and, where there are several, the margin of the best one's
    score (also a word), the entropy of their probabilities and the mean share of words in which
    the others differ from the best, by probability.
    """
    scores = np.array([other.score for other in decoded.alternatives])
    if len(scores) < 2:
        return {"alternatives": float(len(scores))}
    probability = np.exp(scores - scores.max())
    probability /= probability.sum()
    likely = probability[probability > 0]
    best = decoded.alternatives[0].words
    differ = [count_errors(best, other.words).rate for other in decoded.alternatives[1:]]
    margin = float(scores[0] - scores[1])
    return {
        "alternatives": float(len(scores)),
        "nbest_margin": margin,
        "nbest_margin_a_word": margin / max(len(best), 1),
        "nbest_entropy": float(-(likely * np.log(likely)).sum()),
        "nbest_differ": float(np.minimum(differ, 1) @ probability[1:]),
    }


def _view(view: RecordingView) -> dict[str, float]:
    """Of a recogniser's view of the transcript: means and least of its words, and the whole."""
    each = np.array([w.log_probability / max(w.tokens, 1) for w in view.words])
    margins = np.array([w.margin for w in view.words])
    return {
        **spread("view_word", each),
        "view_margin_mean": float(margins.mean()),
        "view_margin_min": float(margins.min()),
        "view_wer": view.wer,
        "view_heard": view.hypothesis_log_probability,
        "view_text": view.prompt_log_probability,
        "view_difference": view.difference,
    }
