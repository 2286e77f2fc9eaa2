"""Kaldi's configuration files: one `--name=value` a line.

Source: Kaldi's util/parse-options.cc (ReadConfigFile, NormalizeArgName).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyscorer.contract.files import read_lines, shown
from pyscorer.errors import InputError

_WORDS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def read_conf(path: Path, known: Mapping[str, type]) -> dict[str, Any]:
    """Options of a configuration file by name, each of the type that `known` has for it.

    Underscores in names are dashes and capitals are small letters, `#` begins a comment, and
    `--name` alone is true; an option that comes twice has its last value. Several options may stand
    on one line, as in Kaldi's `splice_opts`. Raises InputError naming the line that is not an
    option, an option that is not known, or a value of another type.
    """
    return {name: value for name, (_, value) in conf_lines(path, known).items()}


def conf_lines(path: Path, known: Mapping[str, type]) -> dict[str, tuple[int, Any]]:
    """As `read_conf`, each option with the number of its line."""
    found = {}
    for number, line in read_lines(path):
        for word in line.partition("#")[0].split():
            name, equals, value = word.removeprefix("--").partition("=")
            name = name.replace("_", "-").lower()
            if not word.startswith("--") or not name:
                raise InputError(
                    f"{path}:{number}: expected `--name=value`, found {shown(word)}: lines of a "
                    "file for Kaldi's programs begin with --"
                )
            if name not in known:
                raise InputError(
                    f"{path}:{number}: option --{name} is not known here, so it can be neither "
                    "honoured nor ignored: take the line out if it does not change the result"
                )
            kind = known[name]
            try:
                found[name] = number, _value(value if equals else "true", kind)
            except ValueError:
                raise InputError(
                    f"{path}:{number}: --{name} must be {_NAMES[kind]}, found {shown(value)}"
                ) from None
    return found


_NAMES = {bool: "true or false", int: "an integer", float: "a number", str: "text"}


def _value(text: str, kind: type) -> Any:
    if kind is not bool:
        return kind(text)
    if text.lower() not in _WORDS:
        raise ValueError(text)
    return _WORDS[text.lower()]
