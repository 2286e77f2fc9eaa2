"""A model that judges responses, as `judge_model` writes it: experts and what hears recordings."""

from dataclasses import dataclass
from pathlib import Path

from pyscorer.feedback.judge_ears import Ears, load_ears
from pyscorer.proficiency.judge import Judge, load_judge


@dataclass(frozen=True)
class JudgeModel:
    """A judge, and what hears recordings for it: None where it was made of transcripts."""

    judge: Judge
    ears: Ears | None = None


def load_judge_model(model: Path) -> JudgeModel:
    """Read a folder of `judge_model`. Raises InputError naming what is missing or damaged."""
    return JudgeModel(load_judge(model), load_ears(model))
