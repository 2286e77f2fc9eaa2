import dataclasses
import inspect
import subprocess
import sys
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from pyscorer import cli
from pyscorer.errors import InputError


@dataclass(frozen=True)
class Options:
    epochs: int = field(default=3, metadata={"help": "passes over the data"})
    rate: float = 0.1
    extras: tuple[str, ...] = ()
    resume: bool = True


def stage(feats: list[Path], out: Path, options: Options, kind: Literal["a", "b"] = "a") -> tuple:
    """A stage."""
    return feats, out, options, kind


def call(*argv):
    import argparse

    parser = argparse.ArgumentParser()
    cli.add_stage(parser, stage)
    return cli.run_stage(stage, parser.parse_args(argv))


def test_flags_follow_the_signature_of_the_stage():
    assert call(
        "--feats", "x", "y", "--out", "o", "--rate", "0.5", "--no-resume", "--kind", "b"
    ) == (
        [Path("x"), Path("y")],
        Path("o"),
        Options(rate=0.5, resume=False),
        "b",
    )
    assert call("--feats", "x", "--out", "o", "--extras", "p", "q")[2].extras == ("p", "q")


def test_an_unknown_choice_is_refused(capsys):
    with pytest.raises(SystemExit):
        call("--feats", "x", "--out", "o", "--kind", "c")
    assert "invalid choice: 'c'" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.STAGES)
def test_every_stage_is_one_documented_function_whose_flags_do_not_clash(name):
    function = cli.load_stage(name)
    assert function.__name__ == name and inspect.getdoc(function)
    hints = typing.get_type_hints(function)
    options = [hint for hint in hints.values() if dataclasses.is_dataclass(hint)]
    names = list(inspect.signature(function).parameters)
    names += [f.name for option in options for f in dataclasses.fields(option)]
    assert len(names) == len(set(names))


def test_bad_input_ends_with_a_message_and_status_2(monkeypatch, capsys):
    def failing() -> None:
        raise InputError("data/text:3: no such luck")

    monkeypatch.setattr(cli, "STAGES", {"failing": "module"})
    monkeypatch.setattr(cli, "load_stage", lambda name: failing)
    assert cli.main(["failing"]) == 2
    assert capsys.readouterr().err == "pyscorer failing: error: data/text:3: no such luck\n"


def test_the_help_imports_no_stage():
    code = (
        "import sys; from pyscorer.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )
    code += "\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
