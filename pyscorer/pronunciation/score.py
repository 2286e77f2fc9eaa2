"""Stage `score`: the pronunciation score of one new recording."""

import json as jsonlib
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pyscorer.acoustic.align import align_one
from pyscorer.acoustic.features import gmm_features, mfcc
from pyscorer.acoustic.model import SUBSAMPLING, embed_features
from pyscorer.alignment import FRAME_SHIFT
from pyscorer.audio import read_audio
from pyscorer.datadir import Lexicon
from pyscorer.errors import InputError
from pyscorer.pooled import PooledSet, make_pooled
from pyscorer.pronunciation.bundle import Bundle, load_bundle
from pyscorer.pronunciation.fitting import predict_all
from pyscorer.pronunciation.pooling import EXTRAS, pool_utterance
from pyscorer.segments import PhoneSegment, phone_segments


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


def normalise_text(text: str, lexicon: Lexicon) -> list[str]:
    """The words of `text` as the lexicon spells them: case and punctuation do not matter.

    Raises InputError for text without words, and naming all words outside the lexicon.
    """
    spelling = {word.casefold(): word for word in sorted(lexicon, reverse=True)}
    words, unknown = [], []
    for token in re.sub(r"[’‘`´]", "'", text).split():
        # A word that the lexicon has as it stands ("O'CLOCK", "T-SHIRT") is not taken apart.
        bare = re.sub(r"^[^\w']+|[^\w']+$", "", token)
        parts = [bare] if bare.casefold() in spelling else re.findall(r"[\w']+", bare)
        for part in parts:
            options = [w for w in (part, part.strip("'")) if w.casefold() in spelling]
            if options:
                words.append(spelling[options[0].casefold()])
            elif part.strip("'"):
                unknown.append(part)
    if unknown:
        raise InputError(
            f"--text: not in the lexicon: {', '.join(dict.fromkeys(unknown))}; add their "
            "pronunciations to lexicon.txt of the model, or use words that it has"
        )
    if not words:
        raise InputError("--text: no words; give the words that were read aloud")
    return words


def score_samples(model: Bundle, samples: np.ndarray, text: str) -> Scored:
    """Score mono 16 kHz `samples` in [-1, 1) of a speaker reading `text` aloud.

    The utterance's own cepstral mean takes the place of the speaker's, as one recording is all that
    is known of the speaker.
    """
    words = normalise_text(text, model.lexicon)
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


def score(model: Path, wav: Path, text: str, json: bool = False) -> None:
    """Score one recording of `text` read aloud and print the result.

    `model` is a directory that the stage `bundle` made; `wav` any audio that libsndfile reads, at
    any rate (channels are averaged, the rate converted). Prints the utterance's score, 0 to 10, and
    a line a phone: phone, word, start and duration in seconds, mean log-posterior; with `json` the
    same as JSON.

    Raises InputError for words outside the lexicon, naming them, for text without words, and for
    audio that is missing, unreadable, empty or too short for the text.
    """
    loaded = load_bundle(model)
    samples = read_audio(wav, resample=True)
    try:
        result = score_samples(loaded, samples, text)
    except InputError as error:
        raise InputError(f"{wav}: {error}") from None
    if json:
        print(jsonlib.dumps(asdict(result), indent=2))
        return
    print(f"score {result.score:.2f}")
    width = max(len("word"), *(len(p.word) for p in result.phones))
    print(f"{'phone':<6}{'word':<{width}}  {'start':>6}  {'duration':>8}  {'log-posterior':>13}")
    for p in result.phones:
        times = f"{p.start:>6.2f}  {p.duration:>8.2f}"
        print(f"{p.phone:<6}{p.word:<{width}}  {times}  {p.log_posterior:>13.2f}")
