"""Beam search for what Whisper hears: several transcripts of a recording, or that nobody speaks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pyscorer.pretrained.recogniser import Recogniser
from pyscorer.pretrained.whisper import Decoding, Memory

_LONGEST_REPEATED, _TIMES = 8, 3
"""Whisper may say the same for ever. So what has been said three times running, and is of at most
eight tokens, is not said a fourth time."""


@dataclass(frozen=True)
class Candidate:
    """One transcript of a recording."""

    tokens: tuple[int, ...]
    """Without the end."""
    log_probabilities: tuple[float, ...]
    """Natural, of each token, and of the end where it was reached."""

    @property
    def total(self) -> float:
        """Log-probability of all."""
        return sum(self.log_probabilities)

    @property
    def mean(self) -> float:
        """Log-probability by token: what transcripts of unlike length are compared by."""
        return self.total / max(1, len(self.log_probabilities))


@dataclass(frozen=True)
class Search:
    """What a search found in one recording."""

    candidates: tuple[Candidate, ...]
    """From best to worst."""
    no_speech: float
    """Probability, by the model, that nobody speaks; 0 if it has no token for that."""


def beam_search(
    recogniser: Recogniser, heard: list[Memory], limits: Sequence[int], beam: int
) -> list[Search]:
    """Up to `beam` transcripts of each recording.

    `heard` are the model's `memories` of recordings, `limits` how many tokens each may have.
    Transcripts are ranked by mean log-probability, as Whisper ranks them: by the total, the shorter
    would win. A recording ends when it has `beam` of them.
    """
    end, start = recogniser.tokens.end, recogniser.tokens.text_start
    decoding = Decoding(heard)
    tokens = torch.tensor([start] * len(limits)).repeat_interleave(beam, dim=0)
    logits = recogniser.model.decode(tokens, decoding)
    silence = _no_speech(recogniser, logits[::beam, 0])
    running = list(range(len(limits)))
    # Of each recording, the beam; at first all are alike, so all but one count for nothing.
    nothing = Candidate((), (-math.inf,))
    beams = [[Candidate((), ()), *[nothing] * (beam - 1)] for _ in limits]
    found: list[list[Candidate]] = [[] for _ in limits]
    last = logits[:, -1]
    while running:
        allowed = last.log_softmax(dim=-1).masked_fill_(recogniser.never, -torch.inf)
        if not beams[running[0]][0].tokens:
            allowed[:, end] = -torch.inf
        for row, one in enumerate(one for i in running for one in beams[i]):
            if (again := _repeated(one.tokens)) is not None:
                allowed[row, again] = -torch.inf
        # A beam more than goes on: as many may end.
        values, ids = allowed.topk(2 * beam, dim=-1)
        kept_rows, kept_tokens, still = [], [], []
        for place, i in enumerate(running):
            rows = range(place * beam, (place + 1) * beam)
            best = _extend(beams[i], values[rows.start : rows.stop], ids[rows.start : rows.stop])
            going: list[tuple[int, Candidate]] = []
            for parent, candidate in best:
                if len(going) == beam:
                    break
                if candidate.tokens[-1] == end:
                    found[i].append(Candidate(candidate.tokens[:-1], candidate.log_probabilities))
                elif len(candidate.tokens) == limits[i]:
                    found[i].append(candidate)
                else:
                    going.append((parent, candidate))
            if len(found[i]) < beam and going:
                going += [(going[0][0], nothing)] * (beam - len(going))
                beams[i] = [candidate for _, candidate in going]
                still.append((place, i))
                kept_rows += [rows.start + parent for parent, _ in going]
                kept_tokens += [c.tokens[-1] if c.tokens else end for _, c in going]
        if len(still) < len(running):
            places = [place for place, _ in still]
            decoding.encoded = [(keys[places], values[places]) for keys, values in decoding.encoded]
        running = [i for _, i in still]
        if running:
            decoding.follow(kept_rows)
            last = recogniser.model.decode(torch.tensor(kept_tokens)[:, None], decoding)[:, -1]
    return [
        Search(tuple(sorted(own, key=lambda c: -c.mean)[:beam]), quiet)
        for own, quiet in zip(found, silence, strict=True)
    ]


def _extend(beam: list[Candidate], values: Tensor, ids: Tensor) -> list[tuple[int, Candidate]]:
    """The best ways to go on, at most twice the beam: (which of the beam, with one token more)."""
    ways = [
        (one.total + value, parent, value, token)
        for parent, one in enumerate(beam)
        for value, token in zip(values[parent].tolist(), ids[parent].tolist(), strict=True)
        if one.total + value > -math.inf
    ]
    ways.sort(key=lambda way: -way[0])
    return [
        (
            parent,
            Candidate((*beam[parent].tokens, token), (*beam[parent].log_probabilities, value)),
        )
        for _, parent, value, token in ways[: 2 * len(beam)]
    ]


def _repeated(tokens: tuple[int, ...]) -> int | None:
    """The token that would begin once more what has been said `_TIMES` times running."""
    for size in range(1, _LONGEST_REPEATED + 1):
        tail = tokens[-size * _TIMES :]
        if len(tail) == size * _TIMES and tail == tail[:size] * _TIMES:
            return tail[0]
    return None


def _no_speech(recogniser: Recogniser, logits: Tensor) -> list[float]:
    """Of each recording, from the logits (n, vocabulary) after the first token."""
    special = recogniser.tokens.special
    token = special.get("<|nospeech|>", special.get("<|nocaptions|>"))
    if token is None:
        return [0.0] * len(logits)
    probabilities: list[float] = logits.softmax(dim=-1)[:, token].tolist()
    return probabilities
