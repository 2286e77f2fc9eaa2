"""The page of a learner: scores over time, recordings told together, sounds that go wrong."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pyscorer.contract.scales import Range, decimals, told
from pyscorer.evaluation.templates import page_template
from pyscorer.feedback.advice import sentence, sound
from pyscorer.feedback.page import hundred, percent
from pyscorer.feedback.progress_line import Trend
from pyscorer.feedback.takes import Learner, ranges_of

WIDTH, HEIGHT = 1000, 100
"""Of a chart, in the units of its lines."""
_EDGE = 30
"""Units that are left free at either end."""


@dataclass(frozen=True)
class Point:
    """A recording in a chart: its score and the interval of that."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Chart:
    """Scores of an aspect over time."""

    points: tuple[Point, ...]
    line: tuple[float, float] | None
    """Heights of the trend at the first and the last recording, where it is told."""


def chart(of: Learner, aspect: str) -> Chart:
    """The scores of an aspect, from the lowest of its range below to the highest above."""
    own, found = ranges_of(of)[aspect], of.trends[aspect]
    last = max(found.times) or 1.0

    def height(value: float) -> float:
        return round(HEIGHT * (1 - percent(value, own) / 100), 1)

    points = tuple(
        Point(
            round(_EDGE + (WIDTH - 2 * _EDGE) * time / last, 1),
            *(height(take.scores[aspect][end]) for end in ("value", "low", "high")),
        )
        for time, take in zip(found.times, of.takes, strict=True)
    )
    if not found.is_told or found.slope is None:
        return Chart(points, None)
    rise = found.slope / found.step * last
    return Chart(points, (height(found.start), height(found.start + rise)))


def told_trend(found: Trend, own: Range) -> str:
    """A trend in one sentence."""
    if found.slope is None or found.low is None or found.high is None:
        return "Too few recordings to tell a trend, or all of one time."
    unit = f"{found.step:g} days" if found.step > 1 else "recording"
    digits = decimals(own) + 1
    interval = f"{found.low:+.{digits}f} to {found.high:+.{digits}f}"
    if not found.is_told:
        return f"No trend can be told: {interval} a {unit}, 9 times in 10."
    way = "Rises" if found.slope > 0 else "Falls"
    return f"{way} by {abs(found.slope):.{digits}f} a {unit} ({interval}, 9 times in 10)."


def as_learner_page(of: Learner) -> str:
    """One HTML page, which leads to those of the recordings in the folder above."""
    return page_template("learner.html.jinja", _number, Path(__file__).parent).render(
        of=of,
        ranges=ranges_of(of),
        charts={aspect: chart(of, aspect) for aspect in of.trends},
        told_trend=told_trend,
        told=told,
        decimals=decimals,
        hundred=hundred,
        sound=sound,
        sentence=sentence,
        link=lambda name: f"../{quote(name)}.html",
    )


def _number(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}"
