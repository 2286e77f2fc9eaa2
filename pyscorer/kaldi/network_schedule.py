"""How the kaldi engine trains its network: iterations, jobs, egs, rates and dropout by the archive.

An iteration is some training jobs, each on other egs, whose networks are averaged then. The numbers
are those of Kaldi's steps/nnet3/chain/train.py, to which functions below refer; an archive of egs
is what one shard gives.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pyscorer.errors import InputError

_MOST_ITERATIONS = 100
"""Snakemake plans a chain of them recursively: longer ones take several archives a job."""


@dataclass(frozen=True)
class Schedule:
    """A training on `archives` archives of egs, `epochs` passes over all of them."""

    archives: int
    epochs: int
    initial_jobs: int = 1
    final_jobs: int = 1
    learning_rate: float = 0.001
    final_learning_rate: float = 0.0001
    minibatch: int = 64
    dropout: str = ""
    """--trainer.dropout-schedule; empty: none."""

    def check(self) -> None:
        """Raise InputError where jobs of an iteration would learn from the same egs."""
        if (most := max(self.initial_jobs, self.final_jobs)) > self.archives:
            name = "final" if most == self.final_jobs else "initial"
            raise InputError(
                f"kaldi.num_jobs_{name}: {most} jobs on {self.archives} archives of egs, one a "
                "shard: raise kaldi: jobs, or lower it"
            )
        if self.dropout:
            dropout_values(self.dropout)

    @cached_property
    def archives_a_job(self) -> int:
        """Archives that a job learns, one after the other."""
        jobs = (self.initial_jobs + self.final_jobs) / 2
        return max(1, math.ceil(self.archives * self.epochs / (jobs * _MOST_ITERATIONS)))

    @cached_property
    def jobs(self) -> list[int]:
        """Jobs of each iteration: get_current_num_jobs."""
        first, last = self.initial_jobs, self.final_jobs
        turns = math.ceil(self.archives * self.epochs / self.archives_a_job)
        count = max(1, turns * 2 // (first + last))
        return [int(0.5 + first + (last - first) * at / count) for at in range(count)]

    @property
    def iterations(self) -> int:
        """How many there are; the first is 1."""
        return len(self.jobs)

    def fraction(self, iteration: int) -> float:
        """What share of the egs was learnt before an iteration: num_archives_processed / all."""
        return min(1.0, self._before(iteration) / (self.archives * self.epochs))

    def egs(self, iteration: int, job: int) -> list[tuple[int, int]]:
        """Archives that a job (from 1) of an iteration learns, each with its frame shift."""
        count = self.archives_a_job
        first = self._before(iteration) + (job - 1) * count
        # train_new_models: archive_index counts from 1 there.
        return [
            (k % self.archives, (k % self.archives + 1 + k // self.archives) % 3)
            for k in range(first, first + count)
        ]

    def rate(self, iteration: int) -> float:
        """Learning rate of the jobs of an iteration: get_learning_rate."""
        first, last = self.learning_rate, self.final_learning_rate
        at = 1.0 if iteration >= self.iterations else self.fraction(iteration)
        return self.jobs[iteration - 1] * first * (last / first) ** at

    def sizes(self, iteration: int) -> tuple[str, float]:
        """Sizes of minibatches and max-param-change: less of both at first (train_one_iteration).

        What does not fill a minibatch makes one of half its size, or is left out.
        """
        first = iteration == 1
        full = (self.minibatch + 1) // 2 if first else self.minibatch
        return f"{full},{(full + 1) // 2}", 2 / math.sqrt(2) if first else 2.0

    def edits(self, iteration: int) -> str:
        """Edits of nnet3-copy that set the dropout of an iteration."""
        if not self.dropout:
            return ""
        at = self.fraction(iteration)
        return ";".join(
            f"set-dropout-proportion name={name} proportion={proportion_at(values, at):g}"
            for name, values in dropout_values(self.dropout).items()
        )

    def _before(self, iteration: int) -> int:
        return self.archives_a_job * sum(self.jobs[: iteration - 1])


Points = Sequence[tuple[float, float]]
"""Share of the egs, dropout from there on; straight lines between."""


def dropout_values(schedule: str) -> dict[str, Points]:
    """Names of components (`*`: all) with their points, of a string as train.py takes it.

    `0,0@0.20,0.5@0.50,0` begins and ends with 0; a value without a place stands at one half;
    `pattern=values` with a blank between several is for some components. Raises InputError.
    """
    found: dict[str, Points] = {}
    for part in schedule.split():
        name, _, values = part.rpartition("=")
        found[name or "*"] = _points(schedule, values)
    if not found:
        raise InputError("kaldi.dropout: an empty schedule: leave it out for none")
    return found


def _points(schedule: str, values: str) -> Points:
    parts = values.split(",")
    fault = f"kaldi.dropout: {schedule}: expected values like 0,0@0.20,0.5@0.50,0"
    number = r"[0-9]*\.?[0-9]+"
    if len(parts) < 2 or any("@" in parts[end] for end in (0, -1)):
        raise InputError(f"{fault}: a first and a last without a place")
    points: list[tuple[float, float]] = []
    for place, part in enumerate(parts):
        if not (read := re.fullmatch(rf"({number})(?:@({number}))?", part)):
            raise InputError(f"{fault}: {part[:20]!r} is none")
        at = {0: 0.0, len(parts) - 1: 1.0}.get(place, float(read[2] or 0.5))
        if not (points[-1][0] if points else 0) <= at <= 1 or float(read[1]) > 1:
            raise InputError(
                f"{fault}: {part}: places go up, and neither they nor proportions above 1"
            )
        points.append((at, float(read[1])))
    return points


def proportion_at(points: Points, at: float) -> float:
    """The dropout at a share of the egs."""
    (begin, start), *_ = reversed([point for point in points if point[0] <= at])
    later = [point for point in points if point[0] > at]
    if not later or at == begin:
        return start
    end, goal = later[0]
    return start + (at - begin) * (goal - start) / (end - begin)
