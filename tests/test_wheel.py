"""The wheel holds all that a run needs: from an environment that has nothing else of pyscorer."""

import os
import stat
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from tiny_run import ROOT, TINY

SHARED = ("bundles", "config", "data_manifests", "kaldi_recipes", "profiles", "workflow")
"""Folders of the repository's top level that are in pyscorer/share of the wheel."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*command, "--directory", folder], cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_the_package_and_all_that_comes_with_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        f"{target}/{path.relative_to(ROOT / source).as_posix()}"
        for source, target in [
            ("pyscorer", "pyscorer"),
            *((f, f"pyscorer/share/{f}") for f in SHARED),
        ]
        for path in (ROOT / source).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == wanted
    for name in (
        "pyscorer/cli.py",
        "pyscorer/evaluation/report.html.jinja",
        "pyscorer/feedback/advice.yaml",
        "pyscorer/project/template/Snakefile",
        "pyscorer/share/config/full.yaml",
        "pyscorer/share/data_manifests/speechocean762.yaml",
        "pyscorer/share/kaldi_recipes/conf/mfcc13.conf",
        "pyscorer/share/workflow/rules/common.smk",
        "pyscorer/share/workflow/schemas/options.json",
    ):
        assert name in held


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with the wheel, and with the dependencies of the running one.

    These come by a path, which brings no editable install along: that is a path of its own in a
    file that only the running environment reads.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    subprocess.run([*pip, "--no-index", wheel], check=True, capture_output=True)
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(command: list[str | Path], folder: Path) -> str:
    """What a command that ends well says, outside of this repository and of its environment."""
    hidden = ("PYTHONPATH", "PYSCORER_CORPORA", "VIRTUAL_ENV")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment["PATH"] = "/usr/bin:/bin"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-5000:]
    return said


def test_what_comes_with_the_package_is_found_in_the_wheel(python: Path, tmp_path: Path) -> None:
    code = "from pyscorer import shipped as s; print(s.CHECKOUT, s.RECIPES, s.PACKAGE)"
    checkout, recipes, package = run([python, "-c", code], tmp_path).split()
    assert checkout == "None" and Path(recipes) == Path(package, "share", "kaldi_recipes")
    assert python.parent.parent.resolve() in Path(package).resolve().parents
    for script in (ROOT / "kaldi_recipes").glob("*.sh"):
        mode = Path(recipes, script.name).stat().st_mode
        assert bool(mode & stat.S_IXUSR) == os.access(script, os.X_OK), script.name


@pytest.mark.slow
def test_a_new_project_runs_to_its_report(python: Path, tmp_path: Path) -> None:
    project = tmp_path / "a project"
    run([python.parent / "pyscorer", "init", project], tmp_path)
    (project / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    command = [python, "-m", "snakemake", "--cores", "2", "--configfile", "tiny.yaml"]
    said = run(command, project)
    assert not any(str(ROOT / name) in said for name in ("workflow", "pyscorer", "config"))
    assert "Using workflow specific profile profiles/default" in said
    results = project / "results" / "sample"
    assert "synthetic" in (results / "report.html").read_text().lower()
    assert {path.name for path in (results / "models").iterdir()} == {"deep", "deep+extras"}
    assert "Nothing to be done" in run(command, project)
