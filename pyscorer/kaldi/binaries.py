"""Whether Kaldi's programs are on PATH, all of them and new enough."""

import re
import shutil
import subprocess
from pathlib import Path

from pyscorer.errors import InputError

NEEDED_OPTIONS = {
    "ali-to-phones": "write-lengths",
    "chain-get-supervision": "lattice-input",
    "nnet3-chain-train": "xent-regularize",
    "nnet3-compute": "frame-subsampling-factor",
}
"""Options that Kaldi before 5.1 lacks; there is no program that tells its version."""

INSTALL = (
    "install Kaldi 5.5: `conda install -c conda-forge kaldi`, or build it and put its src/*bin "
    "folders on PATH"
)


def programs(recipes: Path) -> list[str]:
    """Kaldi's programs that the scripts of a folder call, sorted."""
    words: set[str] = set()
    for script in sorted(recipes.glob("*.sh")):
        lines = script.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.startswith("#"))
        words |= set(re.findall(r"(?:^|[\s\"':|(])([a-z]+[a-z0-9]*(?:-[a-z0-9]+)+)(?=\s)", text))
    return sorted(words - _NOT_KALDI | {"wav-reverberate"})  # which kaldi_lang names


_NOT_KALDI = {"output-node", "output-xent", "remove-output-nodes", "rename-node"}


def check_binaries(recipes: Path) -> None:
    """Raise InputError naming the programs that are missing from PATH or too old."""
    missing = [program for program in programs(recipes) if shutil.which(program) is None]
    if missing:
        raise InputError(f"not on PATH: {', '.join(missing)}; {INSTALL}")
    for program, option in NEEDED_OPTIONS.items():
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        if f"--{option}" not in told.stdout + told.stderr:
            raise InputError(
                f"{shutil.which(program)}: too old, it does not know --{option}; {INSTALL}"
            )
