"""What the repository promises about itself."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from pyscorer.stages import STAGES

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "soundfile": "pysoundfile", "torch": "pytorch"}


def requirement(line):
    name = re.match(r"[A-Za-z0-9_.-]+", line).group().lower()
    pin = re.search(r"(?<![<>!=])={1,2}([0-9.]+)", line)
    return name, pin and pin.group(1)


def environment():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = [line for line in dependencies if isinstance(line, str)]
    (pip,) = (line["pip"] for line in dependencies if isinstance(line, dict))
    return dict(map(requirement, conda)), dict(
        requirement(line) for line in pip if not line.startswith("-")
    )


@pytest.mark.parametrize("line", PROJECT["dependencies"])
def test_environment_yml_has_every_dependency_at_the_same_pin(line):
    name, pin = requirement(line)
    conda, pip = environment()
    conda_name = CONDA_NAMES.get(name, name.lower())
    assert (conda_name in conda) != (name in pip), "in exactly one of conda and pip"
    assert (conda | pip)[conda_name if conda_name in conda else name] == pin


@pytest.mark.parametrize("line", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"])
def test_the_lock_file_pins_every_dependency(line):
    name, pin = requirement(line)
    lock = {
        re.sub("[-_.]+", "-", key).lower(): version
        for key, version in (
            entry.split("==") for entry in (ROOT / "requirements.lock").read_text().splitlines()
        )
    }
    locked = lock[re.sub("[-_.]+", "-", name)]
    assert pin is None or locked == pin


def test_a_stage_has_one_name_as_rule_subcommand_and_function():
    rules = {
        name
        for path in (ROOT / "workflow" / "rules").glob("*.smk")
        for name in re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
    }
    targets = {"grading", "shipped", "proficiency", "recognition", "paper1_tables", "compared"}
    # Stages synthetic_scores, train_scorer, pool and quote on other inputs; split_data and gather.
    again = {"teacher_scores", "finetune_scorer", "pool_encoded", "quote_proficiency"}
    again |= {"fold_data", "others_data", "gather_folds"}
    recipes = {name for name in rules if name.startswith("kaldi_")}  # named after their scripts
    assert rules - targets - again - recipes <= set(STAGES)
    on_demand = {
        "gather",  # in the rules gather_<folder>, which a loop makes
        "egs",
        "init",
        "new_corpus",
        "textgrids",
        "score",
        "score_all",
        "learner",
        "serve",
        "judge",
        "judge_all",
    }
    assert set(STAGES) - rules <= on_demand


def test_no_data_and_no_audio_is_committed():
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    endings = {".wav", ".flac", ".opus", ".ogg", ".ark", ".mdl", ".pt", ".fst"}
    assert not [name for name in listing.stdout.split() if Path(name).suffix in endings]
