"""Stages `train_learned_gop` and `learned_gop`: posteriors of phones by a small classifier.

It learns from well-pronounced phones alone which phone is spoken in a segment, so that it is at
odds with the text where a phone is pronounced as another.
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pyscorer.contract.labels import read_grades
from pyscorer.contract.large import filled, moments_of, pieces
from pyscorer.contract.phones import ARPABET, PHONE_ID
from pyscorer.contract.pooled import PooledSet, read_columns, read_pooled, write_columns
from pyscorer.contract.recording import Recording
from pyscorer.contract.scales import from_unit
from pyscorer.contract.weights import load_weights, save_weights
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.parallel import one_thread
from pyscorer.scoring.fit import Steps, fit
from pyscorer.scoring.folds import speaker_folds

LEARNED_COLUMNS = ("logp", "ratio", "rival", "entropy", *(f"logp_{p}" for p in ARPABET))
"""Natural log-posterior of the canonical phone; the same less that of its best rival; the rival, as
phone id (phones.PHONE_ID); entropy of the posteriors; log-posterior of each phone."""

_FIRST = PHONE_ID[ARPABET[0]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LearnedGopOptions:
    """How the classifier is trained."""

    well_pronounced: float = option(
        0.85, "share of the range of phone scores from which a phone is learned from", ge=0, le=1
    )
    folds: int = option(5, "speaker-disjoint folds, one network each", ge=2)
    hidden: int = option(256, "units of the hidden layer", ge=1)
    dropout: float = option(0.4, "of inputs and hidden units", ge=0, lt=1)
    epochs: int = option(4, "passes over the train split", ge=1)
    batch: int = option(256, "phones a step", ge=1)
    learning_rate: float = option(3e-3, "highest of the cycle", gt=0)
    weight_decay: float = option(0.01, "decoupled, as in AdamW", ge=0)
    seed: int = option(0, "of the folds' networks", ge=0)


@dataclass(frozen=True)
class LearnedGop:
    """A measure: classifiers of the folds, and what their inputs are normalised with."""

    networks: list[nn.Sequential]
    mean: Tensor
    scale: Tensor
    name: str = "learned_gop"
    columns: tuple[str, ...] = LEARNED_COLUMNS

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x LEARNED_COLUMNS, by what the measure `encoder` says of the recording."""
        if "encoder" not in recording.measured:
            raise InputError(
                f"utterance {recording.key}: no pooled states, which {self.name} reads"
            )
        pooled = recording.measured["encoder"]
        deep = [i for i, name in enumerate(pooled.columns) if name.startswith("deep_")]
        phones = np.array([PHONE_ID[s.phone] for s in recording.segments])
        return gop_columns(self.log_posteriors(pooled.matrix[:, deep]), phones)

    def log_posteriors(self, states: np.ndarray, fold: int | None = None) -> np.ndarray:
        """Of ARPABET: phones x 39, of pooled states (phones x inputs).

        Those of the network that has not seen `fold`; without one, the mean of all networks.
        """
        x = (torch.from_numpy(np.array(states, np.float32)) - self.mean) / self.scale
        networks = self.networks if fold is None else [self.networks[fold]]
        with torch.inference_mode():
            mean = torch.stack([network(x).log_softmax(dim=1) for network in networks]).mean(dim=0)
            return np.asarray(mean.log_softmax(dim=1).numpy(), np.float32)


def train_learned_gop(
    data: Path, pool: Path, model: Path, out: Path, options: LearnedGopOptions
) -> None:
    """Train a classifier of phones on the pooled states `pool` of `data`, fold by fold of speakers.

    `pool` is a pooled directory (see contract.pooled) whose columns deep_* are read. Writes the
    file `model`, and into `out` a pooled directory of LEARNED_COLUMNS for the phones of `pool`, in
    which each utterance is judged by the network that has not heard its speaker.

    Raises InputError for a phone of the inventory that no fold's training part pronounces well, and
    for tables that do not fit.
    """
    pooled = _read_states(pool)
    labels = read_grades(data, pooled)
    if np.isnan(labels.phones).all():
        raise InputError(
            f"{data}: no phone has a score: train_learned_gop learns from phones that are known to "
            "be pronounced well; leave the source learned_gop out"
        )
    folds = speaker_folds(*(labels.speakers, labels.overall, options.folds, options.seed)).repeat(
        pooled.phone_counts
    )
    good = labels.phones >= from_unit(options.well_pronounced, labels.scales.phone_range)
    learned = _train(pooled, good, folds, options)
    posteriors = np.empty((len(folds), len(ARPABET)), np.float32)
    for fold in range(options.folds):
        rows = np.flatnonzero(folds == fold)
        for some in (rows[piece] for piece in pieces(len(rows))):
            posteriors[some] = learned.log_posteriors(pooled.features[some], fold)
    right = posteriors.argmax(axis=1) == pooled.phones - 1
    log.info(
        "of %d phones pronounced well, %.1f %% are recognised; of %d others %.1f %%",
        *(good.sum(), 100 * right[good].mean()),
        *((~good).sum(), 100 * right[~good].mean()),
    )
    save_learned_gop(learned, model, options)
    _write(pool, out, pooled, posteriors)


def learned_gop(model: Path, pool: Path, out: Path) -> None:
    """Judge the phones of a pooled directory by the `model` of train_learned_gop.

    Writes a pooled directory of LEARNED_COLUMNS for the same phones. Raises InputError for a model
    that cannot be read or takes another number of states.
    """
    learned, pooled = load_learned_gop(model), _read_states(pool)
    if pooled.features.shape[1] != len(learned.mean):
        raise InputError(
            f"{pool}: {pooled.features.shape[1]} states a phone where {model} takes "
            f"{len(learned.mean)}: they are of another encoder, or of other layers"
        )
    posteriors = filled(
        (len(pooled.features), len(ARPABET)),
        np.dtype(np.float32),
        lambda piece: learned.log_posteriors(pooled.features[piece]),
    )
    _write(pool, out, pooled, posteriors)


def gop_columns(log_posteriors: np.ndarray, phones: np.ndarray) -> np.ndarray:
    """LEARNED_COLUMNS (phones x 43) of log-posteriors of ARPABET (phones x 39) and phone ids.

    A phone that is not of ARPABET, that of unknown words, has the log-posterior of chance.
    """
    rows, own = np.arange(len(phones)), phones - _FIRST
    canonical = np.where(own >= 0, log_posteriors[rows, own], -np.log(len(ARPABET)))
    rivals = log_posteriors.copy()
    rivals[rows[own >= 0], own[own >= 0]] = -np.inf
    best = rivals.argmax(axis=1)
    entropy = -(np.exp(log_posteriors) * log_posteriors).sum(axis=1)
    measures = canonical, canonical - rivals[rows, best], best + _FIRST, entropy
    return np.column_stack([*measures, log_posteriors]).astype(np.float32)


def save_learned_gop(
    learned: LearnedGop, path: Path, options: LearnedGopOptions | None = None
) -> None:
    """Write a model; read it with `load_learned_gop`."""
    content = {
        "options": asdict(options) if options else {},
        "mean": learned.mean,
        "scale": learned.scale,
        "networks": [network.state_dict() for network in learned.networks],
    }
    save_weights(path, content)


def load_learned_gop(path: Path) -> LearnedGop:
    """Read a model of train_learned_gop. Raises InputError if it is missing or damaged."""

    def learned(content: dict[str, Any]) -> LearnedGop:
        networks = []
        for state in content["networks"]:
            hidden, inputs = state["1.weight"].shape
            network = _network(inputs, hidden, 0.0).eval()
            network.load_state_dict(state)
            networks.append(network)
        return LearnedGop(networks, content["mean"], content["scale"])

    return load_weights(path, "a model of train_learned_gop", "train_learned_gop", learned)


def _read_states(pool: Path) -> PooledSet:
    columns = [name for name in read_columns(pool) if name.startswith("deep_")]
    if not columns:
        raise InputError(f"{pool}/columns.txt: no deep features; make them with encode and pool")
    return read_pooled(pool, columns)


def _write(pool: Path, out: Path, pooled: PooledSet, log_posteriors: np.ndarray) -> None:
    matrix = gop_columns(log_posteriors, pooled.phones + _FIRST - 1)
    parts = np.split(matrix, np.cumsum(pooled.phone_counts)[:-1])
    write_columns(pool, out, LEARNED_COLUMNS, zip(pooled.keys, parts, strict=True))


def _network(inputs: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, len(ARPABET)),
    )


@one_thread()
def _train(
    pooled: PooledSet, well: np.ndarray, folds: np.ndarray, options: LearnedGopOptions
) -> LearnedGop:
    """A network a fold, of the phones that are pronounced `well` (a mask) in the other folds."""
    mean, deviation = map(torch.from_numpy, moments_of(pooled.features))
    scale = deviation + 1e-3
    # Phone 0 is that of unknown words.
    good = well & (pooled.phones > 0)
    networks = []
    for fold in range(options.folds):
        rows = np.flatnonzero(good & (folds != fold))
        targets = torch.from_numpy(pooled.phones[rows] - 1)
        absent = np.setdiff1d(np.arange(len(ARPABET)), targets.numpy())
        if len(absent):
            raise InputError(
                f"phone {ARPABET[absent[0]]} is nowhere scored {options.well_pronounced} or more "
                "(as a share of the range) in the training part of a fold; give more utterances, "
                "fewer folds or a lower share"
            )
        torch.manual_seed(options.seed + fold)
        network = _network(len(mean), options.hidden, options.dropout).train()
        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=options.weight_decay)
        count = options.epochs * -(-len(rows) // options.batch)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.learning_rate, count)

        def batches(rows: np.ndarray = rows) -> list[np.ndarray]:
            return [part.numpy() for part in torch.randperm(len(rows)).split(options.batch)]

        def loss(
            chosen: np.ndarray,
            network: nn.Module = network,
            rows: np.ndarray = rows,
            targets: Tensor = targets,
        ) -> Tensor:
            states = torch.from_numpy(pooled.features[rows[chosen]])
            return nn.functional.cross_entropy(network((states - mean) / scale), targets[chosen])

        for epoch in fit(network, Steps(optimiser, cycle), options.epochs, batches, loss):
            last = epoch.losses[-1]
        log.info("fold %d: trained on %d phones, last loss %.3f", fold, len(rows), last)
        networks.append(network.eval())
    return LearnedGop(networks, mean, scale)
