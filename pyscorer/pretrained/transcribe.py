"""Stage `transcribe`: transcripts of recordings by Whisper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.ctm import FRAME_SHIFT as FRAME
from pyscorer.contract.ctm import Segment
from pyscorer.contract.datadir import Utterance, read_wav
from pyscorer.contract.decoded import Alternative, Decoded, add_words, write_decoder
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import naming_utterances
from pyscorer.evaluation.heard_text import write_heard
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.lexicon.words import TranscriptReader
from pyscorer.options import option
from pyscorer.parallel import chunks, one_thread, shared_map
from pyscorer.pretrained.beam_search import Candidate, Search, beam_search
from pyscorer.pretrained.recogniser import Recogniser, load_recogniser
from pyscorer.pretrained.whisper import FRAME_SHIFT, check_duration, log_mel
from pyscorer.pretrained.word_times import token_bounds

_WINDOW = 10.0
"""Seconds; on shorter windows Whisper runs away, or hears nothing. Longer ones go up by a half."""
_BEFORE = 5
"""Frames of 10 ms before sound is loud in which a word may have begun."""
_TOKENS, _SPARE = 8, 5
"""Tokens of a second of speech, at most, and of any recording besides."""


@dataclass(frozen=True)
class TranscribeOptions:
    """The search, and when nothing was said."""

    beam: int = option(5, "transcripts followed at a time, and written, at most", ge=1)
    no_speech: float = option(
        0.6, "probability of silence above which a transcript must be likely", ge=0, le=1
    )
    unlikely: float = option(
        -0.5, "mean log-probability of a token below which it is not, and nothing was said"
    )
    batch: int = option(16, "recordings that are decoded together", ge=1)
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def transcribe(
    data: Path,
    model: Path,
    out: Path,
    options: TranscribeOptions,
    lexicon: Path | None = None,
) -> None:
    """Recognise every utterance of `data` with Whisper.

    `model` is a directory or the name of a packaged model, see `packaged.PACKAGED`; words are
    spelled as `lexicon` has them, where one is given. Writes the folder of `contract.decoded`:
    `out/hyp.text`, `out/words.ctm` (times by the decoder's attention; as confidence the probability
    of the word after those before it) and `out/nbest.csv`; where `data` has a text, `out/wer.csv`
    too. Silence has no words. Streams; one thread a process.

    Raises InputError for a model that cannot be read and, naming the utterance, for a recording
    that is empty or longer than the model takes (30 s).
    """
    utterances = read_utterances(data)
    reader = TranscriptReader(read_lexicon(lexicon) if lexicon else {})
    source = _Source(load_recogniser(model), reader, options)
    tasks = chunks(utterances.values(), options.batch)
    results = shared_map(_transcribe, source, tasks, options.jobs)
    write_decoder(out, "whisper", options)
    write_heard(out, data, utterances, (one for part in results for one in part))


@dataclass(frozen=True)
class _Source:
    recogniser: Recogniser
    reader: TranscriptReader
    options: TranscribeOptions


@one_thread()
def _transcribe(source: _Source, utterances: list[Utterance]) -> list[tuple[Decoded, float]]:
    recordings = [read_wav(u) for u in utterances]
    keys = [u.key for u in utterances]
    heard = naming_utterances(
        lambda items: hear_recordings(source.recogniser, items, source.reader, source.options),
        keys,
        recordings,
    )
    return [
        (replace(one, key=key), len(samples) / SAMPLE_RATE)
        for one, key, samples in zip(heard, keys, recordings, strict=True)
    ]


def hear_recordings(
    recogniser: Recogniser,
    recordings: Sequence[np.ndarray],
    reader: TranscriptReader,
    options: TranscribeOptions = TranscribeOptions(),
) -> list[Decoded]:
    """What Whisper hears in recordings (16 kHz), without keys; errors as of `transcribe`."""
    config = recogniser.model.config
    windows: dict[int, list[tuple[int, np.ndarray]]] = {}
    for i, samples in enumerate(recordings):
        check_duration(samples, config)
        seconds = len(samples) / SAMPLE_RATE
        window = _WINDOW * 1.5 ** max(0, math.ceil(math.log((seconds + 0.5) / _WINDOW, 1.5)))
        mel = log_mel(samples, config.mels, window - seconds)[: 2 * config.longest]
        windows.setdefault(len(mel), []).append((i, mel))
    heard: dict[int, Decoded] = {}
    for members in windows.values():
        own = [recordings[i] for i, _ in members]
        mels = torch.from_numpy(np.stack([mel for _, mel in members]))
        for (i, _), one in zip(members, _hear(recogniser, own, mels, reader, options), strict=True):
            heard[i] = one
    return [heard[i] for i in range(len(recordings))]


def _hear(
    recogniser: Recogniser,
    recordings: list[np.ndarray],
    mels: torch.Tensor,
    reader: TranscriptReader,
    options: TranscribeOptions,
) -> list[Decoded]:
    most = recogniser.model.config.longest_text - len(recogniser.tokens.text_start) - 1
    limits = [
        max(1, min(_SPARE + round(_TOKENS * len(samples) / SAMPLE_RATE), most))
        for samples in recordings
    ]
    with torch.inference_mode():
        memories = recogniser.hear(mels)
        found = beam_search(recogniser, memories, limits, options.beam)
        best = [list(one.candidates[0].tokens) for one in found]
        states = [math.ceil(len(s) / SAMPLE_RATE / FRAME_SHIFT) for s in recordings]
        bounds = token_bounds(recogniser, memories, best, states)
    for own, mel, length in zip(bounds, mels.numpy(), states, strict=True):
        own[0] = max(0, min(_onset(mel[: 2 * length]) // 2, own[1] - 1))
    return [
        Decoded("", ())
        if _is_silence(search, options)
        else _decoded(recogniser, search, own, reader)
        for search, own in zip(found, bounds, strict=True)
    ]


def _onset(mel: np.ndarray) -> int:
    """The frame of 10 ms at which sound begins: half way from the quietest to the loudest.

    The decoder looks at the first word's end more than at its beginning, and never at the silence
    before it.
    """
    level = mel.mean(axis=1)
    loud = level > (level.min() + level.max()) / 2
    return max(0, int(loud.argmax()) - _BEFORE)


def _is_silence(search: Search, options: TranscribeOptions) -> bool:
    """Whisper's rule: it says that nobody speaks, and does not believe its own transcript.

    Its threshold of -1 lets pass the "you" that it hears in silence, at -0.8.
    """
    return search.no_speech > options.no_speech and search.candidates[0].mean < options.unlikely


def _decoded(
    recogniser: Recogniser,
    search: Search,
    bounds: np.ndarray,
    reader: TranscriptReader,
) -> Decoded:
    best = search.candidates[0]
    segments: list[Segment] = []
    for written in _written(recogniser, best, reader):
        sure = math.exp(sum(best.log_probabilities[written.first : written.last]))
        start, end = bounds[[written.first, written.last]] * FRAME_SHIFT / FRAME
        add_words(segments, written.words, start, end, sure)
    alternatives: dict[tuple[str, ...], Alternative] = {}
    for one in search.candidates:
        words = tuple(word for part in _written(recogniser, one, reader) for word in part.words)
        alternatives.setdefault(words, Alternative(words, one.mean))
    return Decoded("", tuple(segments), tuple(alternatives.values()) if segments else ())


@dataclass(frozen=True)
class _Written:
    """What stands between two spaces of a transcript: tokens, and the words that it is read as."""

    first: int
    last: int
    words: list[str]


def _written(recogniser: Recogniser, one: Candidate, reader: TranscriptReader) -> list[_Written]:
    texts = [recogniser.tokens.decode([token]) for token in one.tokens]
    starts = [i for i, text in enumerate(texts) if i == 0 or text.startswith(" ")]
    return [
        _Written(
            first,
            last,
            reader.words(recogniser.tokens.decode(list(one.tokens[first:last])).strip()),
        )
        for first, last in zip(starts, [*starts[1:], len(texts)], strict=True)
    ]
