"""Every command of README and docs is one: read by the very parsers that users meet.

What is parsed, and what may stand for something of the reader's: `markdown_pages.commands`.
"""

import argparse
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import snakemake.cli
from dry_run import SCRIPTS, fake_programs
from markdown_pages import PAGES, ROOT, Command, commands, name

from pyscorer.cli import add_stage, call_of
from pyscorer.stages import STAGES, load_stage

pages = pytest.mark.parametrize("page", PAGES, ids=name)
RULES = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
MAKE = (ROOT / "Makefile").read_text()
SNAKEMAKE = snakemake.cli.get_argument_parser()
OWN = {"count"}
"""Rules that docs/projects.md writes down itself."""


def of(page: Path, program: str) -> list[Command]:
    return [command for command in commands(page) if command.program == program]


PLANNED = sorted(
    {
        shlex.join(command.words)
        for page in PAGES
        for command in of(page, "snakemake")
        if command.whole and "--configfile config/" in " ".join(command.words)
    }
)


def check_pyscorer(command: Command) -> None:
    stage, *words = command.words or ("--help",)
    if stage in ("--help", "--version") or stage.isupper():
        return
    assert stage in STAGES, "no such stage"
    if "--help" in words:
        return
    parser = argparse.ArgumentParser(f"pyscorer {stage}", allow_abbrev=False)
    add_stage(parser, load_stage(stage))
    if command.whole:
        call_of(load_stage(stage), parser, words)
    else:
        known = {flag for action in parser._actions for flag in action.option_strings}
        assert not {w.partition("=")[0] for w in words if w.startswith("--")} - known


def check_snakemake(command: Command) -> None:
    words = list(command.words)
    if not command.whole and words[-1:] and words[-1].startswith("--"):
        words.append("1")  # a flag that is named without its value
    if "--profile" in words:  # its executor need not be installed
        at = words.index("--profile")
        assert (ROOT / words[at + 1] / "config.yaml").exists()
        del words[at : at + 2]
    given, other = SNAKEMAKE.parse_known_args(words)
    assert all(word.startswith("--slurm-") for word in other if word.startswith("-")), other
    for config in given.configfile or []:
        assert config.name in ("my.yaml", "x.yaml") or (ROOT / config).exists(), config
    for target in given.targets:
        made = re.search(rf"^rule {target}:", RULES, re.M) or target in OWN
        assert made or f'"{Path(target).name}"' in RULES, f"{target}: nothing makes it"


def check_make(command: Command) -> None:
    for word in command.words:
        variable = re.fullmatch(r"([A-Z]+)=.*", word)
        known = rf"\$\({variable[1]}\)" if variable else rf"^{word}:"
        assert re.search(known, MAKE, re.M), f"{word}: not of the Makefile"


def check_pytest(command: Command) -> None:
    assert not [word for word in command.words if "/" in word and not (ROOT / word).exists()]


CHECKS = {
    "pyscorer": check_pyscorer,
    "snakemake": check_snakemake,
    "make": check_make,
    "pytest": check_pytest,
}


@pytest.mark.parametrize("program", CHECKS)
@pages
def test_commands_are_read_by_their_programs(page: Path, program: str):
    refused = []
    for command in of(page, program):
        try:
            CHECKS[program](command)
        except (AssertionError, SystemExit, argparse.ArgumentError) as error:
            refused.append((" ".join(command.words), str(error)))
    assert not refused


@pytest.mark.slow
@pytest.mark.parametrize("words", PLANNED)
def test_runs_of_configurations_plan(words: str, corpora: Path, tmp_path: Path):
    """On real corpora; `test_workflow.py` plans everything on the generated sample."""
    path = os.pathsep.join([str(fake_programs(tmp_path / "bin")), str(SCRIPTS), "/usr/bin", "/bin"])
    given = shlex.split(words)
    given += [] if "--config" in given else ["--config"]  # a second one would take its place
    given += [f"{name}_root={tmp_path / name}" for name in ("work", "results")]
    done = subprocess.run(
        [SCRIPTS / "snakemake", "--dry-run", *given],
        cwd=ROOT, env=os.environ | {"PATH": path, "PYSCORER_CORPORA": str(corpora)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "is not installed: pip install" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_the_checks_refuse_what_is_none():
    for check, words in (
        (check_pyscorer, "scoer me.wav text"),
        (check_pyscorer, "score me.wav text --modell M"),
        (check_pyscorer, "decode --data D"),
        (check_snakemake, "--cores 2 --configfile config/none.yaml"),
        (check_snakemake, "--cores 2 paper2_tables"),
        (check_snakemake, "--coures 2"),
        (check_make, "rum"),
        (check_pytest, "-q tests/nothing"),
    ):
        with pytest.raises((AssertionError, SystemExit)):
            check(Command("", tuple(words.split()), True))
