"""The pronunciation score of one new recording by a scorer of train_scorer."""

from dataclasses import dataclass

import numpy as np

from pyscorer.alignment.align import align_one
from pyscorer.alignment.features import gmm_features, mfcc
from pyscorer.chain.acoustic_model import SUBSAMPLING, embed_features
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.pooled import PooledSet, make_pooled
from pyscorer.contract.segments import PhoneSegment, phone_segments
from pyscorer.errors import InputError
from pyscorer.feedback.scorer_bundle import Bundle
from pyscorer.lexicon.words import text_words
from pyscorer.measures.pool import EXTRAS, pool_utterance
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
    """Of the utterance, 0 to 10."""
    phones: list[PhoneLine]


def score_samples(model: Bundle, samples: np.ndarray, text: str) -> Scored:
    """Score mono 16 kHz `samples` in [-1, 1) of a speaker reading `text` aloud.

    The utterance's own cepstral mean takes the place of the speaker's, as one recording is all that
    is known of the speaker. Raises InputError for text without words, and naming all words outside
    the lexicon.
    """
    known = text_words(text, model.lexicon)
    unknown = dict.fromkeys(word.word for word in known if word.guessed)
    if unknown:
        raise InputError(
            f"--text: not in the lexicon: {', '.join(unknown)}; add their pronunciations to "
            "lexicon.txt of the model, or use words that it has"
        )
    words = [word.word for word in known]
    alignment = align_one(model.gmm, gmm_features(mfcc(samples, "mfcc13")), words, model.lexicon)
    segments = phone_segments("recording", alignment.phones, alignment.words)
    embeddings, posteriors = embed_features(model.acoustic, mfcc(samples, "mfcc40"))
    vectors = pool_utterance(
        *("recording", segments, embeddings, posteriors),
        frame_shift=SUBSAMPLING * FRAME_SHIFT,
        frames=alignment.phones[-1].end,
    )
    score = float(predict_all(model.scorer, _one_utterance(model, vectors, segments)).mean())
    log_posteriors = vectors[:, EXTRAS.index("log_posterior") - len(EXTRAS)]
    lines = [
        PhoneLine(
            s.phone,
            words[s.word_index],
            s.word_index,
            round(s.start * FRAME_SHIFT, 2),
            round(s.length * FRAME_SHIFT, 2),
            round(float(value), 3),
        )
        for s, value in zip(segments, log_posteriors, strict=True)
    ]
    return Scored(round(score, 3), lines)


def _one_utterance(model: Bundle, vectors: np.ndarray, segments: list[PhoneSegment]) -> PooledSet:
    names = [f"deep_{i}" for i in range(vectors.shape[1] - len(EXTRAS))] + list(EXTRAS)
    chosen = [names.index(name) for name in model.scorer["columns"]]
    return make_pooled(
        ["recording"],
        vectors[:, chosen],
        np.zeros(len(segments), dtype=np.int64),
        [s.phone for s in segments],
        np.array([s.word_index for s in segments]),
        np.array([s.phone_index for s in segments]),
    )


def as_table(result: Scored) -> str:
    """The score, and a line a phone: phone, word, start and duration in seconds, log-posterior."""
    width = max(len("word"), *(len(p.word) for p in result.phones))
    lines = [
        f"score {result.score:.2f}",
        f"{'phone':<6}{'word':<{width}}  {'start':>6}  {'duration':>8}  {'log-posterior':>13}",
    ]
    for p in result.phones:
        times = f"{p.start:>6.2f}  {p.duration:>8.2f}"
        lines.append(f"{p.phone:<6}{p.word:<{width}}  {times}  {p.log_posterior:>13.2f}")
    return "\n".join(lines) + "\n"
