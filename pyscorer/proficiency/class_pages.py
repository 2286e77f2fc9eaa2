"""The page and the Markdown of the tables of recordings (`class_tables`)."""

import html
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.classes import Classes
from pyscorer.contract.files import atomic_open
from pyscorer.evaluation.markdown import markdown_table
from pyscorer.proficiency.decisions import METRICS
from pyscorer.proficiency.proficiency_html import STYLE, html_table
from pyscorer.proficiency.systems import Systems
from pyscorer.proficiency.task import CRITERIA

TITLES = {
    1: "Baselines and stand-alone experts",
    2: "Pseudo-joint models",
    3: "Mixtures of experts",
    4: "The chosen mixture without an expert, and without a group of them",
}
SHOWN = {
    "d_full": "D_full",
    "d": "D",
    "d_a": "D_A",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "f1_weighted": "F1, weighted FA",
    "recall": "recall",
    "rejection": "rejection",
    "auc": "AUC",
    "pcc": "PCC",
    "kappa": "quadratic kappa",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}


def shown_rows(frame: pd.DataFrame, classes: Classes) -> pd.DataFrame:
    """The rows of a table as text: of every metric mean ± sd over seeds [95 % over speakers]."""
    rows = []
    for _, row in frame.iterrows():
        found = {"model": row["model"]}
        for name in METRICS[classes.kind]:
            found[SHOWN[name]] = _figure(row, name)
        rows.append(found | {"validation": f"{row['validation']:.3f}"})
    return pd.DataFrame(rows)


def _figure(row: pd.Series, name: str) -> str:
    if name not in row or np.isnan(row[name]):
        return ""
    spread = "" if np.isnan(row[f"{name}_sd"]) else f" ± {row[f'{name}_sd']:.3f}"
    return f"{row[name]:.3f}{spread} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"


COMPARED = ("d_full", "auc", "accuracy", "f1", "pcc", "kappa", "log_loss")
"""Metrics whose comparisons are shown; the table holds those of all."""


def shown_comparisons(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The comparisons as text."""
    comparisons = comparisons[comparisons["metric"].isin(COMPARED)]
    return pd.DataFrame(
        {
            "model": comparisons["model"],
            "against": comparisons["against"] + ": " + comparisons["which"],
            "metric": comparisons["metric"].map(SHOWN),
            "difference": [
                f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
                for row in comparisons.itertuples()
            ],
            "resamples better": [f"{100 * better:.1f} %" for better in comparisons["better"]],
        }
    )


def write_class_markdown(
    path: Path, frame: pd.DataFrame, comparisons: pd.DataFrame, classes: Classes
) -> None:
    """The tables as Markdown, for documentation."""
    parts = []
    for number, title in TITLES.items():
        rows = frame[frame["table"] == number]
        if len(rows):
            parts += [f"{title}\n", _markdown(shown_rows(rows, classes))]
    parts += ["Paired bootstrap over speakers\n", _markdown(shown_comparisons(comparisons))]
    with atomic_open(path) as stream:
        stream.write("\n".join(parts))


def _markdown(rows: pd.DataFrame) -> str:
    return markdown_table([*rows.columns], (map(str, line) for line in rows.to_numpy().tolist()))


def write_class_page(
    path: Path,
    frame: pd.DataFrame,
    comparisons: pd.DataFrame,
    explained: pd.DataFrame,
    systems: Systems,
    speakers: int,
) -> None:
    """One self-explaining page; the plot of the metric that chooses is expected beside it."""
    classes = systems.classes
    metric = CRITERIA[classes.kind][0]
    parts = [
        "<!doctype html><meta charset=utf-8><title>Spoken proficiency</title>",
        f"<style>{STYLE}</style><h1>Spoken proficiency</h1>",
        f"<p>Classes: {html.escape(', '.join(classes.names))}. Mean and standard deviation over "
        f"seeds; in brackets the 95 % bootstrap interval over the {speakers} speakers of the test "
        f"rows. Thresholds and mixtures were chosen on training rows, out of fold, by "
        f"{SHOWN[metric]}. Of log loss, Brier score and calibration error less is better.</p>",
        f"<img src={metric}.png alt='{SHOWN[metric]} of every system'>",
    ]
    for number, title in TITLES.items():
        rows = frame[frame["table"] == number]
        if len(rows):
            parts += [f"<h2>{title}</h2>", _table(shown_rows(rows, classes))]
    parts += ["<h2>Paired bootstrap over speakers</h2>", _table(shown_comparisons(comparisons))]
    wrong = explained[~explained["right"]]
    parts += [
        f"<h2>Responses that are decided wrongly: {len(wrong)} of {len(explained)}</h2>",
        f"<p>First seed of {html.escape(systems.final.shown)}.</p>",
        _table(wrong.drop(columns=["right"])),
    ]
    with atomic_open(path) as stream:
        stream.write("\n".join(parts))


def _table(rows: pd.DataFrame) -> str:
    text = ("prompt", "response", "edits", "against", "human", "decided", "metric")
    return html_table(rows, {str(c): str(c).replace("_", " ") for c in rows.columns}, text)
