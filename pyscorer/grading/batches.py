"""Batches of utterances for the grader, normalised, with words left out at random."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pyscorer.contract.labels import Labels
from pyscorer.contract.large import filled, moments, moments_of
from pyscorer.contract.pooled import places_within, select
from pyscorer.grading.grader_inputs import STATES, GraderInputs, place_in_word
from pyscorer.grading.grader_trees import tree_inputs
from pyscorer.grading.network import Batch, Grades

_FARTHEST = 4.0
"""Standard deviations beyond which an input is cut: a strange recording is no reason to explode."""


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation, on the train split, of inputs and of scores."""

    phones: torch.Tensor
    """2 x columns; likewise all others."""
    words: torch.Tensor
    utterances: torch.Tensor
    phone_scores: torch.Tensor
    """NaN where nobody gave a score, likewise of words and utterances."""
    word_scores: torch.Tensor
    utterance_scores: torch.Tensor
    """2 x targets x aspects, see `utterance_targets`."""
    spans: tuple[tuple[str, int], ...]
    """Of the phones' inputs, see `GraderInputs`."""
    bases: dict[str, torch.Tensor]
    """Of the spans of deep features: columns x components. Deep features, standardised, enter as
    their leading principal components alone, of unit variance: whole, they tell speakers apart."""

    @property
    def reduced(self) -> tuple[tuple[str, int], ...]:
        """The spans as a grader has them: with as many columns as there are components."""
        return tuple(
            (name, self.bases[name].shape[1] if name in self.bases else width)
            for name, width in self.spans
        )


def _moments(values: np.ndarray) -> torch.Tensor:
    """Mean and standard deviation of each column, NaN of one without values."""
    if not len(values):
        return torch.zeros(2, *values.shape[1:])
    return _kept(*moments_of(values))


def _kept(mean: np.ndarray, deviation: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack([mean, deviation + 1e-5]).astype(np.float32))


def principal_components(x: torch.Tensor, count: int) -> torch.Tensor:
    """Columns x components: x times it has the leading principal components, of unit variance.

    `x` (rows x columns) is centred.
    """
    variances, axes = torch.linalg.eigh((x.T @ x / len(x)).double())
    leading = slice(max(0, len(variances) - count), None)
    return (axes[:, leading] / (variances[leading].clamp(min=0) + 1e-6).sqrt()).float()


_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Of the published scores: the levels that the auxiliary target `ordinal` asks for."""


def utterance_targets(labels: Labels, auxiliary: Sequence[str] = ()) -> np.ndarray:
    """Utterances x targets x aspects: published scores, experts' means, and `auxiliary` ones.

    `raters`: the rating of each expert. `ordinal`: of five levels whether the published score is at
    least that, so that squared error is the ranked probability score (Epstein 1969).
    """
    parts = [labels.utterances[:, None], labels.raters[:, None]]
    if "raters" in auxiliary and len(labels.ratings):
        parts.append(labels.ratings)
    if "ordinal" in auxiliary:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice")
            levels = np.nanquantile(labels.utterances, _QUANTILES, axis=0, method="higher")
        reached = (labels.utterances[:, None] >= levels).astype(np.float32)
        parts.append(np.where(np.isnan(labels.utterances)[:, None], np.nan, reached))
    return np.concatenate(parts, axis=1).astype(np.float32)


def scaling_of(
    inputs: GraderInputs, labels: Labels, components: int = 128, auxiliary: Sequence[str] = ()
) -> Scaling:
    """The Scaling by these utterances, with at most that many `components` of deep features.

    `auxiliary` as in `utterance_targets`.
    """
    raters = np.where(np.isnan(labels.raters), labels.utterances, labels.raters)
    phones = _kept(*moments(inputs.shape, np.dtype(np.float32), inputs.phones))
    bases = {
        name: principal_components(_states(inputs, phones, name), components)
        for name, _ in inputs.spans
        if name.endswith(STATES)
    }
    return Scaling(
        phones,
        _moments(inputs.words),
        _moments(inputs.utterances),
        _moments(labels.phones),
        _moments(labels.words),
        _moments(utterance_targets(replace(labels, raters=raters), auxiliary)),
        inputs.spans,
        bases,
    )


def _scaled(values: np.ndarray, by: torch.Tensor) -> torch.Tensor:
    scaled = (torch.from_numpy(values.astype(np.float32)) - by[0]) / by[1]
    return torch.nan_to_num(scaled).clamp_(-_FARTHEST, _FARTHEST)


def _parts(
    features: np.ndarray, by: torch.Tensor, spans: tuple[tuple[str, int], ...]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and standardised columns of each span."""
    parts = _scaled(features, by).split([width for _, width in spans], dim=1)
    return zip((name for name, _ in spans), parts, strict=True)


def _states(inputs: GraderInputs, by: torch.Tensor, name: str) -> torch.Tensor:
    """The standardised columns of the span `name`, of all phones."""
    widths = dict(inputs.spans)

    def states(rows: slice) -> np.ndarray:
        part: torch.Tensor = dict(_parts(inputs.phones(rows), by, inputs.spans))[name]
        return part.numpy()

    shape = (inputs.shape[0], widths[name])
    return torch.from_numpy(filled(shape, np.dtype(np.float32), states))


class Batches:
    """Makes batches of any utterances of a GraderInputs, normalised once."""

    def __init__(self, inputs: GraderInputs, scaling: Scaling) -> None:
        p = self.pooled = inputs.pooled

        def reduced(rows: slice) -> np.ndarray:
            parts = [
                part @ scaling.bases[name] if name in scaling.bases else part
                for name, part in _parts(inputs.phones(rows), scaling.phones, scaling.spans)
            ]
            return torch.cat(parts, dim=1).numpy()

        shape = (inputs.shape[0], sum(width for _, width in scaling.reduced))
        self.features = torch.from_numpy(filled(shape, np.dtype(np.float32), reduced))
        self.words = _scaled(inputs.words, scaling.words)
        self.utterances = _scaled(inputs.utterances, scaling.utterances)
        self.phones = torch.from_numpy(p.phones)
        self.places = torch.from_numpy(place_in_word(p))
        self.tables = tree_inputs(inputs)

    def take(
        self, utterances: np.ndarray, dropped: np.ndarray | None = None
    ) -> tuple[Batch, torch.Tensor, torch.Tensor]:
        """The batch of the utterances at these indices, and its rows of all phones and words.

        `dropped` as in `pooled.select`.
        """
        s = select(self.pooled, utterances, dropped)
        of_phone = s.utterance_of_word[s.word_of_phone]
        phone_rows, word_rows = torch.from_numpy(s.phones), torch.from_numpy(s.words)
        batch = Batch(
            *(self.features[phone_rows], self.phones[phone_rows], self.places[phone_rows]),
            self.words[word_rows],
            self.utterances[torch.from_numpy(utterances)],
            *(torch.from_numpy(x) for x in (s.word_of_phone, of_phone, s.utterance_of_word)),
            *(
                torch.from_numpy(places_within(np.bincount(owner)))
                for owner in (of_phone, s.utterance_of_word)
            ),
        )
        return batch, phone_rows, word_rows


@dataclass(frozen=True)
class Targets:
    """Standardised human scores, NaN where there is none."""

    phones: torch.Tensor
    words: torch.Tensor
    utterances: torch.Tensor
    """Utterances x targets x aspects."""


def targets_of(labels: Labels, scaling: Scaling, auxiliary: Sequence[str] = ()) -> Targets:
    """The scores of `labels`, standardised; `auxiliary` as those of `scaling`."""

    def scaled(values: np.ndarray, by: torch.Tensor) -> torch.Tensor:
        return (torch.tensor(values) - by[0]) / by[1]

    return Targets(
        scaled(labels.phones, scaling.phone_scores),
        scaled(labels.words, scaling.word_scores),
        scaled(utterance_targets(labels, auxiliary), scaling.utterance_scores),
    )


def human_scale(grades: Grades, scaling: Scaling) -> Grades:
    """Standardised scores -> those of people, not cut to their ranges.

    An aspect that nobody scored is NaN.
    """

    def unscaled(values: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
        return values * by[1] + by[0]

    return Grades(
        unscaled(grades.phones, scaling.phone_scores),
        unscaled(grades.words, scaling.word_scores),
        unscaled(grades.utterances, scaling.utterance_scores),
    )
