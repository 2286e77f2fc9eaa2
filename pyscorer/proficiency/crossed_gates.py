"""Gates in cross-validation: each learns from what networks said of rows that they had not seen."""

import logging
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from pyscorer.contract.classes import Classes
from pyscorer.proficiency.crossing import held_out
from pyscorer.proficiency.early_stopping import Stopping
from pyscorer.proficiency.loss import GROSS_FACTOR, expert_loss
from pyscorer.proficiency.mixture import averaging_gate, gate_sizes, mix
from pyscorer.proficiency.networks import Network
from pyscorer.proficiency.train_members import batches

log = logging.getLogger(__name__)

GateInputs = Literal["posteriors", "acceptance"]
"""What a gate sees of k experts: all c posteriors of each, or each one's of acceptance (k inputs,
as many as the paper prints)."""


@dataclass(frozen=True)
class CrossedRows:
    """What k experts say of n rows, c classes each.

    tested, validated: seeds x n x ck, by the networks that held a row's fold out to test and to
    stop training on it. labels, folds: n. counted: n, the rows that are validated and tested;
    others train only.
    """

    tested: NDArray[np.float32]
    validated: NDArray[np.float32]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    counted: NDArray[np.bool_]
    n_folds: int

    def learnt(self, fold: int) -> NDArray[np.int64]:
        """The rows that the gate of a fold is trained on: held out in neither it nor the next."""
        return np.flatnonzero(~np.isin(self.folds, held_out(fold, self.n_folds)))

    def stopped_on(self, fold: int) -> NDArray[np.int64]:
        """The rows whose loss stops the gate of a fold."""
        return self.judged(held_out(fold, self.n_folds)[1])

    def judged(self, fold: int) -> NDArray[np.int64]:
        """The rows of a fold that are tested, and validated by the fold before it."""
        return np.flatnonzero((self.folds == fold) & self.counted)


@dataclass(frozen=True)
class CrossedGateOptions:
    """How gates are trained (section 3): Adam, early stopping on the validation fold's loss."""

    hidden: tuple[int, ...] = ()
    inputs: GateInputs = "posteriors"
    epochs: int = 50
    patience: int = 5
    batch: int = 128
    learning_rate: float = 1e-3
    gross_factor: float = GROSS_FACTOR
    seed: int = 0


def _seen(x: torch.Tensor, k: int, inputs: GateInputs) -> torch.Tensor:
    return x if inputs == "posteriors" else x.unflatten(-1, (k, -1))[..., 0]


def gate_of(rows: CrossedRows, classes: Classes, options: CrossedGateOptions) -> Network:
    """A gate a fold, at its start."""
    k = rows.tested.shape[-1] // len(classes.names)
    sizes = gate_sizes(k, len(classes.names), options.hidden)
    return averaging_gate(
        rows.n_folds, sizes if options.inputs == "posteriors" else (k, *sizes[1:])
    )


def say(gate: Network, x: torch.Tensor, inputs: GateInputs) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixture and credits of every fold's gate: of K x B x ck, K x B x c and K x B x k."""
    credits = gate(_seen(x, gate.n_out, inputs))
    return mix(credits, x), credits


def train_gates(rows: CrossedRows, classes: Classes, options: CrossedGateOptions) -> list[Network]:
    """A gate a fold, of every seed; a seed's gates see what the experts of that seed say.

    That of fold k is trained on the out-of-fold outputs of `CrossedRows.learnt`, with the paper's
    modified loss on z, and keeps the epoch that has the lowest loss on what network k says of the
    next fold; its start, the plain average, is one of them. So no label of fold k reaches it.
    """
    return [
        _train_seed(rows, classes, replace(options, seed=options.seed + number), number)
        for number in range(len(rows.tested))
    ]


def _train_seed(
    rows: CrossedRows, classes: Classes, options: CrossedGateOptions, number: int
) -> Network:
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    gate = gate_of(rows, classes, options)
    learnt = [rows.learnt(fold) for fold in range(rows.n_folds)]
    stops = [rows.stopped_on(fold) for fold in range(rows.n_folds)]
    tested, validated = (torch.from_numpy(v[number]) for v in (rows.tested, rows.validated))
    labels = torch.from_numpy(rows.labels)
    optimizer = torch.optim.Adam(gate.parameters(), lr=options.learning_rate)

    index, real = _padded(stops)
    stop = Stopping(gate, options.patience)
    for epoch in range(options.epochs + 1):
        with torch.inference_mode():
            z, _ = say(gate, validated[index], options.inputs)
            found = expert_loss(z, labels[index], real, options.gross_factor, classes.gross)
        if stop.ends(epoch, found) or epoch == options.epochs:
            break
        for chosen, own in batches(learnt, None, options.batch, rng):
            rows_of = torch.from_numpy(chosen)
            z, _ = say(gate, tested[rows_of], options.inputs)
            weights = torch.from_numpy(own.astype(np.float32))
            loss = expert_loss(
                z, labels[rows_of], weights, options.gross_factor, classes.gross
            ).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    log.info("best epochs %s of %d", " ".join(map(str, stop.epochs.tolist())), epoch)
    return stop.best()


def _padded(parts: list[NDArray[np.int64]]) -> tuple[torch.Tensor, torch.Tensor]:
    """K lists of rows as K x B, and whether each is one (1) or a filler (0)."""
    longest = max(len(part) for part in parts)
    index = np.zeros((len(parts), longest), np.int64)
    real = np.zeros(index.shape, np.float32)
    for number, part in enumerate(parts):
        index[number, : len(part)], real[number, : len(part)] = part, 1
    return torch.from_numpy(index), torch.from_numpy(real)


@torch.inference_mode()
def mix_rows(
    gates: list[Network], rows: CrossedRows, inputs: GateInputs
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What mixtures say of training rows: as tested, and as validated, seeds x n x c.

    Gate k mixes what network k says of fold k, and of fold k + 1. Other rows have zeros.
    """
    said = []
    for values, places in (
        (rows.tested, [rows.judged(fold) for fold in range(rows.n_folds)]),
        (rows.validated, [rows.stopped_on(fold) for fold in range(rows.n_folds)]),
    ):
        index, real = _padded(places)
        c = values.shape[-1] // gates[0].n_out
        found = np.zeros((*values.shape[:2], c), np.float32)
        for number, gate in enumerate(gates):
            z, _ = say(gate, torch.from_numpy(values[number])[index], inputs)
            found[number, index[real > 0].numpy()] = z[real > 0].numpy()
        said.append(found)
    return said[0], said[1]


@torch.inference_mode()
def mix_test(gates: list[Network], outputs: NDArray[np.float32], inputs: GateInputs) -> NDArray:
    """Mean over folds of what gate k makes of network k's outputs.

    outputs: seeds x folds x m x ck. Returns seeds x m x c.
    """
    said = [
        say(gate, torch.from_numpy(of_seed), inputs)[0].mean(dim=0).numpy()
        for gate, of_seed in zip(gates, outputs, strict=True)
    ]
    return np.stack(said)
