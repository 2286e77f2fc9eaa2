"""A trained grader as a file, and its scores for new utterances."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.contract.large import pieces
from pyscorer.contract.pooled import select
from pyscorer.contract.recording import Recording, one_pooled
from pyscorer.contract.scales import (
    LEVELS,
    SPEECHOCEAN,
    Range,
    Scales,
    make_scales,
    scales_content,
)
from pyscorer.contract.weights import load_weights, save_weights
from pyscorer.errors import InputError
from pyscorer.grading.batches import Batches, Scaling, human_scale
from pyscorer.grading.fit_grader import predict
from pyscorer.grading.grader_inputs import RawInputs, assemble, join_inputs
from pyscorer.grading.grader_trees import NETWORK_ALONE, GraderTrees, Scores, Shares, mixed
from pyscorer.grading.intervals import Calibration, Interval
from pyscorer.grading.network import PREDICTED, Grader, GraderConfig

_UTTERANCES = 1000
"""That trees score at a time."""


@dataclass(frozen=True)
class Module:
    """One network of the ensemble."""

    seed: int
    fold: int
    """The fold of the seed's deal whose speakers it did not learn from."""
    network: Grader
    trees: GraderTrees | None = None
    """None: the network alone."""


@dataclass(frozen=True)
class TrainedGrader:
    """An ensemble of graders and what is needed to read and to judge their scores."""

    columns: tuple[tuple[str, str], ...]
    """(source, column) of the pooled sources that it reads, in order."""
    durations: bool
    norms: np.ndarray
    """See `duration_norms`."""
    scaling: Scaling
    config: GraderConfig
    modules: tuple[Module, ...]
    scales: Scales
    """Of the data that it was trained on."""
    intervals: tuple[tuple[Interval, ...], ...] = ()
    """Of the aspects of utterances, of words, and of phones; empty before they are fitted."""
    calibration: Calibration | None = None
    shares: Shares = NETWORK_ALONE
    """Of the trees in every module's scores."""

    @property
    def learned(self) -> Scales:
        """The scales without the aspects that nobody scored for it to learn: those are NaN."""
        scaling = self.scaling
        means = scaling.utterance_scores[0, 0], scaling.word_scores[0], scaling.phone_scores[:1]
        utterance, word, phone = (
            {
                aspect: own
                for (aspect, own), unknown in zip(
                    self.scales.level(level).items(), mean.isnan().tolist(), strict=False
                )
                if not unknown
            }
            for level, mean in zip(LEVELS, means, strict=True)
        )
        return replace(self.scales, utterance=utterance, word=word, phone=phone)


@dataclass(frozen=True)
class Levels:
    """Scores of an ensemble and their predictive intervals; rows x aspects (phones: rows)."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def split(self, counts: Sequence[int]) -> list["Levels"]:
        """Parts of so many rows, one after the other."""
        parts = (_split(array, counts) for array in (self.value, self.low, self.high))
        return [Levels(*part) for part in zip(*parts, strict=True)]


@dataclass(frozen=True)
class Predicted:
    """What a grader says of a set of utterances; NaN of what nobody scored for it to learn."""

    utterances: Levels
    """Utterances x aspects."""
    words: Levels
    """Words x aspects."""
    phones: Levels
    probability_wrong: np.ndarray
    """Of each phone: that the mean of the experts' scores is below the middle of the range."""


def both_scores(
    module: Module, batches: Batches, utterances: np.ndarray, scaling: Scaling
) -> tuple[Scores, Scores | None]:
    """Scores of these utterances, their words and phones, by the network and by the trees.

    The network's score of an utterance is the mean of two: the published one and the experts' mean.
    """
    grades = human_scale(predict(module.network, batches, utterances), scaling)
    told = grades.utterances[:, :PREDICTED].mean(dim=1).numpy()
    network = told, grades.words.numpy(), grades.phones.numpy()
    if module.trees is None:
        return network, None
    parts = [
        module.trees(batches.tables.take(select(batches.pooled, some), some))
        for some in (utterances[piece] for piece in pieces(len(utterances), _UTTERANCES))
    ]
    u, w, p = (np.concatenate(level) for level in zip(*parts, strict=True))
    return network, (u, w, p)


def within(scores: Scores, scales: Scales) -> Scores:
    """`scores` cut to their ranges."""
    return (
        scores[0].clip(*scales.bounds("utterance")),
        scores[1].clip(*scales.bounds("word")),
        scores[2].clip(*scales.phone_range),
    )


def module_scores(grader: TrainedGrader, raw: RawInputs) -> Scores:
    """Scores by every module: modules x utterances x aspects, likewise words, modules x phones.

    Each is the mean of `both_scores` with the grader's shares. Raises InputError for other columns
    than it was trained on.
    """
    if raw.columns != grader.columns:
        raise InputError("the sources have other columns than the grader was trained on")
    inputs = assemble(raw, grader.norms, grader.durations)
    batches = Batches(inputs, grader.scaling)
    everything = np.arange(len(raw.pooled.keys))
    levels: tuple[list[np.ndarray], ...] = ([], [], [])
    for module in grader.modules:
        both = both_scores(module, batches, everything, grader.scaling)
        scores = within(mixed(*both, grader.shares), grader.scales)
        for level, part in zip(levels, scores, strict=True):
            level.append(part)
    return np.stack(levels[0]), np.stack(levels[1]), np.stack(levels[2])


def predict_scores(grader: TrainedGrader, raw: RawInputs) -> Predicted:
    """Mean over the modules, with intervals by their spread."""
    levels = ensemble_levels(grader, module_scores(grader, raw))
    if grader.calibration is None:
        raise ValueError("a grader without calibration")
    return Predicted(levels[0], levels[1], levels[2], grader.calibration(levels[2].value))


def ensemble_levels(grader: TrainedGrader, by_module: Sequence[np.ndarray]) -> list[Levels]:
    """Of the levels of `module_scores` the means, with intervals by their spread."""
    return [
        with_intervals(scores.mean(axis=0), scores.std(axis=0), intervals, ranges)
        for scores, intervals, ranges in zip(
            by_module, grader.intervals, ranges_of(grader.scales), strict=True
        )
    ]


def ranges_of(scales: Scales) -> list[list[Range]]:
    """Of the columns that a grader predicts, by level; phones have one in any case."""
    return [[*scales.utterance.values()], [*scales.word.values()], [scales.phone_range]]


def predict_each(grader: TrainedGrader, raws: Sequence[RawInputs]) -> list[Predicted]:
    """`predict_scores` of several, computed together."""
    predicted = predict_scores(grader, join_inputs(raws))
    utterances = [len(raw.pooled.keys) for raw in raws]
    words = [int(raw.pooled.word_counts.sum()) for raw in raws]
    phones = [len(raw.pooled.phones) for raw in raws]
    parts = zip(
        predicted.utterances.split(utterances),
        predicted.words.split(words),
        predicted.phones.split(phones),
        _split(predicted.probability_wrong, phones),
        strict=True,
    )
    return [Predicted(*part) for part in parts]


def _split(rows: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
    return np.split(rows, np.cumsum(counts)[:-1])


def with_intervals(
    value: np.ndarray, spread: np.ndarray, intervals: Sequence[Interval], ranges: Sequence[Range]
) -> Levels:
    """Levels of predictions, rows x aspects (or rows, with one interval)."""
    if value.ndim == 1:
        return Levels(value, *intervals[0].around(value, spread, ranges[0]))
    if not intervals:
        return Levels(value, value, value)
    each = zip(value.T, spread.T, intervals, ranges, strict=True)
    ends = [interval.around(own, its, scale) for own, its, interval, scale in each]
    low, high = (np.stack(end, axis=1) for end in zip(*ends, strict=True))
    return Levels(value, low, high)


def recording_inputs(grader: TrainedGrader, recording: Recording) -> RawInputs:
    """What `grader` reads of one recording, out of what was measured on it.

    Raises InputError for a source or column that the grader wants and that is not there.
    """
    return RawInputs(one_pooled(recording, grader.columns), grader.columns)


def save_grader(grader: TrainedGrader, path: Path, options: dict[str, Any]) -> None:
    """Write model.pt; `options` are kept for whoever asks how it was trained."""
    content = {
        "options": options,
        "columns": [list(c) for c in grader.columns],
        "durations": grader.durations,
        "norms": torch.from_numpy(grader.norms),
        "scaling": vars(grader.scaling),
        "config": asdict(grader.config),
        "modules": [
            {"seed": m.seed, "fold": m.fold, "state": m.network.state_dict()}
            | {"trees": m.trees.content() if m.trees else None}
            for m in grader.modules
        ],
        "shares": [list(level) for level in grader.shares],
        "intervals": [[asdict(i) for i in level] for level in grader.intervals],
        "calibration": asdict(grader.calibration) if grader.calibration else None,
        "scales": scales_content(grader.scales),
    }
    save_weights(path, content)


def load_grader(path: Path) -> TrainedGrader:
    """Read model.pt of train_grader. Raises InputError if it is missing or damaged."""
    return load_weights(path, "a grader", "train_grader", _grader_of)


def _grader_of(content: dict[str, Any]) -> TrainedGrader:
    config, modules = GraderConfig(**content["config"]), []
    for part in content["modules"]:
        network = Grader(config)
        network.load_state_dict(part["state"])
        trees = GraderTrees.of_content(part["trees"]) if part["trees"] else None
        modules.append(Module(part["seed"], part["fold"], network.eval(), trees))
    calibration = content["calibration"]
    return TrainedGrader(
        tuple((source, column) for source, column in content["columns"]),
        content["durations"],
        content["norms"].numpy(),
        Scaling(**content["scaling"]),
        config,
        tuple(modules),
        make_scales(content["scales"], "scales") if "scales" in content else SPEECHOCEAN,
        tuple(tuple(Interval(**i) for i in level) for level in content["intervals"]),
        Calibration(**calibration) if calibration else None,
        tuple(map(tuple, content["shares"])),  # type: ignore[arg-type]
    )
