"""The recordings of a learner, told together."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from pyscorer.contract.scales import Range
from pyscorer.feedback.answer_types import Answer, Score, Word
from pyscorer.feedback.progress_line import Trend, trend
from pyscorer.feedback.tasks import Task, no_formula


@dataclass(frozen=True)
class Take:
    """One recording of a learner."""

    learner: str
    date: datetime | None
    task: Task
    answer: Answer

    @property
    def scores(self) -> dict[str, Score]:
        """By aspect."""
        return self.answer["aspects"]


@dataclass(frozen=True)
class WrongSound:
    """A phone that was judged wrong twice or more, in all recordings."""

    phone: str
    wrong: int
    """How often."""
    spoken: int
    """Of how many."""
    said: str
    """What was heard most often instead."""


@dataclass(frozen=True)
class Learner:
    """The recordings of one learner, in the order of their dates."""

    name: str
    takes: tuple[Take, ...]
    together: dict[str, tuple[float, ...]]
    """Aspect -> scores of the recordings, each with all others known."""
    trends: dict[str, Trend]
    """Aspect -> progress over time."""
    sounds: tuple[WrongSound, ...]
    """Worst first."""


def grouped(takes: Sequence[Take]) -> dict[str, list[Take]]:
    """Recordings by learner, in their order."""
    found: defaultdict[str, list[Take]] = defaultdict(list)
    for take in takes:
        found[take.learner].append(take)
    return found


def together(name: str, takes: list[Take], shares: Mapping[str, float]) -> Learner:
    """A learner of at least one recording; `shares` of an aspect are those of its own score."""
    if takes[0].date is not None:
        takes = sorted(takes, key=lambda take: take.date or datetime.max.replace(tzinfo=UTC))
    values = {
        aspect: np.array([take.scores[aspect]["value"] for take in takes])
        for aspect in takes[0].scores
    }
    times = np.arange(len(takes), dtype=float)
    if (first := takes[0].date) is not None:
        times = np.array([(t.date - first).total_seconds() / 86400 for t in takes if t.date])
    return Learner(
        name,
        tuple(takes),
        {
            aspect: with_others(own, shares[aspect])
            for aspect, own in values.items()
            if aspect in shares and len(own) > 1
        },
        {aspect: trend(times, own, first is not None) for aspect, own in values.items()},
        wrong_sounds([word for take in takes for word in take.answer["words"]]),
    )


def with_others(own: np.ndarray, share: float) -> tuple[float, ...]:
    """Scores of a learner's recordings, each with the others known."""
    return tuple(float(value) for value in share * own + (1 - share) * own.mean())


def wrong_sounds(words: Sequence[Word]) -> tuple[WrongSound, ...]:
    """Phones of which another was heard twice or more, the most frequent first."""
    spoken: Counter[str] = Counter()
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for phone in (phone for word in words for phone in word["phones"]):
        spoken[phone["phone"]] += 1
        if heard := phone.get("said"):
            said[phone["phone"]][heard] += 1
    found = [
        WrongSound(phone, each.total(), spoken[phone], each.most_common(1)[0][0])
        for phone, each in said.items()
        if each.total() > 1
    ]
    return tuple(sorted(found, key=lambda sound: (-sound.wrong, sound.phone)))


def take_rows(of: Learner) -> list[dict[str, Any]]:
    """Rows of learners.csv."""
    rows = []
    for place, take in enumerate(of.takes):
        row: dict[str, Any] = {
            "learner": no_formula(of.name),
            "date": take.date.isoformat(" ") if take.date else "",
            "name": take.task.name,
        }
        for aspect, score in take.scores.items():
            together = of.together.get(aspect)
            row[aspect] = score["value"]
            row[f"{aspect}_others_known"] = round(together[place], 3) if together else ""
        rows.append(row)
    return rows


def progress_rows(of: Learner) -> list[dict[str, Any]]:
    """Rows of progress.csv."""
    return [
        {"learner": no_formula(of.name), "aspect": aspect, "recordings": len(of.takes)}
        | found.row()
        for aspect, found in of.trends.items()
    ]


def ranges_of(of: Learner) -> dict[str, Range]:
    """Lowest and highest score by aspect."""
    told = of.takes[0].answer["ranges"]["utterance"]
    return {aspect: (own[0], own[1]) for aspect, own in told.items()}
