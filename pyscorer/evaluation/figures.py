"""Figures of the report, as data: URIs that stand in the page itself."""

import base64
import io
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.scales import Range

INK, GRID = "#1f2a37", "#e5e7eb"
COLOURS = ("#2563eb", "#ea580c", "#059669", "#7c3aed", "#db2777", "#64748b")

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.edgecolor": "#9ca3af",
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "pyscorer",  # the same figure gives the same bytes
    "svg.fonttype": "none",
}


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")


def as_uri(figure: Figure, kind: str = "svg") -> str:
    """A data: URI of the figure; png for figures with thousands of points."""
    stream = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    figure.savefig(stream, format=kind, dpi=160, metadata=metadata)
    mime = "image/svg+xml" if kind == "svg" else "image/png"
    return f"data:{mime};base64,{base64.b64encode(stream.getvalue()).decode()}"


def intervals(results: pd.DataFrame, ceiling: float | None) -> str:
    """PCC of each scorer with its intervals: thick over utterances, thin over speakers."""
    with matplotlib.rc_context(_STYLE):
        figure = _figure(5.6, 1.3 + 0.5 * len(results))
        axes = figure.subplots()
        for y, row in enumerate(results.to_dict("records")):
            speaker = [row["speaker_low"], row["speaker_high"]]
            utterance = [row["utterance_low"], row["utterance_high"]]
            axes.plot(speaker, [y, y], color=COLOURS[0], linewidth=1.5)
            axes.plot(utterance, [y, y], color=COLOURS[0], linewidth=6, alpha=0.35)
            axes.plot(row["pcc"], y, "o", color=COLOURS[0], markersize=8)
            axes.annotate(
                f"{row['pcc']:.3f}",
                (row["pcc"], y),
                (0, 9),
                textcoords="offset points",
                ha="center",
            )
        if ceiling is not None:
            axes.axvline(ceiling, color=COLOURS[1], linestyle="--", linewidth=1.5)
            axes.annotate(
                "one expert against the others", (ceiling, -0.75), (-5, 0),
                textcoords="offset points", color=COLOURS[1], ha="right", va="center",
            )  # fmt: skip
        axes.set_yticks(range(len(results)), results["scorer"])
        axes.set_ylim(len(results) - 0.5, -1)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("PCC with the human score (test)")
        return as_uri(figure)


def published_and_ours(results: pd.DataFrame, metric: str, label: str) -> str:
    """A metric of every `model` with its interval, and beside it what a paper has.

    Columns: METRIC, METRIC_low, METRIC_high and paper_METRIC, which may be missing (NaN).
    """
    with matplotlib.rc_context(_STYLE):
        figure = _figure(8, 1.2 + 0.3 * len(results))
        axes = figure.subplots()
        places = np.arange(len(results))
        bounds = results[[f"{metric}_low", f"{metric}_high"]].to_numpy(dtype=float)
        axes.hlines(places, bounds[:, 0], bounds[:, 1], color=COLOURS[0], linewidth=3, alpha=0.4)
        axes.plot(results[metric], places, "o", color=COLOURS[0], label="ours")
        axes.plot(results[f"paper_{metric}"], places, "D", color=COLOURS[1], label="paper")
        axes.set_yticks(places, results["model"], fontsize=9)
        axes.set_ylim(len(results) - 0.5, -0.5)
        axes.set_xlabel(label)
        axes.legend(loc="lower right")
        return as_uri(figure)


def scatter(table: pd.DataFrame, name: str, pcc: float, own: Range) -> str:
    """Predicted against human score of a range, with the mean prediction at each human score."""
    step = _step(own)
    with matplotlib.rc_context(_STYLE):
        figure = _figure(4.6, 4.4)
        axes = figure.subplots()
        human, predicted = table["human"].to_numpy(dtype=float), table["predicted"].to_numpy()
        jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(table)) * step
        axes.plot(own, own, color="#9ca3af", linewidth=1, linestyle="--")
        axes.scatter(
            human + jitter, predicted, s=8, alpha=min(0.6, 60 / len(table) ** 0.5 / 4),
            color=COLOURS[0], linewidths=0,
        )  # fmt: skip
        means = pd.Series(predicted).groupby(human).mean()
        axes.plot(
            means.index.to_numpy(),
            means.to_numpy(),
            "o-",
            color=COLOURS[1],
            markersize=4,
            label="mean",
        )
        ends = min(human.min(), predicted.min()) - step / 2, own[1] + step / 2
        axes.set(xlim=ends, ylim=ends, xlabel="human score", ylabel="predicted score")
        axes.set_title(f"{name}: PCC {pcc:.3f}", fontsize=11)
        axes.legend(loc="upper left")
        return as_uri(figure, "png")


def histograms(parts: dict[str, np.ndarray], label: str, bins: np.ndarray) -> str:
    """Shares of each split's values in the bins, side by side."""
    with matplotlib.rc_context(_STYLE):
        figure = _figure(5, 3)
        axes = figure.subplots()
        values = list(parts.values())
        weights = [np.full(len(v), 1 / len(v)) for v in values]
        axes.hist(
            values, bins.tolist(), weights=weights, label=list(parts), color=COLOURS[: len(values)]
        )
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, 0))
        axes.set_xlabel(label)
        axes.legend()
        return as_uri(figure)


def _step(own: Range) -> float:
    """Between the scores of a range that are told apart: 1, or a tenth of another range."""
    span = own[1] - own[0]
    return 1.0 if 2 < span <= 20 else span / 10


def score_histogram(parts: dict[str, np.ndarray], aspect: str, own: Range) -> str:
    """Human scores of each split."""
    step = _step(own)
    bins = np.arange(own[0] - step / 2, own[1] + step, step)
    return histograms(parts, f"human {aspect} score", bins)


def duration_histogram(parts: dict[str, np.ndarray]) -> str:
    """Phone durations of each split, in milliseconds; longer ones in the last bin."""
    longest = 40
    clipped = {k: np.minimum(v, longest) * FRAME_SHIFT * 1000 for k, v in parts.items()}
    bins = np.arange(2.5, longest + 2, 2) * FRAME_SHIFT * 1000
    return histograms(clipped, f"phone duration, ms (the last bin: {longest * 10} and more)", bins)


def curves(
    table: pd.DataFrame, x: str, lines: dict[str, str], label: str, best: str | None = None
) -> str:
    """Columns of a training log over the column `x`; `best`: mark the maximum of this column."""
    with matplotlib.rc_context(_STYLE):
        figure = _figure(5, 3)
        axes = figure.subplots()
        for (column, name), colour in zip(lines.items(), COLOURS, strict=False):
            axes.plot(table[x], table[column], color=colour, label=name, linewidth=1.8)
        if best is not None and len(table):  # a model from elsewhere has no log
            row = table.iloc[int(table[best].argmax())]
            axes.plot(row[x], row[best], "o", color=INK)
            axes.annotate(
                f"best {row[best]:.3f}", (row[x], row[best]), (0, -16),
                textcoords="offset points", ha="center",
            )  # fmt: skip
        axes.set(xlabel=x, ylabel=label)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        if len(lines) > 1:
            axes.legend()
        return as_uri(figure)
