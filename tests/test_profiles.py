"""Every profile starts: jobs are submitted, run and counted as done, by stand-ins for clusters."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dry_run import ROOT, SCRIPTS, write_config

FIRST = "import os, pathlib, subprocess, sys\nhere = pathlib.Path(__file__).parent\n"
SUBMIT = """
with (here / "asked").open("a") as stream:
    print(*sys.argv[1:], file=stream)
said = (here / "said").open("a")
number = len((here / "asked").read_text().splitlines())
done = subprocess.run(%s, shell=True, stdout=said, stderr=said,
                      env=os.environ | {"SLURM_JOB_ID": "1"})
with (here / "states").open("a") as stream:
    print(number, "FAILED" if done.returncode else "COMPLETED", sep="|", file=stream)
print(number)
"""
ONE = ["prepared/sample/train/utt2spk"]
BOTH = ["mfcc13/sample/train/feats.scp", "mfcc40/sample/train/feats.scp"]
RUNS = {
    "default": (ONE, []),
    "cluster_generic": (ONE, [r"-pe smp 1 -l h_rss=600M,h_rt=900 "]),
    # validate and two times features are one job, which does them in turn on one processor
    "slurm": (
        BOTH,
        [f" -p short -t {time} --mem 600 --ntasks=1 --cpus-per-task=1 " for time in (15, 45)],
    ),
}
"""By profile: what is made, and what its jobs ask for."""
PROGRAMS = {
    "sbatch": SUBMIT % 'next(a[7:] for a in sys.argv if a.startswith("--wrap="))',
    "squeue": 'print((here / "states").read_text() if (here / "states").exists() else "")',
    "srun": "words = [w for w in sys.argv[1:] if w]\nwhile words[0][0] == '-':\n    del words[0]\n"
    "os.execvp(words[0], words)",
    "scontrol": 'print("MinJobAge = 300 sec")',
    "sacct": "",
    "sacctmgr": "",
    "sinfo": 'print("short*")',
    "scancel": "",
    "qsub": SUBMIT % '"sh " + sys.argv[-1]',
    "qdel": "",
}
"""Submitting runs a job to its end."""


def clusters(folder: Path) -> Path:
    folder.mkdir()
    for name, says in PROGRAMS.items():
        (folder / name).write_text(f"#!{sys.executable}\n{FIRST}{says}\n")
        (folder / name).chmod(0o755)
    return folder


def test_every_profile_is_run():
    assert {path.name for path in (ROOT / "profiles").iterdir()} == RUNS.keys()


@pytest.mark.parametrize("name", RUNS)
def test_a_run_by_the_profile_comes_to_its_end(name: str, tmp_path: Path):
    targets, wanted = RUNS[name]
    small = {"sample_speakers": 12, "sample_natives": 2, "sample_utterances": 1}
    written = write_config(tmp_path, {"download": small})
    path = os.pathsep.join([str(clusters(tmp_path / "bin")), str(SCRIPTS), os.environ["PATH"]])
    made = [tmp_path / "work" / "sample" / target for target in targets]
    own = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
    command = [SCRIPTS / "snakemake", "--profile", f"profiles/{name}", *made]
    command += ["--configfile", written, *([] if "cores" in own else ["--cores", "1"])]
    if "executor" in own:
        command += ["--latency-wait", "5", "--seconds-between-status-checks", "1"]
    if own.get("executor") == "slurm":
        command += ["--slurm-init-seconds-before-status-checks", "1"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    said = tmp_path / "bin" / "said"
    told = done.stderr + (said.read_text() if said.exists() else "")
    assert done.returncode == 0, told[-6000:]
    assert all(file.exists() for file in made)
    asked = tmp_path / "bin" / "asked"
    jobs = asked.read_text().splitlines() if asked.exists() else []  # the corpus came here
    assert len(jobs) == len(wanted)
    assert all(re.search(each, job) for each, job in zip(wanted, jobs, strict=True))
