"""Inputs that users have trouble with, and what pyscorer answers: the rows of docs/bad-input.md.

A module of tests/bad_input holds one area's inputs, as functions of an empty folder, which is the
working directory while they run (so that messages name short paths):

    @tried("B. bytes", "a Kaldi text in Windows-1252")
    def windows_text(folder: Path) -> str:
        ...  # make the files
        return command("validate", "--data", "data", ...)

The function returns what was understood ("3 utterances are valid", "read as I DON'T"), which must
be right (assert it), or raises the InputError that names the fault. `command` runs a stage as the
command line does. tests/test_bad_input.py runs all of them and holds docs/bad-input.md against what
they answered; `make docs` writes that page.
"""

import contextlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyscorer import cli
from pyscorer.errors import InputError


@dataclass(frozen=True)
class Tried:
    """One row of the table."""

    kind: str
    """One of the kinds that the table groups by: "A. text", "B. bytes" ..."""
    given: str
    """What the user hands in, in a few words."""
    run: Callable[[Path], str]


TRIED: list[Tried] = []
Attempt = Callable[[Path], str]


def tried(kind: str, given: str) -> Callable[[Attempt], Attempt]:
    """Take a function into the table."""

    def take(run: Attempt) -> Attempt:
        TRIED.append(Tried(kind, given, run))
        return run

    return take


def command(*argv: str) -> str:
    """Run a stage; what it printed and logged. Raises InputError with its message if it refuses."""
    out, err = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(err)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main([str(a) for a in argv])
    except SystemExit as stop:
        status = int(stop.code or 0)
    finally:
        logging.getLogger().removeHandler(handler)
    said = err.getvalue()
    if status:
        marker = f"pyscorer {argv[0]}: error: "
        raise InputError(said[said.rindex(marker) + len(marker) :].strip())
    return out.getvalue() + said


def answer(row: Tried, folder: Path) -> str:
    """The answer to one input, as a cell of the table."""
    try:
        with contextlib.chdir(folder):
            said = f"understood: {row.run(folder)}"
    except InputError as error:
        said = f"refused: {error}"
    return _cell(said.replace(f"{folder}/", "").replace(str(folder), "."))


def _cell(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    joined = " / ".join(lines[:3]) + (" / …" if len(lines) > 3 else "")
    return joined.replace("|", "\\|").replace("<", "&lt;")


def page(answers: list[tuple[Tried, str]]) -> str:
    """docs/bad-input.md."""
    refused = sum(said.startswith("refused") for _, said in answers)
    lines = [
        "# Bad input: what was tried, and what is said",
        "",
        f"{len(answers)} inputs, of which {refused} are refused and {len(answers) - refused} are "
        "understood. This page is written by `make docs` and held against the code by "
        "`tests/test_bad_input.py`, which runs them all; the inputs themselves are made in "
        "`tests/bad_input/`.",
    ]
    for kind in sorted({row.kind for row, _ in answers}):
        lines += ["", f"## {kind}", "", "| input | answer |", "| --- | --- |"]
        lines += [f"| {_cell(row.given)} | {said} |" for row, said in answers if row.kind == kind]
    return "\n".join(lines) + "\n"
