import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyscorer.errors import InputError
from pyscorer.kaldi.binaries import NEEDED_OPTIONS, check_binaries, programs

RECIPES = Path(__file__).parent.parent.parent / "kaldi_recipes"


def install(folder: Path, names: list[str], text: str) -> None:
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 1\n")
        (folder / name).chmod(0o755)


def test_the_programs_are_read_from_the_scripts():
    found = programs(RECIPES)
    assert {"compute-mfcc-feats", "gmm-est", "nnet3-chain-train", "add-deltas"} <= set(found)
    assert not [name for name in found if name.startswith(("output-", "rename-"))]


def test_a_missing_program_is_named_with_how_to_install_it(tmp_path: Path, monkeypatch):
    install(tmp_path, [name for name in programs(RECIPES) if name != "gmm-est"], "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="not on PATH: gmm-est; install Kaldi"):
        check_binaries(RECIPES)


def test_an_old_program_is_named(tmp_path: Path, monkeypatch):
    options = " ".join(f"--{option}" for option in NEEDED_OPTIONS.values())
    install(tmp_path, programs(RECIPES), options)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    check_binaries(RECIPES)
    install(tmp_path, ["nnet3-chain-train"], "--help")
    with pytest.raises(InputError, match=r"nnet3-chain-train: too old.*--xent-regularize"):
        check_binaries(RECIPES)


@pytest.mark.parametrize("script", sorted(RECIPES.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_sound_and_stop_at_the_first_fault(script: Path):
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    text = script.read_text()
    assert (
        script.name in ("input.sh", "lib.sh", "online.sh", "quote.sh")
        or "set -euo pipefail" in text
    )
    code = [line for line in text.splitlines() if not line.startswith("#")]
    assert not [line for line in code if line.rstrip().endswith("&")], "Snakemake scatters"
    assert not [word for word in ("steps/", "utils/", "perl", "egs/") if word in "\n".join(code)]


def test_kaldi_itself_is_complete():
    if shutil.which("nnet3-chain-train") is None:
        pytest.skip("Kaldi's programs are not on PATH")
    check_binaries(RECIPES)
