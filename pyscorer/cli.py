"""The `pyscorer` command: one subcommand a stage, made from the stage's own signature.

A stage is a public function. Each of its parameters becomes a flag; a dataclass parameter
contributes one flag for each of its fields, with the field's default and range; a positional-only
parameter is a word of its own. The Snakemake rule of the same name calls the subcommand of the same
name.
"""

import argparse
import ast
import dataclasses
import inspect
import itertools
import logging
import sys
import typing
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pyscorer import __version__
from pyscorer.console import guarded
from pyscorer.errors import InputError
from pyscorer.paths import inside, written_over
from pyscorer.stages import PACKAGE, STAGES, bare, load_stage

_OUTPUTS = {"out", "report"}
"""Parameters that say where a stage writes; all other paths are read."""
_RESULTS = {"results"}
"""But for the folder of results, which holds what is written as well."""
_CAREFUL = {"score", "score_all", "judge", "judge_all", "learner"}
"""Stages that write beside what they read, and look at each file."""
_WORDS = {"score": ("wav", "text")}
"""Parameters that may be given as words of their own, in this order, or by their flags."""


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _add_argument(
    parser: argparse.ArgumentParser, name: str, hint: Any, default: Any, help_text: str = " "
) -> None:
    """Add the flag for one parameter or field of type `hint`; text becomes values in `call`."""
    required = default in (inspect.Parameter.empty, dataclasses.MISSING)
    if not required and default is not None and default != ():
        help_text += f" (default: {default})"
    options: dict[str, Any] = {"help": help_text, "required": required}
    hint = bare(hint)
    if typing.get_origin(hint) in (list, tuple):
        options["nargs"] = "+" if required else "*"
        hint = typing.get_args(hint)[0]
    if hint is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif typing.get_origin(hint) is typing.Literal:
        options["choices"] = typing.get_args(hint)
    parser.add_argument(_flag(name), dest=name, default=argparse.SUPPRESS, **options)


def add_stage(parser: argparse.ArgumentParser, stage: Callable[..., Any]) -> None:
    """Give `parser` the flags of `stage`."""
    hints, words = typing.get_type_hints(stage), _WORDS.get(stage.__name__, ())
    for name, parameter in inspect.signature(stage).parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            parser.add_argument(name, metavar=name.upper())
        elif name in words:
            parser.add_argument(f"{name}_word", metavar=name.upper(), nargs="?")
            parser.add_argument(_flag(name), metavar=name.upper(), help="the same, as a flag")
        elif not dataclasses.is_dataclass(hints[name]):
            _add_argument(parser, name, hints[name], parameter.default)
        else:
            fields = typing.get_type_hints(hints[name])
            for option in dataclasses.fields(hints[name]):
                help_text = option.metadata.get("description", " ")
                _add_argument(parser, option.name, fields[option.name], option.default, help_text)


def call_of(
    stage: Callable[..., Any], parser: argparse.ArgumentParser, argv: list[str]
) -> dict[str, Any]:
    """The arguments of `stage` that flags stand for; the parser refuses values out of range."""
    given = vars(parser.parse_intermixed_args(argv))
    for word in _WORDS.get(stage.__name__, ()):
        found = [
            value for value in (given.pop(f"{word}_word"), given.pop(word)) if value is not None
        ]
        if len(found) != 1:
            told = "given twice" if found else "missing"
            parser.error(f"{word.upper()} (or {_flag(word)}): {told}")
        given[word] = found[0]
    hints = typing.get_type_hints(stage, include_extras=True)
    call = {}
    for name in inspect.signature(stage).parameters:
        hint, value = hints[name], given.get(name)
        if dataclasses.is_dataclass(hint):
            value = {f.name: given[f.name] for f in dataclasses.fields(hint) if f.name in given}
        elif name not in given:
            continue
        try:
            call[name] = TypeAdapter(hint).validate_python(value)
        except ValidationError as error:
            fault = error.errors()[0]
            at = fault["loc"][0] if isinstance(value, dict) else name
            parser.error(f"argument {_flag(str(at))}: {fault['msg']}, not {fault['input']}")
    return call


def _check_outputs(call: dict[str, Any]) -> None:
    """Raise InputError for an output in the place of an input, or within another output."""
    given = dict(call)
    for value in call.values():
        if dataclasses.is_dataclass(value):
            given |= {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    paths = {
        name: [v for v in (value if isinstance(value, list | tuple) else [value]) if v]
        for name, value in given.items()
        if name in _OUTPUTS or isinstance(value, Path | list | tuple)
    }
    read = [name for name in paths if name not in _OUTPUTS | _RESULTS]
    inputs = [path for name in read for path in paths[name] if isinstance(path, Path)]
    outputs = [(name, path) for name in paths if name in _OUTPUTS for path in paths[name]]
    for name, out in outputs:
        if fault := written_over(out, inputs):
            raise InputError(f"{_flag(name)}: {fault}")
        for other, path in outputs:
            if other != name and inside(path, out):
                raise InputError(f"{_flag(other)}: {path} is in {_flag(name)} {out}: name another")


def stage_list() -> str:
    """Every stage with the first line of what it says of itself, by room; imports no stage."""
    lines = []
    for room, names in itertools.groupby(STAGES, lambda name: STAGES[name].partition(".")[0]):
        lines.append(f"\n{room}: {_first_line(room + '/__init__.py')}")
        for name in names:
            file = STAGES[name].replace(".", "/") + ".py"
            lines.append(f"  {name:<20}{_first_line(file, name)}")
    return "\n".join(lines)


def _first_line(file: str, function: str = "") -> str:
    """Of the docstring of a module of the package, or of a function in it."""
    node: Any = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    if function:
        node = next(n for n in node.body if getattr(n, "name", "") == function)
    return (ast.get_docstring(node) or "").partition("\n")[0]


def main(argv: list[str] | None = None) -> int:
    """Run one stage; bad input ends with a message and status 2. All statuses: `console`."""
    argv = sys.argv[1:] if argv is None else argv
    program = " ".join(["pyscorer", *(word for word in argv[:1] if word in STAGES)])
    return guarded(program, partial(_run, argv))


def _run(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="pyscorer",
        usage="%(prog)s [--help] [--version] STAGE [FLAG ...]",
        description="Each stage is a subcommand; pyscorer STAGE --help lists its flags.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=stage_list() if argv[:1] in (["--help"], ["-h"]) else None,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("stage", metavar="STAGE", help="one of those below")
    name = parser.parse_args(argv[:1]).stage
    if name not in STAGES:
        close = get_close_matches(name, STAGES, 1)
        hint = f"did you mean {close[0]}?" if close else "pyscorer --help lists them"
        parser.error(f"no stage {name}; {hint}")
    stage = load_stage(name)
    parser = argparse.ArgumentParser(
        prog=f"pyscorer {name}",
        description=inspect.getdoc(stage),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_stage(parser, stage)
    call = call_of(stage, parser, argv[1:])
    if name not in _CAREFUL:
        _check_outputs(call)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    words = [
        call.pop(name)
        for name, parameter in inspect.signature(stage).parameters.items()
        if parameter.kind is parameter.POSITIONAL_ONLY
    ]
    stage(*words, **call)


if __name__ == "__main__":
    sys.exit(main())
