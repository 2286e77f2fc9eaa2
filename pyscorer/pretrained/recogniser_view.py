"""Stage `recogniser_view`: how a recogniser hears recordings whose text is known."""

import csv
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import kaldialign
import numpy as np
import torch

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import Utterance, read_wav
from pyscorer.contract.files import atomic_open
from pyscorer.contract.recording import RecordingView, WordView
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError, naming_utterances
from pyscorer.evaluation.word_errors import count_errors
from pyscorer.lexicon.normalise import english_words, lexicon_spelling
from pyscorer.options import option
from pyscorer.parallel import chunks, one_thread, shared_map
from pyscorer.pretrained.recogniser import Recogniser, Transcript, load_recogniser
from pyscorer.pretrained.whisper import check_duration, log_mel
from pyscorer.progress import log_speed, progress_bar

WORD_COLUMNS = ("log_probability", "tokens", "least", "margin", "heard")
UTTERANCE_COLUMNS = (
    *("hypothesis", "wer", "hypothesis_log_probability", "prompt_log_probability", "difference"),
)

_WINDOW = 10.0
"""Seconds; on shorter windows Whisper runs away, or hears nothing."""
_GAP = "*"


@dataclass(frozen=True)
class ViewOptions:
    """How `recogniser_view` goes about its work."""

    batch: int = option(16, "recordings that are decoded together", ge=1)
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def recogniser_view(data: Path, model: Path, out: Path, options: ViewOptions) -> None:
    """Let a Whisper model hear the recordings of `data`, and hold them against their text.

    `model` is a directory or the name of a packaged model, see `packaged.PACKAGED`.

    Writes out/words.csv (utterance, word_index, WORD_COLUMNS: the fields of WordView; a row for
    each word of data/text) and out/utterances.csv (utterance, UTTERANCE_COLUMNS: those of
    RecordingView). Streams; one thread a process.

    Raises InputError for a model that cannot be read and, naming the utterance, for a recording
    that is empty or longer than the model takes (30 s) and for a text that is empty or too long.
    """
    utterances = read_utterances(data)
    recogniser = load_recogniser(model)
    tasks = chunks(utterances.values(), options.batch)
    started, seconds = time.monotonic(), 0.0
    with (
        atomic_open(out / "words.csv") as words_stream,
        atomic_open(out / "utterances.csv") as utterances_stream,
        progress_bar(desc="recogniser_view", total=len(utterances), unit="utt") as bar,
    ):
        words = csv.writer(words_stream, lineterminator="\n")
        words.writerow(["utterance", "word_index", *WORD_COLUMNS])
        table = csv.writer(utterances_stream, lineterminator="\n")
        table.writerow(["utterance", *UTTERANCE_COLUMNS])
        for viewed in shared_map(_view, recogniser, tasks, options.jobs):
            for one in viewed:
                key, view = one.key, one.view
                words.writerows(
                    [key, i, *(_cell(getattr(word, name)) for name in WORD_COLUMNS)]
                    for i, word in enumerate(view.words)
                )
                table.writerow([key, *(_cell(getattr(view, name)) for name in UTTERANCE_COLUMNS)])
                seconds += one.seconds
            bar.update(len(viewed))
    log_speed(logging.getLogger(__name__), len(utterances), seconds, started)


def view_recording(
    recogniser: Recogniser, samples: np.ndarray, words: Sequence[str]
) -> RecordingView:
    """How the recogniser hears one recording (16 kHz) of `words`; errors as `recogniser_view`."""
    return view_recordings(recogniser, [samples], [words])[0]


def view_recordings(
    recogniser: Recogniser, recordings: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
) -> list[RecordingView]:
    """`view_recording` of several, decoded together: those of the same window as one batch."""
    config = recogniser.model.config
    tokens = [_prompt_tokens(recogniser, words) for words in texts]
    windows: dict[int, list[tuple[int, np.ndarray]]] = {}
    for i, samples in enumerate(recordings):
        check_duration(samples, config)
        pad = max(0.5, _WINDOW - len(samples) / SAMPLE_RATE)
        mel = log_mel(samples, config.mels, pad)[: 2 * config.longest]
        windows.setdefault(len(mel), []).append((i, mel))
    views: dict[int, RecordingView] = {}
    for members in windows.values():
        mels = torch.from_numpy(np.stack([mel for _, mel in members]))
        own = [tokens[i] for i, _ in members]
        prompts = [[token for word in words for token in word] for words in own]
        limits = [min(len(p) * 3 // 2 + 5, config.longest_text // 2) for p in prompts]
        with torch.inference_mode():
            heard = recogniser.hear(mels)
            likelihoods = recogniser.likelihoods(heard, prompts)
            transcripts = recogniser.transcribe(heard, limits)
        for k, (i, _) in enumerate(members):
            text = recogniser.tokens.decode(transcripts[k].tokens)
            views[i] = _recording_view(texts[i], own[k], likelihoods[k], transcripts[k], text)
    return [views[i] for i in range(len(recordings))]


def plain_words(text: str, prompt: Sequence[str] = ()) -> list[str]:
    """The words of a transcript in capitals, joined by hyphens only where those of `prompt` are."""
    words = english_words(text, lexicon_spelling(prompt), strict=False)
    return [word.upper() for word in words]


def _prompt_tokens(recogniser: Recogniser, words: Sequence[str]) -> list[list[int]]:
    """Tokens of each word, written as transcripts are: small letters, a capital at the start."""
    if not words:
        raise InputError("the text has no words")
    written = [word.lower() for word in words]
    written = ["I" + w[1:] if w == "i" or w.startswith("i'") else w for w in written]
    written[0] = written[0].capitalize()
    tokens = [recogniser.tokens.encode(f" {word}") for word in written]
    longest = recogniser.model.config.longest_text - len(recogniser.tokens.text_start)
    if sum(map(len, tokens)) > longest:
        raise InputError(f"a text of {len(words)} words is longer than the recogniser takes")
    return tokens


def _recording_view(
    words: Sequence[str],
    tokens: list[list[int]],
    likelihoods: np.ndarray,
    transcript: Transcript,
    heard: str,
) -> RecordingView:
    prompt = [word.upper() for word in words]
    hypothesis = plain_words(heard, prompt)
    pairs = kaldialign.align(prompt, hypothesis, _GAP)
    matched = [wanted == found for wanted, found in pairs if wanted != _GAP]
    parts = np.split(likelihoods, np.cumsum([len(t) for t in tokens])[:-1])
    return RecordingView(
        tuple(
            WordView(
                float(part[:, 0].sum()),
                len(part),
                float(part[:, 0].min()),
                float((part[:, 0] - part[:, 1]).min()),
                match,
            )
            for part, match in zip(parts, matched, strict=True)
        ),
        " ".join(hypothesis),
        min(1.0, count_errors(prompt, hypothesis).rate),
        float(transcript.log_probabilities.mean()),
        float(likelihoods[:, 0].mean()),
    )


def _cell(value: float | bool | str) -> str:
    return (
        f"{value:.4f}"
        if isinstance(value, float)
        else str(int(value) if value is True or value is False else value)
    )


@dataclass(frozen=True)
class _Viewed:
    key: str
    view: RecordingView
    seconds: float


@one_thread()
def _view(recogniser: Recogniser, utterances: list[Utterance]) -> list[_Viewed]:
    recordings = [read_wav(u) for u in utterances]
    pairs = list(zip(recordings, (u.words for u in utterances), strict=True))
    views = naming_utterances(
        lambda items: view_recordings(recogniser, *map(list, zip(*items, strict=True))),
        [u.key for u in utterances],
        pairs,
    )
    return [
        _Viewed(u.key, view, len(samples) / SAMPLE_RATE)
        for u, view, samples in zip(utterances, views, recordings, strict=True)
    ]
