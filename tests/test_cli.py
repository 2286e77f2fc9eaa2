import argparse
import dataclasses
import inspect
import subprocess
import sys
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveInt

import pyscorer
from pyscorer import cli
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.stages import PACKAGE, STAGES, load_stage


@dataclass(frozen=True)
class Options:
    epochs: int = option(3, "passes over the data", ge=1)
    rate: float = option(0.1, "of learning", gt=0, lt=1)
    extras: tuple[str, ...] = ()
    hidden: tuple[PositiveInt, ...] = ()
    resume: bool = True


def stage(
    feats: list[Path],
    out: Path,
    options: Options,
    kind: Literal["a", "b"] = "a",
    speed: Annotated[float, Field(gt=0)] = 1.0,
) -> Options:
    """A stage."""
    return feats, out, options, kind, speed


def call(*argv):
    parser = argparse.ArgumentParser()
    cli.add_stage(parser, stage)
    return stage(**cli.call_of(stage, parser, list(argv)))


def test_flags_follow_the_signature_of_the_stage():
    assert call(
        "--feats", "x", "y", "--out", "o", "--rate", "0.5", "--no-resume", "--kind", "b"
    ) == (
        [Path("x"), Path("y")],
        Path("o"),
        Options(rate=0.5, resume=False),
        "b",
        1.0,
    )
    assert call("--feats", "x", "--out", "o", "--extras", "p", "q")[2].extras == ("p", "q")


def test_an_unknown_choice_is_refused(capsys):
    with pytest.raises(SystemExit):
        call("--feats", "x", "--out", "o", "--kind", "c")
    assert "invalid choice: 'c'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--epochs", "0"], "--epochs"),
        (["--epochs", "many"], "--epochs"),
        (["--rate", "1"], "--rate"),
        (["--hidden", "8", "0"], "--hidden"),
        (["--speed", "0"], "--speed"),
    ],
)
def test_a_value_out_of_range_is_refused_by_the_name_of_its_flag(flags, named, capsys):
    with pytest.raises(SystemExit) as stop:
        call("--feats", "x", "--out", "o", *flags)
    assert stop.value.code == 2
    assert f"error: argument {named}: Input should" in capsys.readouterr().err


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_is_one_documented_function_whose_flags_do_not_clash(name):
    function = load_stage(name)
    assert function.__name__ == name and inspect.getdoc(function)
    hints = typing.get_type_hints(function)
    options = [hint for hint in hints.values() if dataclasses.is_dataclass(hint)]
    names = list(inspect.signature(function).parameters)
    names += [f.name for option in options for f in dataclasses.fields(option)]
    assert len(names) == len(set(names))


def test_bad_input_ends_with_a_message_and_status_2(monkeypatch, capsys):
    def failing() -> None:
        raise InputError("data/text:3: no such luck")

    monkeypatch.setattr(cli, "STAGES", {"failing": "room.module"})
    monkeypatch.setattr(cli, "load_stage", lambda name: failing)
    assert cli.main(["failing"]) == 2
    assert capsys.readouterr().err == "pyscorer failing: error: data/text:3: no such luck\n"


@pytest.fixture(scope="module")
def help_text() -> str:
    code = (
        "import sys; from pyscorer import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass"
    )
    code += "\nassert not {'torch', 'numpy', 'pandas'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


@pytest.mark.parametrize("name", STAGES)
def test_the_help_lists_every_stage_with_one_line_in_the_room_that_it_lives_in(name, help_text):
    room = load_stage(name).__module__.split(".")[1]
    group = help_text.partition(f"\n{room}: ")[2].partition("\n\n")[0].splitlines()
    first = inspect.getdoc(load_stage(name)).splitlines()[0]
    assert f"  {name:<20}{first}" in group[1:]
    assert (
        group[0] == (PACKAGE / room / "__init__.py").read_text().splitlines()[0].strip('".') + "."
    )


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out == f"pyscorer {pyscorer.__version__}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian_gmm", "pyscorer: error: no stage trian_gmm; did you mean train_gmm?\n"),
        ("xyz", "pyscorer: error: no stage xyz; pyscorer --help lists them\n"),
    ],
)
def test_a_mistyped_stage_gets_a_suggestion(name, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--data", "x"])
    assert stop.value.code == 2 and capsys.readouterr().err.endswith(message)


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (("--out", "data", "--report", "r.csv"), "--out: data is read"),
        (("--out", "link", "--report", "r.csv"), "--out: link is read"),
        (("--out", ".", "--report", "../r.csv"), "--out: . would be replaced"),
        (("--out", "valid", "--report", "data/text"), "--report: data/text would be written over"),
        (("--out", "valid", "--report", "valid/r.csv"), "--report: valid/r.csv is in --out valid"),
    ],
)
def test_no_stage_writes_over_what_it_reads(
    flags: tuple[str, ...],
    fault: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("link").symlink_to("data")
    for name in ("text", "lexicon.txt"):
        Path("data", name).write_text("a b\n")
    arguments = ["validate", "--data", "data", "--lexicon", "data/lexicon.txt", *flags]
    assert cli.main(arguments) == 2
    assert fault in capsys.readouterr().err
    assert sorted(path.name for path in Path("data").iterdir()) == ["lexicon.txt", "text"]
    assert Path("data/text").read_text() == "a b\n"
