"""The stage average_graders: the mean of the scores of several graders."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import NonNegativeFloat

from pyscorer.contract.files import atomic_open
from pyscorer.contract.scales import LEVELS, check_same, write_scales
from pyscorer.errors import InputError
from pyscorer.grading.intervals import fit_interval
from pyscorer.grading.score_tables import read_levels
from pyscorer.options import option

_VALUES = ["predicted", "low", "high"]


@dataclass(frozen=True)
class AveragingOptions:
    """How scores are averaged."""

    weights: tuple[NonNegativeFloat, ...] = option((), "of the graders; default: all the same")


def average_graders(graders: list[Path], out: Path, options: AveragingOptions) -> None:
    """Average the scores of several graders of the same splits, as one more ensemble.

    Reads scores_*.csv and out_of_fold_*.csv of the directories of train_grader and writes the like
    into `out`, with predictive intervals fitted anew to the averaged out-of-fold scores, by the
    prediction alone. Seeds are averaged in their order; of more seeds the last are left out there.

    Raises InputError for tables that are not of the same units, or of other scales.
    """
    scales = check_same(*graders)
    weights = np.array(options.weights or [1.0] * len(graders))
    if len(weights) != len(graders):
        raise InputError(f"{len(weights)} weights, but {len(graders)} graders")
    for level in LEVELS:
        train, test = (
            _averaged([path / f"{name}_{level}.csv" for path in graders], weights / weights.sum())
            for name in ("out_of_fold", "scores")
        )
        for aspect, own in scales.level(level).items():
            mine = train["aspect"] == aspect
            if not mine.any():  # nobody scored it
                continue
            predicted, human = (train.loc[mine, c].to_numpy() for c in ("predicted", "human"))
            interval = fit_interval(predicted, np.zeros(len(predicted)), human)
            for table in (train, test):
                chosen = table["aspect"] == aspect
                values = table.loc[chosen, "predicted"].to_numpy()
                low, high = interval.around(values, np.zeros(len(values)), own)
                table.loc[chosen, "low"], table.loc[chosen, "high"] = low.round(4), high.round(4)
        for name, table in (("out_of_fold", train), ("scores", test)):
            with atomic_open(out / f"{name}_{level}.csv") as stream:
                table.to_csv(stream, index=False, lineterminator="\n", float_format="%.6g")
    write_scales(out, scales)


def _averaged(paths: list[Path], weights: np.ndarray) -> pd.DataFrame:
    """The weighted mean of tables of scores, without intervals yet."""
    tables = [read_levels(path) for path in paths]
    first = tables[0]
    units = [c for c in first if c not in _VALUES and not str(c).startswith("seed_")]
    for path, table in zip(paths, tables, strict=True):
        if not table[units].equals(first[units]):
            raise InputError(f"{path}: other units or human scores than {paths[0]}")
    seeds = min(sum(str(c).startswith("seed_") for c in table) for table in tables)
    columns = [f"seed_{i}" for i in range(seeds)]
    stacked = np.stack([table[columns].to_numpy() for table in tables])
    out = first[units].copy()
    out["predicted"] = sum(
        w * t["predicted"].to_numpy() for w, t in zip(weights, tables, strict=True)
    )
    out["low"], out["high"] = out["predicted"], out["predicted"]
    out[columns] = np.einsum("g,gns->ns", weights, stacked)
    return out
