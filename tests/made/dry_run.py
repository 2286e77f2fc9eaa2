"""The workflow planned but not run, with stand-ins for Kaldi's programs."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from snakemake.api import ConfigSettings, OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.rules import Rule
from snakemake.settings.enums import Quietness

from pyscorer.kaldi.binaries import NEEDED_OPTIONS, programs

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent


def fake_programs(folder: Path, names: list[str] | None = None, says: str = "") -> Path:
    """Fill `folder` with programs of these names (all of Kaldi's) that do what `says` says."""
    folder.mkdir(parents=True, exist_ok=True)
    options = " ".join(f"--{option}" for option in NEEDED_OPTIONS.values())
    for name in programs(ROOT / "kaldi_recipes") if names is None else names:
        (folder / name).write_text(f"#!/bin/sh\n{says or f'echo {options!r}'}\n")
        (folder / name).chmod(0o755)
    return folder


def parsed(folder: Path, **config: Any) -> list[Rule]:
    """The workflow's rules for the generated sample, with `config` over the default one."""
    written = write_config(folder, config)
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[written]),
            snakefile=ROOT / "Snakefile",
            workdir=ROOT,
        )
        return list(workflow._workflow.rules)


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    """A configuration of the generated sample, with folders `work` and `results` in `folder`."""
    roots = {"work_root": f"{folder}/work", "results_root": f"{folder}/results"}
    written = folder / "config.yaml"
    written.write_text(yaml.safe_dump({"corpus": "sample"} | roots | config))
    return written


@dataclass(frozen=True)
class Planned:
    """What a dry run said."""

    code: int
    text: str

    @property
    def counts(self) -> dict[str, int]:
        """Rule -> jobs."""
        found = re.findall(r"^(\w+) +(\d+)$", self.text, re.MULTILINE)
        return {rule: int(number) for rule, number in found}

    @property
    def commands(self) -> list[str]:
        """The jobs' command lines."""
        return re.findall(r"^Shell command: (.*)$", self.text, re.MULTILINE)


def dry_run(
    folder: Path, *targets: str, fails: bool = False, project: Path = ROOT, **config: Any
) -> Planned:
    """Plan `targets` for the generated sample, with `config` over the default one of `project`.

    `work_root` and `results_root` are `folder/work` and `folder/results`; on PATH are
    `folder/bin`, the environment's programs and the system's.
    """
    written = write_config(folder, config)
    path = os.pathsep.join([str(folder / "bin"), str(SCRIPTS), "/usr/bin", "/bin"])
    done = subprocess.run(
        [SCRIPTS / "snakemake", "--dry-run", "--cores", "1", *targets, "--configfile", written],
        cwd=project, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode != 0) == fails, done.stdout[-5000:] + done.stderr[-5000:]
    return Planned(done.returncode, done.stdout + done.stderr)
