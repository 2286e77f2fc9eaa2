"""Options of LF-MMI training, and what changes in its course: learning rate and dropout."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from pyscorer.errors import InputError


@dataclass(frozen=True)
class TrainingOptions:
    """Options of `train_tdnnf`."""

    network: Literal["paper", "medium", "small"] = field(
        default="paper", metadata={"help": "size: 8.2 M, 2.41 M or 0.72 M parameters"}
    )
    epochs: int = field(default=20, metadata={"help": "passes over the data"})
    minibatch: int = field(default=64, metadata={"help": "chunks a step"})
    chunk_width: int = field(default=150, metadata={"help": "longest chunk, in 10 ms frames"})
    learning_rate: float = field(default=2e-3, metadata={"help": "of Adam, after the warm-up"})
    final_learning_rate: float = field(default=1e-4, metadata={"help": "at the last step"})
    warmup: int = field(default=50, metadata={"help": "steps of rising learning rate"})
    # Kaldi's l2-regularize 0.01 takes 2 x 0.01 x 64 sequences = 1.3 times the learning rate a step.
    weight_decay: float = field(default=1.0, metadata={"help": "decoupled, times learning rate"})
    max_gradient: float = field(default=1.0, metadata={"help": "norm at which it is clipped"})
    average: float = field(
        default=0.98, metadata={"help": "decay a step of the averaged model that is kept"}
    )
    xent_regularize: float = field(default=0.1, metadata={"help": "weight of the cross-entropy"})
    leaky: float = field(default=0.1, metadata={"help": "leaky-HMM coefficient"})
    l2_regularize: float = field(default=5e-5, metadata={"help": "of the chain output"})
    dropout: str = field(
        default="0,0@0.2,0.3@0.5,0",
        metadata={"help": "proportion over the course of training: value@share,..."},
    )
    tempo: float = field(default=0.0, metadata={"help": "change of tempo, at most"})
    warp: float = field(default=0.1, metadata={"help": "frequency warping, at most"})
    frequency_mask: float = field(default=0.2, metadata={"help": "share of bins masked, at most"})
    time_mask: float = field(default=0.1, metadata={"help": "share of frames masked"})
    heldout: float = field(default=0.05, metadata={"help": "share of speakers held out"})
    seed: int = field(default=0, metadata={"help": "of all that is random"})
    checkpoint_minutes: float = field(default=10.0, metadata={"help": "between checkpoints"})
    threads: int = field(default=0, metadata={"help": "of torch; 0: as many as there are cores"})
    workers: int = field(default=0, metadata={"help": "processes that prepare minibatches"})
    device: str = field(default="cpu", metadata={"help": "torch device: cpu, cuda"})


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
