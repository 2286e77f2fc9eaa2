"""The page and the plot of the proficiency tables."""

import html
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from pyscorer.contract.files import atomic_open, atomic_path
from pyscorer.evaluation.markdown import markdown_table
from pyscorer.proficiency.systems import SystemKey

TITLES = {
    1: "Table 1: FBK baseline and stand-alone experts",
    2: "Table 2: pseudo-joint models",
    3: "Table 3: mixtures of experts",
    0: "Published and reference figures on edition 2's test set",
}
STYLE = """body{font:15px/1.45 sans-serif;max-width:78rem;
margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-size:13px}
th,td{padding:.25rem .55rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child,td.text{text-align:left}img{max-width:100%}
.scroll{overflow-x:auto}"""


PUBLISHED_BEST = 7.38
"""D_full on the Spoken CALL task's test rows, with a recogniser of its own."""


def write_plot(
    path: Path, frame: pd.DataFrame, metric: str = "d_full", published: float | None = None
) -> None:
    """A metric of every system: mean over seeds with its bootstrap interval."""
    rows = frame[frame["table"] > 0].replace([np.inf, -np.inf], np.nan)
    bounds = [f"{metric}_low", f"{metric}_high"]
    rows = rows.dropna(subset=[metric, *bounds]).sort_values(metric)
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.24 * len(rows)), layout="constrained")
    places = np.arange(len(rows))
    low, high = rows[metric] - rows[bounds[0]], rows[bounds[1]] - rows[metric]
    colours = [("tab:blue", "tab:orange", "tab:green", "tab:grey")[t - 1] for t in rows["table"]]
    axes.barh(places, rows[metric], color=colours, alpha=0.75)
    axes.errorbar(
        rows[metric], places, xerr=[low.clip(0), high.clip(0)], fmt="none", ecolor="0.3", lw=1
    )
    axes.set_yticks(places, rows["model"], fontsize=7)
    name = "D_full" if metric == "d_full" else metric
    axes.set_xlabel(f"{name} on the test rows, 95 % bootstrap interval")
    if published is not None:
        label = "best published, own recogniser"
        axes.axvline(published, color="tab:red", lw=1, ls="--", label=label)
        axes.legend(loc="lower right", fontsize=8)
    with atomic_path(path) as part:
        figure.savefig(part, dpi=130)
    plt.close(figure)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else "&infin;" if np.isinf(value) else f"{value:.2f}"
    return html.escape(str(value))


def html_table(frame: pd.DataFrame, columns: dict[str, str], text: tuple[str, ...] = ()) -> str:
    """A table of those columns, with their titles; those of `text` stand to the left."""
    head = "".join(f"<th>{html.escape(title)}</th>" for title in columns.values())
    body = []
    for _, row in frame.iterrows():
        cells = []
        for column in columns:
            value = _cell(row.get(column, np.nan))
            if column == "d_full" and not np.isnan(row.get("d_full_sd", np.nan)):
                value = f"{value} &plusmn; {row['d_full_sd']:.2f}"
                value += f" [{row['d_full_low']:.1f}, {row['d_full_high']:.1f}]"
            cells.append(f"<td{' class=text' if column in text else ''}>{value}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    rows = "\n".join(body)
    return f"<div class=scroll><table><tr>{head}</tr>\n{rows}</table></div>"


def write_markdown(path: Path, frame: pd.DataFrame, comparisons: pd.DataFrame) -> None:
    """The tables as Markdown, for documentation."""
    header = ("model", "D_full", "95 %", "seen", "unseen", "D", "recall", "rejection", "validation")
    systems = [
        [
            row["model"],
            f"{row['d_full']:.2f} ± {row['d_full_sd']:.2f}",
            f"{row['d_full_low']:.1f}-{row['d_full_high']:.1f}",
            *(f"{row[c]:.2f}" for c in ("seen_d_full", "unseen_d_full", "d")),
            *(f"{row[c]:.3f}" for c in ("recall", "rejection")),
            f"{row['exam_d_full']:.2f}",
        ]
        for _, row in frame[frame["table"] > 0].iterrows()
    ]
    better = [
        [
            *(row["model"], row["against"], f"{row['difference']:+.2f}"),
            f"{100 * row['p_not_better']:.1f} %",
        ]
        for _, row in comparisons.iterrows()
    ]
    with atomic_open(path) as stream:
        stream.write(markdown_table(header, systems) + "\n")
        stream.write(
            markdown_table(("model", "against", "difference", "resamples not better"), better)
        )


def write_page(
    path: Path,
    frame: pd.DataFrame,
    comparisons: pd.DataFrame,
    explained: pd.DataFrame,
    explained_system: SystemKey,
) -> None:
    """One self-explaining page; d_full.png is expected beside it."""
    columns = {
        "model": "model",
        "d_full": "D_full ± sd [95 %]",
        "seen_d_full": "seen",
        "unseen_d_full": "unseen",
        "d": "D",
        "d_a": "D_A",
        "recall": "recall",
        "rejection": "rejection",
        "accuracy": "accuracy",
        "f1": "F1",
        "f1_weighted": "F1, weighted FA",
        "ca": "CA",
        "fr": "FR",
        "cr": "CR",
        "pfa": "PFA",
        "gfa": "GFA",
        "exam_d_full": "validation D_full",
        "paper_d_full": "paper (edition 3)",
    }
    parts = [
        "<!doctype html><meta charset=utf-8><title>Spoken proficiency</title>",
        f"<style>{STYLE}</style><h1>Spoken proficiency: Tables 1 to 3</h1>",
        "<p>Mean and standard deviation over seeds; in brackets the 95 % bootstrap interval over "
        "test rows. Thresholds and mixtures were chosen on training rows, out of fold. Seen: the "
        "(prompt, transcript) pair also occurs in training. FA = PFA + 3 GFA.</p>",
        "<img src=d_full.png alt='D_full of every system'>",
    ]
    for number, title in TITLES.items():
        rows = frame[frame["table"] == number]
        shown = columns if number else {c: columns[c] for c in ("model", "d_full", "d")}
        if len(rows):
            parts += [f"<h2>{title}</h2>", html_table(rows, shown)]
    named = {
        "model": "model",
        "against": "against",
        "difference": "difference of D_full",
        "p_not_better": "share of resamples not better",
    }
    parts += ["<h2>Paired bootstrap</h2>", html_table(comparisons, named, ("against",))]
    rejected = explained[explained["decision"] == "reject"]
    parts += [
        f"<h2>Rejected responses: {len(rejected)}</h2>",
        f"<p>First seed of {html.escape(explained_system.shown)}. Edits lead from the "
        "closest accepted response to the response: [-left out], {+put in}, {said&gt;heard}.</p>",
    ]
    hidden = {"decision", "closest_accepted", "edit_cost"}
    shown = {c: c.replace("_", " ") for c in explained.columns if c not in hidden}
    parts.append(html_table(rejected, shown, ("prompt", "response", "edits")))
    with atomic_open(path) as stream:
        stream.write("\n".join(parts))
