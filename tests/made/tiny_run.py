"""The default workflow on the smallest sample corpus that every stage of it runs on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TINY: dict[str, Any] = {
    "corpus": "sample",
    "download": {"sample_speakers": 12, "sample_natives": 8, "sample_utterances": 4},
    "train_gmm": {"iterations": 12, "gaussians": 100, "canonical": True},
    "chain_graphs": {"num_leaves": 60},
    "train_tdnnf": {"network": "small", "epochs": 2, "checkpoint_minutes": 0},
    "train_scorer": {"seeds": 2, "folds": 2, "epochs": 3, "min_steps": 10},
    "train_baseline": {"seeds": 2, "folds": 2, "iterations": 20},
    "evaluate": {"samples": 50},
}


def snakemake(
    folder: Path,
    *arguments: str,
    directory: Path | None = None,
    overlay: dict[str, Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `arguments`, targets first, with the tiny configuration and `overlay` over it.

    What it says is appended to `folder/log`; it leads a process group of its own. Runs and results
    go to `folder/work` and `folder/results`; or to `work` and `results` in the working directory
    `directory`, and then no file tells where that is. A killed run's lock is removed first, as by
    `make run`.
    """
    where = f"{folder}/" if directory is None else ""
    config = TINY | {"work_root": f"{where}work", "results_root": f"{where}results"}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay or {}))
    scripts = Path(sys.executable).parent
    command = [str(scripts / "snakemake"), "--cores", "2", *arguments]
    command += ["--directory", str(directory or folder)]
    # Last: the flag takes all that follows.
    command += ["--configfile", str(folder / "tiny.yaml"), str(folder / "overlay.yaml")]
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    unlock = [sys.executable, "-m", "pyscorer.project.locks"]
    subprocess.run(unlock, cwd=directory or folder, check=True)
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(
    folder: Path,
    *arguments: str,
    directory: Path | None = None,
    overlay: dict[str, Any] | None = None,
) -> str:
    """Run to the end, which must be a good one; all that `folder/log` holds then."""
    process = snakemake(folder, *arguments, directory=directory, overlay=overlay)
    assert process.wait() == 0, (folder / "log").read_text()[-5000:]
    return (folder / "log").read_text()
