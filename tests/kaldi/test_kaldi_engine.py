"""The plan of the kaldi engine, with stand-ins for its programs; where Kaldi is there, a small run
of it beside the torch engine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from pyscorer.chain.export import ExportOptions, export
from pyscorer.contract.archives import read_integers, read_matrices
from pyscorer.contract.ctm import read_ctm
from pyscorer.kaldi.binaries import NEEDED_OPTIONS, programs

ROOT = Path(__file__).parent.parent.parent


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
            [scripts / "snakemake", "--dry-run", "--quiet", "rules", "--cores", "1",
             "report", "recognition", "--config", "corpus=sample", "engine=kaldi",
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
    assert counts["decode"] == counts["import_kaldi_gmm"] == counts["kaldi_model"] == 1
    assert not counts.keys() & {"train_gmm", "align", "chain_graphs", "train_tdnnf", "export"}


def test_a_missing_program_stops_the_run_at_its_start(plan):
    done = plan([name for name in programs(ROOT / "kaldi_recipes") if name != "gmm-est"])
    assert done.returncode != 0
    assert "engine kaldi: not on PATH: gmm-est" in done.stdout + done.stderr


SMALL = {
    "corpus": "sample",
    "download": {"sample_speakers": 12, "sample_natives": 8, "sample_utterances": 5},
    "train_gmm": {"iterations": 10, "gaussians": 150, "canonical": True},
    "align": {"canonical": True},
    "chain_graphs": {"num_leaves": 60},
    "train_tdnnf": {"network": "small", "epochs": 2},
    "kaldi": {
        "jobs": 1, "mono_iterations": 10, "tri_iterations": 7, "gaussians": 150, "tri_leaves": 60,
        "tri_gaussians": 300, "num_leaves": 60, "network": "small", "epochs": 2, "minibatch": 16,
        "combine": 2, "heldout": 0.2,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The work folders of a small run on either engine, up to pooled vectors."""
    if shutil.which("nnet3-chain-train") is None:
        pytest.skip("Kaldi's programs are not on PATH")
    folder = tmp_path_factory.mktemp("engines")
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    made = {}
    for engine in ("torch", "kaldi"):
        made[engine] = folder / engine / "sample"
        roots = {"work_root": str(folder / engine), "results_root": str(folder / "results")}
        (folder / "config.yaml").write_text(yaml.safe_dump(SMALL | roots | {"engine": engine}))
        done = subprocess.run(
            [scripts / "snakemake", "--cores", "2", made[engine] / "pool/sample/test/phones.scp",
             "--configfile", folder / "config.yaml"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return made


@pytest.mark.slow
def test_both_engines_compute_the_same_features(engines: dict[str, Path]):
    for kind in ("mfcc13", "mfcc40"):
        for name in ("feats.scp", "cmvn.scp"):
            ours, kaldis = (
                dict(read_matrices(work / kind / "sample" / "test" / name))
                for work in engines.values()
            )
            assert list(ours) == list(kaldis)
            for key, matrix in ours.items():
                # Statistics are sums over frames.
                frames = matrix[0, -1] if name == "cmvn.scp" else 1
                np.testing.assert_allclose(matrix / frames, kaldis[key] / frames, atol=0.01)


@pytest.mark.slow
def test_both_engines_meet_the_same_contract(engines: dict[str, Path]):
    torch, kaldi = (work for work in engines.values())
    data = Path("sample") / "test"
    for part in ("ali", "deep", "pool"):
        ours, kaldis = ({p.name for p in (work / part / data).iterdir()} for work in (torch, kaldi))
        assert ours <= kaldis | {"log"}, part
    ali = [dict(read_integers(work / "ali" / data / "ali.scp")) for work in (torch, kaldi)]
    assert {k: len(v) for k, v in ali[0].items()} == {k: len(v) for k, v in ali[1].items()}
    same = np.concatenate([ali[0][key] == ali[1][key] for key in ali[0]])
    assert same.mean() > 0.6
    words, phones = (
        [dict(read_ctm(work / "ali" / data / name)) for work in (torch, kaldi)]
        for name in ("words.ctm", "phones.ctm")
    )
    for key in words[0]:
        assert [s.label for s in words[0][key]] == [s.label for s in words[1][key]]
        spoken = [[s.label for s in each[key] if s.label != "SIL"] for each in phones]
        assert spoken[0] == spoken[1]
    for name in ("embed.scp", "post.scp"):
        ours, kaldis = (dict(read_matrices(work / "deep" / data / name)) for work in (torch, kaldi))
        assert {k: m.shape for k, m in ours.items()} == {k: m.shape for k, m in kaldis.items()}
    for matrix in kaldis.values():  # log-posteriors of phones
        np.testing.assert_allclose(np.exp(matrix).sum(axis=1), 1, atol=1e-3)
    for name in ("frame_shift", "../../../pool/sample/test/columns.txt"):
        one, other = ((work / "deep" / data / name).read_text() for work in (torch, kaldi))
        assert one == other


@pytest.mark.slow
def test_torch_computes_what_nnet3_compute_did(engines: dict[str, Path], tmp_path: Path):
    work = engines["kaldi"]
    model = work / "kaldi" / "chain" / "model" / "final.mdl"
    export(model, work / "mfcc40" / "sample" / "test", tmp_path, ExportOptions(jobs=1))
    for name in ("embed.scp", "post.scp"):
        ours = dict(read_matrices(tmp_path / name))
        for key, matrix in read_matrices(work / "deep" / "sample" / "test" / name):
            np.testing.assert_allclose(ours[key], matrix, atol=1e-3)
