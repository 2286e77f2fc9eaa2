"""The stage evaluate_grader: graders held against the experts, at every level."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from pyscorer.contract.files import atomic_directory
from pyscorer.contract.scales import LEVELS, Scales, check_same
from pyscorer.contract.scores import write_rows
from pyscorer.errors import InputError
from pyscorer.evaluation.ceiling import ceiling_rows
from pyscorer.evaluation.evaluate import group_rows, seed_columns
from pyscorer.evaluation.metrics import bootstrap_pearson, mean_squared_error, pearson, sd_of_seeds
from pyscorer.grading.detection import (
    confusion_rows,
    curve_rows,
    detection_rows,
    diagnosis_rows,
    error_rate_rows,
    low_score_row,
    read_rivals,
    wrong,
)
from pyscorer.grading.grading_tables import write_grading_tables
from pyscorer.grading.intervals import wrong_below
from pyscorer.grading.score_tables import read_level
from pyscorer.options import option

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GraderEvaluation:
    """How graders are held against the experts."""

    samples: int = option(1000, "bootstrap samples of speakers", ge=1)
    seed: int = option(0, "of the bootstrap", ge=0)
    precisions: tuple[Annotated[float, Field(gt=0, le=1)], ...] = option(
        (0.5, 0.6, 0.7, 0.8), "share of flagged phones that shall be wrong indeed", min_length=1
    )
    diagnosis_precision: float = option(0.6, "at which confusions are counted", gt=0, le=1)
    published_wrong: float = option(
        0.25,
        "share of the range below which published work calls a phone wrong: 0.5 of 0 to 2",
        gt=0,
        le=1,
    )
    seldom: float = option(
        0.95, "share of equal scores from which on an aspect is held against a constant", gt=0, le=1
    )


def by_speaker(table: pd.DataFrame, column: str) -> np.ndarray:
    """Mean of `column` over the speaker, for each row."""
    means: np.ndarray = table.groupby("speaker")[column].transform("mean").to_numpy()
    return means


def between_and_within(table: pd.DataFrame) -> tuple[float, float]:
    """PCC of speaker means (a speaker a point), and of deviations from the speaker's mean."""
    means = table.groupby("speaker")[["predicted", "human"]].mean()
    deviations = [table[c].to_numpy() - by_speaker(table, c) for c in ("predicted", "human")]
    return pearson(means["predicted"].to_numpy(), means["human"].to_numpy()), pearson(*deviations)


def mixed_with_others(table: pd.DataFrame, own: float) -> np.ndarray:
    """`own` of a recording's prediction, the rest the mean over the speaker's recordings."""
    return own * table["predicted"].to_numpy() + (1 - own) * by_speaker(table, "predicted")


def best_share(train: pd.DataFrame) -> float:
    """The share of the own prediction in `mixed_with_others` with the best PCC out of fold.

    The largest of those that are as good: all are where no speaker has two recordings.
    """
    human = train["human"].to_numpy()

    def goodness(own: float) -> tuple[float, float]:
        found = pearson(mixed_with_others(train, own), human)
        return round(found, 9) if np.isfinite(found) else -1.0, own

    return float(max(np.linspace(0, 1, 21), key=goodness))


def result_row(
    test: pd.DataFrame, train: pd.DataFrame, options: GraderEvaluation
) -> dict[str, Any]:
    """Everything about one aspect of one level."""
    human, predicted = (test[c].to_numpy(dtype=float) for c in ("human", "predicted"))
    seeds = seed_columns(test)
    values = [pearson(column, human) for column in seeds.T]
    low, high = bootstrap_pearson(
        predicted[:, None], human, test["speaker"].to_numpy(str), options.samples, options.seed
    )
    between, within = between_and_within(test)
    learnt = train["predicted"].to_numpy(), train["human"].to_numpy()
    inside = (test["low"] <= human) & (human <= test["high"])
    return {
        "scored": len(test),
        "pcc": pearson(predicted, human),
        "speaker_low": low,
        "speaker_high": high,
        "seeds": len(values),
        "seed_pcc": np.mean(values),
        "seed_pcc_sd": sd_of_seeds(values),
        "mse": mean_squared_error(predicted, human),
        "seed_mse": np.mean([mean_squared_error(column, human) for column in seeds.T]),
        "speaker_means_pcc": between,
        "within_speaker_pcc": within,
        "coverage": inside.mean(),
        "interval_width": (test["high"] - test["low"]).mean(),
        "out_of_fold_pcc": pearson(*learnt),
        "out_of_fold_mse": mean_squared_error(*learnt),
    }


def low_below(
    train: pd.DataFrame, level: str, scales: Scales, options: GraderEvaluation
) -> float | None:
    """The human score below which a unit is one to detect; None: the aspect is no such case.

    Of phones that of published work; of an aspect whose scores are nearly all equal, that score.
    """
    if level == "phone":
        low, high = scales.phone_range
        return low + options.published_wrong * (high - low)
    shares = train["human"].value_counts(normalize=True)
    return float(shares.index[0]) if shares.iloc[0] >= options.seldom else None


def evaluate_grader(
    data: Path,
    graders: list[Path],
    names: list[str],
    out: Path,
    options: GraderEvaluation,
    learned_gop: Path | None = None,
    truth: Path | None = None,
) -> None:
    """Hold the scores of one or more graders against those of the experts, on the test split.

    `graders` are directories of train_grader, `names` what they are called. `learned_gop`, of the
    test split, names what was said instead; `truth` (of the generated sample) says what was.

    Writes into the directory `out`: results.csv (a row for each grader, level and aspect: PCC of
    the ensemble with its 95 % bootstrap interval over speakers, of single seeds, MSE, PCC of
    speaker means and within speakers, coverage and width of the 90 % predictive intervals, and
    out_of_fold_pcc and _mse on train; what nobody scored is left out, named in the log), pages of
    the tables in Markdown (see `write_grading_tables`),
    low_scores.csv (see `low_score_row`: of phones, wrong as in published work, and of aspects whose
    scores are nearly all equal, as word stress: detection with a threshold from train, and what a
    constant would get),
    groups.csv (utterances by age group and gender), speakers.csv (utterances with the speaker's
    other recordings known), ceiling.csv (one expert, and every grader, against the mean of the
    other experts), and of the first grader detection.csv, curves.csv, confusions.csv and
    error_rates.csv (with `learned_gop`) and diagnosis.csv (with `truth`).
    """
    if len(graders) != len(names):
        raise InputError(f"{len(graders)} graders, but {len(names)} names")
    scales = check_same(data, *graders)
    results: list[dict[str, Any]] = []
    low: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    predicted: dict[str, dict[str, pd.Series]] = {name: {} for name in names}
    for name, grader in zip(names, graders, strict=True):
        for level in LEVELS:
            for aspect in scales.level(level):
                test, train = (
                    read_level(grader, t, level, aspect) for t in ("scores", "out_of_fold")
                )
                if test.empty or train.empty:
                    split = "train" if train.empty else "test"
                    log.warning("%s: no %s %s score in %s: left out", name, level, aspect, split)
                    continue
                place = {"grader": name, "level": level, "aspect": aspect}
                results.append(place | result_row(test, train, options))
                if (below := low_below(train, level, scales, options)) is not None:
                    low.append(place | low_score_row(test, train, below))
                if level == "utterance":
                    groups += [
                        {"aspect": aspect} | row
                        for row in group_rows(name, test.filter(regex="^(?!seed_)"), data)
                    ]
                    others.append(place | _others_row(test, train))
                    predicted[name][aspect] = test.set_index("utterance")["predicted"]
        if not any(r["grader"] == name for r in results):
            raise InputError(f"{grader}: nothing that it predicts was scored in the test split")
        for r in results:
            if (r["grader"], r["level"], r["aspect"]) == (name, "utterance", scales.overall):
                log.info("%s: test PCC of utterance %s %.3f", name, r["aspect"], r["pcc"])
    tables = {
        "results": results,
        "low_scores": low,
        "groups": groups,
        "speakers": others,
        "ceiling": ceiling_rows(data, predicted),
        **_detection(graders[0], scales, options, learned_gop, truth),
    }
    with atomic_directory(out) as part:
        for file, rows in tables.items():
            if rows:
                write_rows(part / f"{file}.csv", rows)
        write_grading_tables(part, tables, scales)


def _others_row(test: pd.DataFrame, train: pd.DataFrame) -> dict[str, Any]:
    own = best_share(train)
    human = test["human"].to_numpy()
    return {
        "own_share": own,
        "pcc": pearson(test["predicted"].to_numpy(), human),
        "pcc_with_other_recordings": pearson(mixed_with_others(test, own), human),
    }


def _detection(
    grader: Path,
    scales: Scales,
    options: GraderEvaluation,
    learned_gop: Path | None,
    truth: Path | None,
) -> dict[str, list[dict[str, Any]]]:
    aspect, below = scales.phone_aspect or "", wrong_below(scales.phone_range)
    test, train = (read_level(grader, t, "phone", aspect) for t in ("scores", "out_of_fold"))
    if any(table.empty or wrong(table, below).mean() in (0, 1) for table in (test, train)):
        log.warning("%s: phones not scored, or all right or all wrong: nothing to detect", grader)
        return {}
    tables = {
        "detection": detection_rows(test, train, options.precisions, below),
        "curves": curve_rows(test, below),
    }
    if learned_gop is None:
        return tables
    wanted = options.diagnosis_precision
    threshold = detection_rows(test, train, (wanted,), below)[0]["threshold"]
    rivals = read_rivals(learned_gop)
    tables["confusions"] = confusion_rows(test, rivals, threshold, below)
    tables["error_rates"] = error_rate_rows(test, rivals, threshold, truth)
    if truth is not None:
        tables["diagnosis"] = diagnosis_rows(test, rivals, truth, threshold)
    return tables
