"""The training of one grader."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch

from pyscorer.contract.files import shown
from pyscorer.contract.large import pieces
from pyscorer.contract.scales import Scales
from pyscorer.errors import InputError
from pyscorer.grading.batches import Batches, Targets
from pyscorer.grading.network import PREDICTED, Grader, GraderConfig, Grades
from pyscorer.options import option
from pyscorer.scoring.fit import fit, one_cycle

_PREDICTION_BATCH = 128
_SORTED_TOGETHER = 8
"""Batches whose utterances are sorted by length together."""
_SELDOM = ("utterance.completeness=0.3", "word.stress=0.15")
"""Completeness is 10 for nearly all, stress is wrong in 1 % of the words."""


@dataclass(frozen=True)
class FitOptions:
    """How one grader is trained."""

    epochs: int = option(20, "passes over the train split", ge=1)
    batch_size: int = option(64, "utterances a step", ge=1)
    learning_rate: float = option(1e-3, "AdamW's, at its highest", gt=0)
    weight_decay: float = option(0.05, "decoupled, as in AdamW", ge=0)
    word_dropout: float = option(0.15, "share of words left out", ge=0, lt=1)
    phone_weight: float = option(1.0, "of the phones in the loss", ge=0)
    word_weight: float = option(1.0, "of the words in the loss", ge=0)
    overall_weight: float = option(
        1.5, "of the utterance aspect that stands for all, among the others", ge=0
    )
    aspect_weights: tuple[str, ...] = option(
        _SELDOM, "level.aspect=weight where it is not 1, as for scores that hardly differ"
    )
    low_weights: tuple[str, ...] = option(
        (), "word.aspect=weight of words that score below most, as those of wrong stress"
    )
    auxiliary_weight: float = option(
        0.5, "of the auxiliary targets of utterances in the loss, beside the scores", ge=0
    )
    averaged: float = option(0.98, "decay of the average of weights", ge=0, lt=1)


class LossWeights(NamedTuple):
    """Of the aspects of utterances and of words among each other, then of two levels."""

    utterances: torch.Tensor
    words: torch.Tensor
    phone: float
    word: float
    low_words: torch.Tensor
    """Of the words below the median of an aspect, beside its others."""
    auxiliary: float = 0.0


def loss_weights(options: FitOptions, scales: Scales) -> LossWeights:
    """What `options` say of the aspects of `scales`.

    Raises InputError for what is no weight, and of an aspect that is none; those of the default may
    be of aspects that the scales lack.
    """
    weights = {level: dict.fromkeys(scales.level(level), 1.0) for level in ("utterance", "word")}
    if scales.overall:
        weights["utterance"][scales.overall] = options.overall_weight
    low = {"word": dict.fromkeys(scales.word, 1.0)}
    for option_name, entries, own in (
        ("aspect_weights", options.aspect_weights, weights),
        ("low_weights", options.low_weights, low),
    ):
        for entry in entries:
            _set_weight(option_name, entry, own)

    def tensor(values: Sequence[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32)

    utterance, word, low_words = (
        tensor([*own.values()]) for own in (*weights.values(), low["word"])
    )
    levels = options.phone_weight, options.word_weight
    return LossWeights(utterance, word, *levels, low_words, options.auxiliary_weight)


def _set_weight(option_name: str, entry: str, weights: dict[str, dict[str, float]]) -> None:
    """Read level.aspect=weight into `weights`; see `loss_weights`."""
    name, _, number = entry.partition("=")
    level, _, aspect = name.partition(".")
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if not (0 <= weight < float("inf") and level in weights and aspect):
        forms = " or ".join(f"{level}.aspect=weight" for level in weights)
        raise InputError(f"{option_name}: {shown(entry)} is not {forms}, with a weight from 0 on")
    if aspect in weights[level]:
        weights[level][aspect] = weight
    elif entry not in _SELDOM:
        known = ", ".join(f"{level}.{a}" for level, own in weights.items() for a in own)
        raise InputError(f"{option_name}: no {shown(name)} among the scores: {known}")


def low_emphasis(words: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Weights of scores, words x aspects: 1, and `low` of an aspect for those below its median."""
    known = np.where(np.isnan(words).all(axis=0), 0.0, words)
    return np.where(words < np.nanmedian(known, axis=0), low, 1.0)


def grader_loss(grades: Grades, targets: Grades, weights: LossWeights) -> torch.Tensor:
    """Mean squared error of standardised scores where there is one, summed over the levels."""

    def error(x: torch.Tensor, y: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        known = ~torch.isnan(y)
        squared = torch.where(known, x - torch.nan_to_num(y), 0.0) ** 2 * weights
        return squared.sum() / (known * weights).sum().clamp(min=1)

    (told, beside), (wanted, asked) = (
        (level[:, :PREDICTED], level[:, PREDICTED:])
        for level in (grades.utterances, targets.utterances)
    )
    return (
        error(told, wanted, weights.utterances)
        + (weights.auxiliary * error(beside, asked, weights.utterances) if beside.numel() else 0)
        + weights.word * error(grades.words, targets.words, weights.words)
        + weights.phone * error(grades.phones, targets.phones, torch.ones(()))
    )


def predict(grader: Grader, batches: Batches, utterances: np.ndarray) -> Grades:
    """Standardised scores of the utterances at these indices, phones and words flat."""
    grader.eval()
    with torch.no_grad():
        some = pieces(len(utterances), _PREDICTION_BATCH)
        parts = [grader(batches.take(utterances[piece])[0]) for piece in some]
    return Grades(*(torch.cat(level) for level in zip(*parts, strict=True)))


def _alike(order: np.ndarray, lengths: np.ndarray, batches: int) -> list[np.ndarray]:
    """Cut `order` into batches of utterances of the like length: less to pad.

    Utterances are sorted by length among some batches only, so that batches stay random.
    """
    parts = np.array_split(order, max(1, batches // _SORTED_TOGETHER))
    ordered = [part[np.argsort(lengths[part], kind="stable")] for part in parts]
    each = [np.array_split(part, round(batches * len(part) / len(order)) or 1) for part in ordered]
    return [batch for part in each for batch in part]


def fit_grader(
    config: GraderConfig,
    options: FitOptions,
    batches: Batches,
    targets: Targets,
    train: np.ndarray,
    seed: list[int],
    scales: Scales,
) -> tuple[Grader, list[dict[str, float]]]:
    """Train on the utterances at the indices `train`; the log has the loss of each epoch.

    AdamW; the learning rate rises over a tenth of the steps, then falls to zero along a cosine.
    The grader returned has the exponential moving average of the weights. Nothing is stopped early,
    so that no speakers are spent on it.
    """
    torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    shuffle = np.random.default_rng(seed)
    grader, weights = Grader(config), loss_weights(options, scales)
    count = max(1, len(train) // options.batch_size)
    # As many steps as batches, of which rounding may make more than it was asked for.
    most = max(count + 1, len(_alike(train, batches.pooled.phone_counts, count)))
    total = options.epochs * most
    steps = one_cycle(grader, options.learning_rate, options.weight_decay, total, clip=1.0)
    average = torch.optim.swa_utils.AveragedModel(
        grader, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(options.averaged)
    )

    def batch_indices() -> list[np.ndarray]:
        return _alike(shuffle.permutation(train), batches.pooled.phone_counts, count)

    low = low_emphasis(targets.words.numpy(), weights.low_words.numpy())
    emphasis = torch.from_numpy(low.astype(np.float32))

    def loss(chosen: np.ndarray) -> torch.Tensor:
        words = batches.pooled.word_counts[chosen].sum()
        dropped = shuffle.random(words) < options.word_dropout
        batch, phone_rows, word_rows = batches.take(chosen, dropped)
        wanted = Grades(
            targets.phones[phone_rows],
            targets.words[word_rows],
            targets.utterances[torch.from_numpy(chosen)],
        )
        own = weights._replace(words=weights.words * emphasis[word_rows])
        return grader_loss(grader(batch), wanted, own)

    def averaging() -> None:
        average.update_parameters(grader)

    curve = [
        {"epoch": epoch.number, "train_loss": sum(loss / count for loss in epoch.losses)}
        for epoch in fit(grader, steps, options.epochs, batch_indices, loss, averaging)
    ]
    return cast(Grader, average.module), curve
