"""The responses that `prepare_responses` has read and checked, as a table: a line a response."""

import json
from pathlib import Path

from pyscorer.contract.classes import Classes
from pyscorer.contract.files import shown
from pyscorer.contract.tables import read_rows, write_csv
from pyscorer.corpora.spoken_call import Response
from pyscorer.errors import InputError

COLUMNS = ("id", "speaker", "prompt", "response", "class")


def write_response_file(path: Path, responses: list[Response], classes: Classes) -> None:
    """Write the columns `COLUMNS`; the class by its name."""
    rows = ([r.id, r.speaker, r.prompt, r.recognised, classes.names[r.label]] for r in responses)
    write_csv(path, COLUMNS, rows)


def read_response_file(path: Path, classes: Classes) -> list[Response]:
    """Read what `write_response_file` wrote. Raises InputError naming the line at fault."""
    numbers = {name: number for number, name in enumerate(classes.names)}
    responses = []
    for line, row in read_rows(path, COLUMNS):
        if row["class"] not in numbers:
            raise InputError(
                f"{path}:{line}: {shown(row['id'])}: class {shown(row['class'])} is not one of: "
                f"{', '.join(classes.names)}: run prepare_responses again"
            )
        label = numbers[row["class"]]
        responses.append(Response(row["id"], row["prompt"], row["response"], label, row["speaker"]))
    return responses


def describe(responses: list[Response], classes: Classes) -> str:
    """A line of counts, for logs."""
    labels = [r.label for r in responses]
    counts = {name: labels.count(number) for number, name in enumerate(classes.names)}
    return f"{len(responses)} responses, by class {json.dumps(counts, ensure_ascii=False)}"
