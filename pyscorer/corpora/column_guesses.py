"""What the columns of a table seem to be, by their names and by what is in them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyscorer.contract.scales import Range
from pyscorer.contract.tables import number

_AUDIO = re.compile(r".+\.(wav|flac|mp3|ogg|opus|aiff?|au|caf|w64|sph|m4a|aac|wma)", re.IGNORECASE)
_NAMES = {
    "utterance": "utterance utt id key uid clip item_id recording_id utterance_id segment",
    "speaker": "speaker spk speaker_id spkid participant student learner user client_id subject "
    "candidate who person voice",
    "split": "split set subset partition part fold",
    "text": "text sentence transcript transcription reference words said script text_read",
    "prompt": "prompt question task stimulus asked item prompt_text",
    "start": "start begin from onset start_time",
    "end": "end stop to offset end_time",
    "channel": "channel ch",
    "age": "age years",
    "gender": "gender sex",
}
_YES = [
    "yes",
    "y",
    "correct",
    "accepted",
    "accept",
    "true",
    "pass",
    "passed",
    "right",
    "good",
    "ok",
    "1",
]
_NO = ["no", "n", "incorrect", "rejected", "reject", "false", "fail", "failed", "wrong", "bad", "0"]
_CEFR = ["A0", "A1", "A1+", "A2", "A2+", "B1", "B1+", "B2", "B2+", "C1", "C1+", "C2"]
_LEVELS = "level cefr grade band proficiency stage"
SCALES: tuple[Range, ...] = ((0, 1), (0, 2), (1, 5), (0, 5), (0, 10), (0, 100))
"""What raters are given, from narrow to wide."""
_OVERALL = "overall total_score overall_score holistic score mark"
_TRAIN, _TEST = ("train", "training", "trn", "tr"), ("test", "testing", "tst", "eval", "evaluation")


@dataclass
class Guesses:
    """What is taken for what."""

    columns: dict[str, str] = field(default_factory=dict)
    scores: dict[str, tuple[str, Range, Range]] = field(default_factory=dict)
    """Aspect -> its column, its range, and what was seen of it."""
    overall: str | None = None
    """The aspect that seems to stand for all, where it is not called total."""
    classes: dict[str, Any] | None = None
    splits: dict[str, str] = field(default_factory=dict)
    """Name of a split -> value of the column."""
    unsure: dict[str, str] = field(default_factory=dict)
    """What it is -> why it should be looked at."""
    left: list[str] = field(default_factory=list)
    """Columns that are taken for nothing."""


def guess_columns(rows: Sequence[dict[str, str]], folder: Path) -> Guesses:
    """Look at the rows of a table whose files are relative to `folder`."""
    cells = {name: [row[name] for row in rows] for name in rows[0] if name}
    known = {name: [c for c in column if c] for name, column in cells.items()}
    free = [name for name in cells if known[name]]
    found = Guesses(left=[name for name in cells if name not in free])
    _take_audio(found, free, known, folder)
    tests: dict[str, Callable[[list[str]], bool]] = {
        "utterance": lambda c: len(set(c)) == len(rows),
        "start": _numeric,
        "end": _numeric,
        "channel": _numeric,
        "age": lambda c: _numeric(c) and all(2 < number(x) < 111 for x in c),
        "gender": lambda c: len(set(map(str.lower, c))) <= 6 and not _numeric(c),
        "split": lambda c: len(set(c)) <= 8 and len(c) == len(rows),
        "speaker": lambda c: len(c) == len(rows),
        "text": lambda c: not _numeric(c),
        "prompt": lambda c: not _numeric(c),
    }
    for role, fits in tests.items():
        names = _NAMES[role].split()
        fitting = [n for n in free if _plain(n) in names and fits(known[n])]
        fitting.sort(key=lambda n: names.index(_plain(n)))
        if fitting:
            found.columns[role] = fitting[0]
            free.remove(fitting[0])
    _take_classes(found, free, known)
    _take_scores(found, free, known)
    _name_splits(found, known)
    found.left += free
    if "speaker" not in found.columns:
        found.unsure["speaker"] = "no column of speakers: every utterance is one of its own"
    if not {"text", "prompt"} & found.columns.keys():
        found.unsure["text"] = "no column of texts or prompts: name one of them"
    return found


def plausible_scale(low: float, high: float) -> Range:
    """The narrowest usual scale that scores from `low` to `high` can be on."""
    fitting = (scale for scale in SCALES if scale[0] <= low and high <= scale[1])
    return next(fitting, (float(int(low - (low < 0))), float(int(high) + (high > int(high)))))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _numeric(cells: list[str]) -> bool:
    try:
        return bool([number(cell) for cell in cells])
    except ValueError:
        return False


def _take_audio(found: Guesses, free: list[str], known: dict[str, list[str]], folder: Path) -> None:
    share = {n: sum(bool(_AUDIO.fullmatch(c)) for c in known[n]) / len(known[n]) for n in free}
    best = max(free, key=lambda n: share[n], default="")
    if not best or share[best] < 0.5:
        found.unsure["audio"] = "no column names audio files: name it"
        return
    found.columns["audio"] = best
    free.remove(best)
    missing = [c for c in known[best] if not (folder / c.replace("\\", "/")).exists()]
    if missing:
        found.unsure["audio"] = (
            f"{len(missing)} of {len(known[best])} files are not there, first {missing[0]}: "
            "`audio: FOLDER` says which folder they are relative to"
        )


def _take_classes(found: Guesses, free: list[str], known: dict[str, list[str]]) -> None:
    pairs = {}
    for name in free:
        values = list(dict.fromkeys(known[name]))
        yes = [v for v in values if v.lower() in _YES]
        no = [v for v in values if v.lower() in _NO]
        if yes and no and len(yes) + len(no) == len(values):
            pairs[name] = (yes, no)
    both = [n for role in ("language", "meaning") for n in pairs if _plain(n) == role]
    levels = [n for n in free if n not in pairs and _are_levels(n, known[n])]
    if len(both) == 2 and pairs[both[0]] == pairs[both[1]]:
        yes, no = pairs[both[0]]
        found.classes = {"kind": "language_meaning", "language": both[0], "meaning": both[1]}
        found.classes |= {"correct": yes, "incorrect": no}
        del free[free.index(both[0])], free[free.index(both[1])]
    elif pairs:
        name = next(iter(pairs))
        yes, no = pairs[name]
        found.classes = {"kind": "accepted", "column": name, "accepted": yes, "rejected": no}
        free.remove(name)
        if len(pairs) > 1:
            others = ", ".join(n for n in pairs if n != name)
            found.unsure["classes"] = f"or is it {others}?"
        elif _numeric(yes + no):
            found.unsure["classes"] = "1 and 0 as accepted and rejected? Else it is a score"
    elif levels:
        values = sorted(set(known[levels[0]]), key=_level_key)
        found.classes = {"kind": "levels", "column": levels[0], "levels": values}
        free.remove(levels[0])
        found.unsure["classes"] = "from the lowest to the highest? Add levels that nobody got"


def _are_levels(name: str, cells: list[str]) -> bool:
    values = set(cells)
    if not 2 <= len(values) <= 12:
        return False
    return {v.upper() for v in values} <= set(_CEFR) or (
        bool(set(_plain(name).split("_")) & set(_LEVELS.split())) and not _numeric(cells)
    )


def _level_key(value: str) -> tuple[float, str]:
    if value.upper() in _CEFR:
        return _CEFR.index(value.upper()), value
    figures = re.search(r"\d+", value)
    return float(figures[0]) if figures else 0.0, value


def _take_scores(found: Guesses, free: list[str], known: dict[str, list[str]]) -> None:
    for name in list(free):
        if not _numeric(known[name]):
            continue
        values = [float(number(cell)) for cell in known[name]]
        seen = (min(values), max(values))
        aspect = re.sub(r"^[^A-Za-z]+|[^A-Za-z0-9_-]+", "", name.strip().lower().replace(" ", "_"))[
            :40
        ]
        # A column of numbers that are all different and count the rows is an id.
        counted = len(set(values)) == len(values) > 10 and max(values) - min(values) < 1.01 * (
            len(values)
        )
        if not aspect or aspect in found.scores or counted or seen[0] == seen[1]:
            continue
        found.scores[aspect] = (name, plausible_scale(*seen), seen)
        free.remove(name)
    if "total" not in found.scores:
        found.overall = next((a for a in _OVERALL.split() if a in found.scores), None)


def _name_splits(found: Guesses, known: dict[str, list[str]]) -> None:
    if "split" not in found.columns:
        return
    for value in sorted(set(known[found.columns["split"]])):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", value).lstrip(".-") or "split"
        for wanted, names in (("train", _TRAIN), ("test", _TEST)):
            name = wanted if value.lower() in names else name
        if name in found.splits:
            found.unsure["splits"] = f"{value} and {found.splits[name]} are both {name}"
            name = value
        found.splits[name] = value
    if not {"train", "test"} <= found.splits.keys():
        found.unsure["splits"] = "a run wants the splits train and test"
