"""The plan of the kaldi engine. Its programs are stand-ins here: this shows that the rules join up,
not that Kaldi does what they ask."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyscorer.acoustic.kaldi_binaries import NEEDED_OPTIONS, programs

ROOT = Path(__file__).parent.parent


@pytest.fixture
def plan(tmp_path: Path):
    """A dry run of the whole pipeline on the kaldi engine, with the given programs on PATH."""
    (tmp_path / "bin").mkdir()

    def run(names: list[str]) -> subprocess.CompletedProcess[str]:
        options = " ".join(f"--{option}" for option in NEEDED_OPTIONS.values())
        for name in names:
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho '{options}'\n")
            (tmp_path / "bin" / name).chmod(0o755)
        scripts = Path(sys.executable).parent
        path = os.pathsep.join([str(tmp_path / "bin"), str(scripts), "/usr/bin", "/bin"])
        return subprocess.run(
            [scripts / "snakemake", "--dry-run", "--quiet",
             "rules", "--cores", "1", "report", "--config", "corpus=sample", "engine=kaldi",
             f"work_root={tmp_path}/work", f"results_root={tmp_path}/results"],
            cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_the_rules_join_up_from_the_corpus_to_the_report(plan):
    done = plan(programs(ROOT / "kaldi_recipes"))
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {
        fields[0]: int(fields[1])
        for fields in map(str.split, done.stdout.splitlines())
        if len(fields) == 2 and fields[1].isdigit()
    }
    assert counts["kaldi_egs"] == 4 + 1 and counts["kaldi_combine"] == 1
    assert counts["kaldi_accumulate"] == 4 * (40 + 3 * 34)
    assert counts["kaldi_mllt"] == counts["kaldi_fmllr"] / 4 == 4
    assert counts["kaldi_train"] == 4 * 10
    assert not counts.keys() & {"align", "chain_graphs", "train_tdnnf", "export"}


def test_a_missing_program_stops_the_run_at_its_start(plan):
    done = plan([name for name in programs(ROOT / "kaldi_recipes") if name != "gmm-est"])
    assert done.returncode != 0
    assert "engine kaldi: not on PATH: gmm-est" in done.stdout + done.stderr
