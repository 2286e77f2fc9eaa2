"""When words were said, by where Whisper's decoder looks in the recording."""

import numpy as np
import torch

from pyscorer.pretrained.recogniser import Recogniser
from pyscorer.pretrained.whisper import Memory

_SMOOTHED = 7
"""States that the median is taken over, as in Whisper's published code."""


def token_bounds(
    recogniser: Recogniser, heard: list[Memory], texts: list[list[int]], states: list[int]
) -> list[np.ndarray]:
    """Where each token of the texts begins, in states of 20 ms of its recording, and where all end.

    `heard` are the model's `memories` of the recordings, of which the first `states` are speech.
    The attention of the decoder's later layers is smoothed over time, made alike in size over
    tokens, and averaged over heads (Radford et al., whisper/timing.py); then the recording is cut
    so that each token has the stretch that it looks at most, in their order.
    """
    start, end = recogniser.tokens.text_start, recogniser.tokens.end
    rows = torch.full((len(texts), len(start) + max(map(len, texts))), end)
    for row, text in zip(rows, texts, strict=True):
        row[: len(start) + len(text)] = torch.tensor(start + text)
    attention = recogniser.model.attention(rows, heard)
    bounds = []
    for own, text, length in zip(attention, texts, states, strict=True):
        # From where the first token is foretold to where the end is.
        seen = own[:, len(start) - 1 : len(start) + len(text), :length]
        deviation, mean = torch.std_mean(seen, dim=1, keepdim=True, correction=0)
        smooth = _median((seen - mean) / deviation.clamp_min(1e-9))
        bounds.append(cut_in_order(smooth.mean(dim=0).numpy())[:-1])
    return bounds


def _median(values: torch.Tensor) -> torch.Tensor:
    half = _SMOOTHED // 2
    if values.shape[-1] <= half:
        return values
    padded = torch.nn.functional.pad(values, (half, half), mode="reflect")
    return padded.unfold(-1, _SMOOTHED, 1).median(dim=-1).values


def cut_in_order(gains: np.ndarray) -> np.ndarray:
    """Cut m columns into n stretches, one for each row of `gains`, that gain most together.

    Returns n + 1 bounds, from 0 to m. Each has a column at least; with fewer columns than rows,
    the bounds are spread evenly.
    """
    count, length = gains.shape
    if length < count:
        return np.linspace(0, length, count + 1).round().astype(int)
    best = np.full(count, -np.inf)
    best[0] = gains[0, 0]
    moved = np.zeros((length, count), dtype=bool)
    for column in range(1, length):
        before = np.concatenate([[-np.inf], best[:-1]])
        moved[column] = before > best
        best = np.maximum(before, best) + gains[:, column]
    bounds, row = [length], count - 1
    for column in range(length - 1, 0, -1):
        if moved[column, row]:
            bounds.append(column)
            row -= 1
    return np.array([*bounds, 0][::-1])
