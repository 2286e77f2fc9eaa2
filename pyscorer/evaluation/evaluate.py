"""Stage `evaluate`: predicted scores held against the human ones, as tables."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.files import atomic_directory, read_table
from pyscorer.contract.scales import read_scales
from pyscorer.contract.tables import read_frame
from pyscorer.errors import InputError
from pyscorer.evaluation.ceiling import EXPERT, ceiling_rows
from pyscorer.evaluation.metrics import (
    bootstrap_pearson,
    mean_squared_error,
    pearson,
    sd_of_seeds,
    seed_mean_pearson,
)
from pyscorer.options import option

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluateOptions:
    """How scores are held against the human ones."""

    aspect: str | None = option(
        None, "the human score that is predicted; default: that which stands for all"
    )
    samples: int = option(1000, "bootstrap samples", ge=1)
    errors: int = option(12, "worst errors listed for each scorer", ge=0)
    seed: int = option(0, "of the bootstrap", ge=0)


def read_scores(scorer: Path, data: Path, name: str = "scores.csv") -> pd.DataFrame:
    """Read scorer/`name`: utterance, speaker, human, predicted and a column a seed.

    Raises InputError if a column is missing or the utterances are not those of `data`.
    """
    path = scorer / name
    if not path.exists():
        raise InputError(f"{path}: no such file; a scorer directory holds {name}")
    table = _scores(path)
    wanted, found = set(read_table(data / "text")), set(table["utterance"])
    if wanted != found:
        example = min(wanted ^ found)
        raise InputError(
            f"{path}: {len(found)} utterances where {data}/text has {len(wanted)}; {example} is in "
            "only one of them"
        )
    return table


def _scores(path: Path) -> pd.DataFrame:
    needed = ["utterance", "speaker", "human", "predicted"]
    return read_frame(path, needed, text=needed[:2])


def seed_columns(table: pd.DataFrame) -> np.ndarray:
    """Predictions by seed, utterances x seeds; of a scorer without seeds, `predicted` alone."""
    seeds = [column for column in table if str(column).startswith("seed_")] or ["predicted"]
    return table[seeds].to_numpy(dtype=float)


def score_row(name: str, scorer: Path, table: pd.DataFrame, options: EvaluateOptions) -> dict:
    """PCC of one scorer with its uncertainty: one row of results.csv."""
    human, by_seed = table["human"].to_numpy(dtype=float), seed_columns(table)
    values = [pearson(column, human) for column in by_seed.T]

    rows, speakers = np.arange(len(table)), table["speaker"].to_numpy(dtype=str)
    by_utterance, by_speaker = (
        bootstrap_pearson(by_seed, human, units, options.samples, options.seed)
        for units in (rows, speakers)
    )
    predicted = table["predicted"].to_numpy(dtype=float)
    row = {
        "scorer": name,
        "utterances": len(table),
        "speakers": len(np.unique(speakers)),
        "seeds": len(values),
        "pcc": np.mean(values),
        "pcc_sd": sd_of_seeds(values),
        "utterance_low": by_utterance[0],
        "utterance_high": by_utterance[1],
        "speaker_low": by_speaker[0],
        "speaker_high": by_speaker[1],
        "pcc_all_seeds": pearson(predicted, human),
        "mse": np.mean([mean_squared_error(column, human) for column in by_seed.T]),
    }
    modules = scorer / "modules.csv"
    if modules.exists():
        single = read_frame(modules, ["test_pcc"], gaps=["test_pcc"])["test_pcc"]
        row |= {"single_module_pcc": single.mean(), "single_module_pcc_sd": single.std()}
    held_out = scorer / "out_of_fold.csv"
    if held_out.exists():
        training = _scores(held_out)
        row["out_of_fold_pcc"] = seed_mean_pearson(
            seed_columns(training), training["human"].to_numpy(dtype=float)
        )
    return row


def group_rows(name: str, table: pd.DataFrame, data: Path) -> list[dict]:
    """PCC (mean over seeds) by age group and gender: rows of groups.csv."""
    ages, genders = (
        read_table(data / file) if (data / file).exists() else {}
        for file in ("spk2age", "spk2gender")
    )
    speakers, scales = table["speaker"], read_scales(data)
    groups = {"gender": speakers.map(lambda s: genders.get(s, "unknown"))}
    if scales.child_below is not None:
        groups = {"age": speakers.map(lambda s: scales.age_group(ages.get(s)))} | groups
    human, by_seed = table["human"].to_numpy(dtype=float), seed_columns(table)
    rows = []
    for attribute, values in groups.items():
        for group in sorted(set(values)):
            chosen = (values == group).to_numpy()
            rows.append(
                {
                    "scorer": name,
                    "attribute": attribute,
                    "group": group,
                    "speakers": speakers[chosen].nunique(),
                    "utterances": int(chosen.sum()),
                    "human_mean": human[chosen].mean(),
                    "predicted_mean": by_seed[chosen].mean(),
                    "pcc": seed_mean_pearson(by_seed[chosen], human[chosen]),
                }
            )
    return rows


def worst_errors(name: str, table: pd.DataFrame, data: Path, count: int) -> pd.DataFrame:
    """The `count` utterances whose predicted score is farthest from the human one."""
    text = read_table(data / "text")
    table = table[["utterance", "speaker", "human", "predicted"]].copy()
    table["error"] = (table["predicted"] - table["human"]).round(4)
    table["text"] = table["utterance"].map(text)
    table.insert(0, "scorer", name)
    order = table["error"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order[:count]]


def evaluate(
    data: Path,
    scorers: list[Path],
    names: list[str],
    out: Path,
    options: EvaluateOptions = EvaluateOptions(),
) -> None:
    """Hold the scores of one or more scorers against the human scores of the test split.

    `scorers` are directories with scores.csv (utterance, speaker, human, predicted, and optionally
    seed_0, seed_1, ...), `names` what they are called in the tables. The PCC of a scorer is the
    mean over its seeds; its interval is a 95 % percentile bootstrap of that mean, resampling
    utterances, and, more honest for new speakers, resampling speakers. Children are those of
    the scales of `data`, which may say that nobody is told apart by age.

    Writes into the directory `out`: results.csv (a row a scorer), groups.csv (PCC by age group and
    gender), errors.csv (worst errors), ceiling.csv (one expert, and every scorer,
    against the mean of the other experts). `pcc_all_seeds` is the PCC of the prediction averaged
    over seeds; `single_module_pcc` the mean over single modules (no averaging at all), where the
    scorer has them.
    """
    if len(scorers) != len(names):
        raise InputError(f"{len(scorers)} scorers, but {len(names)} names")
    aspect = read_scales(data).chosen(options.aspect, data)
    results, groups, errors = [], [], []
    predicted: dict[str, dict[str, pd.Series]] = {}
    for scorer, name in zip(scorers, names, strict=True):
        table = read_scores(scorer, data)
        results.append(score_row(name, scorer, table, options))
        predicted[name] = {aspect: table.set_index("utterance")["predicted"]}
        groups += group_rows(name, table, data)
        errors.append(worst_errors(name, table, data, options.errors))
        log.info("%s: test PCC %.3f", name, results[-1]["pcc"])
    ceiling_columns = ["group", "aspect", "utterances", "raters", EXPERT, *names]
    tables = {
        "results": pd.DataFrame(results),
        "groups": pd.DataFrame(groups),
        "ceiling": pd.DataFrame(ceiling_rows(data, predicted), columns=ceiling_columns),
    }
    with atomic_directory(out) as part:
        for file, frame in tables.items():
            frame.to_csv(part / f"{file}.csv", index=False, float_format="%.4f")
        pd.concat(errors).to_csv(part / "errors.csv", index=False)
