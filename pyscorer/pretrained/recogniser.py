"""Whisper as a recogniser: what it hears, and how likely it finds what should have been said."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pyscorer.pretrained.packaged import model_directory
from pyscorer.pretrained.tokens import Tokens, read_tokens
from pyscorer.pretrained.whisper import Decoding, Memory, Whisper
from pyscorer.pretrained.whisper_models import load_whisper

_ENCODED = 4
"""Recordings that are encoded together."""
_WORDS = re.compile("\u0120?[A-Za-z',.?!-]+")
"""Tokens of English words; U+0120 is written for a space."""


@dataclass(frozen=True)
class Transcript:
    """Decoded tokens of one recording and the natural log-probability of each."""

    tokens: list[int]
    """Without the end."""
    log_probabilities: np.ndarray
    """With that of the end, where it was reached."""


@dataclass(frozen=True)
class Recogniser:
    """A Whisper model and its tokens."""

    model: Whisper
    tokens: Tokens

    @cached_property
    def never(self) -> Tensor:
        """True for the tokens that no transcript holds: prompts are words, without digits."""
        never = torch.ones(self.model.config.vocabulary, dtype=torch.bool)
        words = [n for piece, n in self.tokens.ids.items() if _WORDS.fullmatch(piece)]
        never[[*words, self.tokens.end]] = False
        return never

    def hear(self, mels: Tensor) -> list[Memory]:
        """The model's `memories` of recordings: their log-mel spectra, N x frames x mels."""
        # A few at a time, so that what is between the layers fits a processor's cache.
        encoded = [self.model.encode(part)[-1] for part in mels.split(_ENCODED)]
        return self.model.memories(torch.cat(encoded))

    def likelihoods(self, heard: list[Memory], texts: list[list[int]]) -> list[np.ndarray]:
        """Natural log-probabilities of the tokens of a text, each after those before it.

        `heard` are what `hear` gives of recordings, as many as there are texts. Returns, for
        each text, tokens x 2: of the token itself and of the likeliest token in its place.
        """
        start = self.tokens.text_start
        rows = torch.full((len(texts), len(start) + max(map(len, texts))), self.tokens.end)
        for row, text in zip(rows, texts, strict=True):
            row[: len(start) + len(text)] = torch.tensor(start + text)
        logits = self.model.decode(rows[:, :-1], Decoding(heard))[:, len(start) - 1 :]
        log_probabilities = logits.log_softmax(dim=-1)  # logsumexp takes eight times as long
        own = log_probabilities.gather(2, rows[:, len(start) :, None])[..., 0]
        both = torch.stack([own, log_probabilities.amax(dim=-1)], dim=2).numpy()
        return [part[: len(text)] for part, text in zip(both, texts, strict=True)]

    def transcribe(self, heard: list[Memory], limits: list[int]) -> list[Transcript]:
        """The likeliest tokens, one after the other, of each recording; at most `limits` of them.

        `heard` as in `likelihoods`. Without a limit near the length of the prompt, Whisper may
        repeat itself for ever.
        """
        decoding = Decoding(heard)
        tokens = torch.tensor([self.tokens.text_start] * len(limits))
        found: list[list[int]] = [[] for _ in limits]
        log_probabilities: list[list[float]] = [[] for _ in limits]
        rows, running = list(range(len(limits))), set(range(len(limits)))
        while running:
            logits = self.model.decode(tokens, decoding)[:, -1]
            allowed = logits.log_softmax(dim=-1).masked_fill_(self.never, -torch.inf)
            if not any(found):
                allowed[:, self.tokens.end] = -torch.inf
            best, tokens = allowed.max(dim=-1, keepdim=True)
            for i, token, log_probability in zip(
                rows, tokens[:, 0].tolist(), best[:, 0].tolist(), strict=True
            ):
                if i not in running:
                    continue
                log_probabilities[i].append(log_probability)
                if token != self.tokens.end:
                    found[i].append(token)
                if token == self.tokens.end or len(found[i]) == limits[i]:
                    running.discard(i)
            if 2 * len(running) <= len(rows):  # not more often, as what is kept is copied
                kept = [row for row, i in enumerate(rows) if i in running]
                decoding.keep(kept)
                rows, tokens = [rows[row] for row in kept], tokens[kept]
        return list(map(Transcript, found, map(np.array, log_probabilities)))


def load_recogniser(model: Path) -> Recogniser:
    """Read Whisper with its tokens: a directory, or the name of a packaged model.

    Raises InputError for what cannot be read.
    """
    directory = model_directory(model)
    return Recogniser(load_whisper(directory), read_tokens(directory))
