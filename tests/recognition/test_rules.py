"""The rules of recognition and of a Kaldi model as acoustic model, planned but not run."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def plan(folder: Path, *arguments: str) -> str:
    """What `snakemake --dry-run` would do for the generated sample corpus."""
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [scripts / "snakemake", "--dry-run", "--cores", "1", *arguments, "--config",
         "corpus=sample", f"work_root={folder}/work", f"results_root={folder}/results"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_transcripts_need_a_graph_and_a_trained_network(tmp_path: Path):
    planned = plan(tmp_path, "recognition")
    for rule in ("decoding_graph", "decode", "train_tdnnf", "chain_graphs"):
        assert f"rule {rule}:" in planned


def test_vosk_is_made_of_the_exported_network(tmp_path: Path):
    planned = plan(tmp_path, str(tmp_path / "results" / "sample" / "vosk"))
    assert "rule export_vosk:" in planned and "rule export_kaldi:" in planned


def test_a_kaldi_model_takes_the_place_of_training(tmp_path: Path):
    model = tmp_path / "final.mdl"
    model.write_bytes(b"\0B")
    (tmp_path / "kaldi.yaml").write_text(f"acoustic_model: {model}\n")
    planned = plan(tmp_path, "--configfile", str(tmp_path / "kaldi.yaml"))
    assert "rule import_kaldi:" in planned and "rule export:" in planned
    assert "train_tdnnf" not in planned and "chain_graphs" not in planned
