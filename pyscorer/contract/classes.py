"""What a response may be judged as, and the judgements of people: `classes.json` with its tables.

A data directory of spoken responses holds `prompts` (a Kaldi table: utterance, then what was asked)
and, where people judged the responses, `classes.json` and `response_labels.csv` (utterance, class).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from pyscorer.contract.files import atomic_open, read_json, shown
from pyscorer.contract.tables import read_rows
from pyscorer.errors import InputError

FILE, LABELS = "classes.json", "response_labels.csv"

Kind = Literal["language_meaning", "accepted", "levels"]


@dataclass(frozen=True)
class Classes:
    """The classes, in the order of every network's outputs.

    language_meaning: the four of the Spoken CALL task. accepted: accepted, rejected. levels: any
    number, from the lowest to the highest, such as A1 to C2.
    """

    kind: Kind
    names: tuple[str, ...]

    @property
    def ordinal(self) -> bool:
        """Whether the classes are steps of a scale; then nothing is accepted or rejected."""
        return self.kind == "levels"

    @property
    def gross(self) -> tuple[int, ...]:
        """Classes whose acceptance is a gross error: a wrong meaning."""
        return (1, 3) if self.kind == "language_meaning" else ()


LANGUAGE_MEANING = Classes(
    "language_meaning",
    (
        "language and meaning correct",
        "language correct, meaning incorrect",
        "language incorrect, meaning correct",
        "language and meaning incorrect",
    ),
)
"""Of these only the first is accepted."""
ACCEPTED = Classes("accepted", ("accepted", "rejected"))


def check_classes(classes: Classes, place: str) -> Classes:
    """Raises InputError, beginning with `place`, for classes that are none."""
    fixed = {"language_meaning": LANGUAGE_MEANING.names, "accepted": ACCEPTED.names}
    names = classes.names
    if classes.kind not in get_args(Kind):
        raise InputError(f"{place}: kind {shown(classes.kind)}, not one of {get_args(Kind)}")
    if classes.kind in fixed and names != fixed[classes.kind]:
        raise InputError(f"{place}: the classes of {classes.kind} are {fixed[classes.kind]}")
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise InputError(f"{place}: at least two classes of different names are needed")
    return classes


def read_classes(folder: Path) -> Classes:
    """The classes of a folder. Raises InputError without them."""
    path = folder / FILE
    found = read_json(path, ["kind", "names"])
    return check_classes(Classes(str(found["kind"]), tuple(map(str, found["names"]))), str(path))  # type: ignore[arg-type]


def write_classes(folder: Path, classes: Classes) -> None:
    """Write `classes.json`."""
    with atomic_open(folder / FILE) as stream:
        json.dump(asdict(classes), stream, indent=1, ensure_ascii=False)


def read_response_labels(folder: Path, classes: Classes) -> dict[str, int]:
    """Utterance -> number of its class, of `response_labels.csv`; an empty class is left out.

    Raises InputError naming the line of a class that is none, and of a repeated utterance.
    """
    path = folder / LABELS
    numbers = {name: number for number, name in enumerate(classes.names)}
    found: dict[str, int] = {}
    seen: dict[str, int] = {}
    for line, row in read_rows(path, ["utterance", "class"]):
        key, name = row["utterance"], row["class"]
        place = f"{path}:{line}: {shown(key)}"
        if key in seen:
            raise InputError(f"{place}: stands already in line {seen[key]}")
        seen[key] = line
        if name and name not in numbers:
            known = ", ".join(classes.names)
            raise InputError(f"{place}: class {shown(name)} is not one of: {known}")
        if name:
            found[key] = numbers[name]
    return found
