"""Options of acoustic training, and what changes in its course: learning rate and dropout."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pyscorer.errors import InputError
from pyscorer.options import option

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class TrainingOptions:
    """Options of `train_tdnnf`."""

    objective: Literal["lfmmi", "xent"] = option(
        "lfmmi",
        "lfmmi: LF-MMI, with cross-entropy beside it; xent: frame cross-entropy on the alignment's "
        "pdfs alone, without a chain output (no decoding, no export to Kaldi)",
    )
    network: Literal["paper", "medium", "small"] = option(
        "paper", "size: 8.2 M, 2.41 M or 0.72 M parameters"
    )
    epochs: int = option(20, "passes over the data", ge=1)
    minibatch: int = option(64, "chunks a step", ge=1)
    chunk_width: int = option(150, "longest chunk, in 10 ms frames", ge=15)
    learning_rate: float = option(2e-3, "of Adam, after the warm-up", ge=0)
    final_learning_rate: float = option(1e-4, "at the last step", ge=0)
    warmup: int = option(50, "steps of rising learning rate", ge=0)
    # Kaldi's l2-regularize 0.01 takes 2 x 0.01 x 64 sequences = 1.3 times the learning rate a step.
    weight_decay: float = option(1.0, "decoupled, times learning rate", ge=0)
    max_gradient: float = option(1.0, "norm at which it is clipped", ge=0)
    average: float = option(0.98, "decay a step of the averaged model that is kept", ge=0, le=1)
    xent_regularize: float = option(0.1, "lfmmi: weight of the cross-entropy", ge=0)
    leaky: float = option(0.1, "lfmmi: leaky-HMM coefficient", ge=0)
    l2_regularize: float = option(5e-5, "lfmmi: of the chain output", ge=0)
    dropout: str = option(
        "0,0@0.2,0.3@0.5,0", "proportion over the course of training: value@share,..."
    )
    tempo: float = option(0.0, "change of tempo, at most", ge=0, lt=1)
    warp: float = option(0.1, "frequency warping, at most", ge=0)
    frequency_mask: float = option(0.2, "share of bins masked, at most", ge=0, le=1)
    time_mask: float = option(0.1, "share of frames masked", ge=0, le=1)
    heldout: float = option(0.05, "share of speakers held out", ge=0, le=1)
    seed: int = option(0, "of all that is random", ge=0)
    checkpoint_minutes: float = option(10.0, "between checkpoints", ge=0)
    threads: int = option(
        0, "of torch, shared out among `processes`; 0: as many as there are cores", ge=0
    )
    processes: int = option(
        1,
        "that train together on this machine, with cuda one a GPU, each on its share of every "
        "minibatch; under torchrun those that it starts",
        ge=1,
    )
    workers: int = option(0, "processes that prepare minibatches, for each that trains", ge=0)
    device: str = option("cpu", "torch device: cpu, cuda")
    precision: Precision = option(
        "float32",
        "of the inner layers in training, bfloat16 for GPUs that have it; statistics, outputs, "
        "LF-MMI and steps stay in float32",
    )


def learning_rate_at(options: TrainingOptions, step: int, progress: float) -> float:
    """Learning rate of `step` (from 0), at `progress` in 0..1 of the training.

    Falls exponentially from `learning_rate` to `final_learning_rate`, as in Kaldi; the first
    `warmup` steps rise linearly.
    """
    ratio = options.final_learning_rate / options.learning_rate
    return options.learning_rate * ratio**progress * min(1.0, (step + 1) / options.warmup)


def dropout_at(schedule: str, progress: float) -> float:
    """Value of Kaldi's dropout schedule (`0,0@0.2,0.5@0.5,0`) at `progress` in 0..1.

    Linear between the points; the first and the last value stand for 0 and 1. Raises InputError
    for a malformed schedule.
    """
    parts = [part.partition("@") for part in schedule.split(",")]
    try:
        values = [float(value) for value, _, _ in parts]
        places = [float(p) if p else float(i > 0) for i, (_, _, p) in enumerate(parts)]
    except ValueError:
        raise InputError(
            f"dropout schedule {schedule!r}: not value,value@share,...,value"
        ) from None
    if places != sorted(places) or not all(0 <= v <= 0.5 for v in values):
        raise InputError(f"dropout schedule {schedule!r}: shares must rise, values be in 0..0.5")
    return float(np.interp(progress, places, values))
