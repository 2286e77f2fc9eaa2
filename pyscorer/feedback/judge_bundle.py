"""A model that judges responses, as `judge_model` writes it: experts and what hears recordings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.decoded import Decoded
from pyscorer.proficiency.expert_features import Inputs
from pyscorer.proficiency.judge import Judge, load_judge

UNSURE_SHARE = 0.02
"""Share of training responses in which the recogniser is as unsure as where it is warned of."""


@dataclass(frozen=True)
class Ears:
    """What hears a recording: mono samples at 16 kHz."""

    decode: Callable[[np.ndarray], Decoded]
    """What was said."""
    listen: Callable[[np.ndarray, Decoded, str], Mapping[str, Inputs]]
    """Inputs of the acoustic experts by kind, of a recording in which something was heard, and of
    its prompt."""
    unsure: float | None = None
    """Mean confidence of the words below which the transcript is doubted."""


@dataclass(frozen=True)
class JudgeModel:
    """A judge, and what hears recordings for it: None where it was made of transcripts."""

    judge: Judge
    ears: Ears | None = None


def load_judge_model(model: Path) -> JudgeModel:
    """Read a folder of `judge_model`. Raises InputError naming what is missing or damaged."""
    return JudgeModel(load_judge(model))
