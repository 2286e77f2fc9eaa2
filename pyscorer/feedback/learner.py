"""Stage `learner`: several recordings of a learner, told together, and his progress over time."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyscorer.contract.files import atomic_open, read_json, shown
from pyscorer.contract.scores import write_rows
from pyscorer.contract.tables import read_rows
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import grader_settings
from pyscorer.feedback.default_bundle import chosen_model
from pyscorer.feedback.learner_page import as_learner_page
from pyscorer.feedback.many import FAILED, SUMMARY
from pyscorer.feedback.score import check_outputs
from pyscorer.feedback.score_all import ScoreAllOptions, score_all
from pyscorer.feedback.takes import Take, grouped, progress_rows, take_rows, together
from pyscorer.feedback.tasks import Task, named, read_manifest
from pyscorer.options import option

log = logging.getLogger(__name__)

TAKES, PROGRESS, PAGES = "learners.csv", "progress.csv", "learners"
_SOMEBODY = "learner"


@dataclass(frozen=True)
class LearnerOptions:
    """How many cores score."""

    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def learner(
    manifest: Path,
    out: Path,
    model: Path | None = None,
    options: LearnerOptions = LearnerOptions(),
) -> None:
    """Score the recordings of learners, and tell each learner's together.

    `manifest` is a CSV as of `score_all`, with the columns learner (a name; without it all are of
    one) and date (2026-11-28, or with a time, 2026-11-28 09:30; without it the list is in order).
    Scores by `model` as `score_all`, whose files it writes into `out`, and besides learners.csv (of
    each recording its scores, and those with the learner's other recordings known), progress.csv
    (of each learner and aspect the trend over time, with its 90 % interval), and a page a learner
    in out/learners.

    With others known, a score is `share` of its own and the rest the mean of the learner's: the
    share that was best for the speakers of the train split, out of fold.

    Raises InputError as `score_all`, and for a row without a learner where the list has such a
    column, a date that is none, and dates of some rows alone.
    """
    model = chosen_model(model)
    tasks = read_manifest(manifest)
    people, dates = _people(manifest)
    pages = _pages(out, people)
    written = [*pages.values(), out / TAKES, out / PROGRESS]
    check_outputs(written, [manifest, *(task.wav for task in tasks)], model)
    score_all(out, model, manifest, options=ScoreAllOptions(("json", "html"), options.jobs))
    scored = [row["status"] != FAILED for _, row in read_rows(out / SUMMARY, ("status",))]
    takes = [
        Take(person, date, task, read_json(out / f"{task.name}.json"))
        for person, date, task, done in zip(people, dates, tasks, scored, strict=True)
        if done
    ]
    if not takes[0].scores:
        raise InputError(f"{model}: scores no utterances, so there is no progress to tell")
    shares = grader_settings(model).own_share
    learners = [together(name, own, shares) for name, own in grouped(takes).items()]
    write_rows(out / TAKES, [row for each in learners for row in take_rows(each)])
    write_rows(out / PROGRESS, [row for each in learners for row in progress_rows(each)])
    for each in learners:
        pages[each.name].parent.mkdir(exist_ok=True)
        with atomic_open(pages[each.name]) as stream:
            stream.write(as_learner_page(each))
    log.info("%d learners, %d recordings: %s", len(learners), len(takes), out / PAGES)


def _people(manifest: Path) -> tuple[list[str], list[datetime | None]]:
    """Learner and date of each row."""
    rows = [(f"{manifest}:{number}", row) for number, row in read_rows(manifest, ("wav", "text"))]
    people = [row.get("learner", _SOMEBODY) for _, row in rows]
    dates = [_date(place, row.get("date", "")) for place, row in rows]
    for (place, _), person, date in zip(rows, people, dates, strict=True):
        if not person:
            raise InputError(f"{place}: no learner; name one, or leave the column out")
        if date is None and any(dates):
            raise InputError(f"{place}: no date, which other rows have")
    return people, dates


def _date(place: str, cell: str) -> datetime | None:
    if not cell:
        return None
    try:
        date = datetime.fromisoformat(cell)
    except ValueError:
        told = "not a date such as 2026-11-28 or 2026-11-28 09:30"
        raise InputError(f"{place}: date {shown(cell)}: {told}") from None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _pages(out: Path, people: Iterable[str]) -> dict[str, Path]:
    """Where each learner's page lies, by names that no file system takes for one."""
    own = list(dict.fromkeys(people))
    tasks = named([Task(Path(), "", name=person) for person in own])
    return {p: out / PAGES / f"{task.name}.html" for p, task in zip(own, tasks, strict=True)}
