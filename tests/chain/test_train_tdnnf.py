import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.chain.acoustic_model import embed_features, load_model
from pyscorer.chain.chain_graphs import GraphOptions, chain_graphs
from pyscorer.chain.egs_files import egs
from pyscorer.chain.schedule import TrainingOptions, dropout_at
from pyscorer.chain.train_tdnnf import train_tdnnf
from pyscorer.chain.training import Training
from pyscorer.chain.tree import monophone_tree, pdf_to_phone
from pyscorer.contract.archives import Matrices, write_archive
from pyscorer.contract.ctm import Segment, read_ctm, write_ctm
from pyscorer.contract.datadir import DataDir, Utterance, read_data_dir, write_data_dir
from pyscorer.contract.phones import PHONE_ID, PHONES
from pyscorer.errors import InputError

OPTIONS = {
    "network": "small",
    "epochs": 3,
    "minibatch": 8,
    "heldout": 0.2,
    "average": 0.5,
    "learning_rate": 5e-3,
    "warmup": 1,
    "threads": 1,
    "dropout": "0,0.1@0.5,0",
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty utterances of five speakers; each phone has features of its own, plus noise."""
    root = tmp_path_factory.mktemp("toy")
    rng = np.random.default_rng(0)
    centre = {p: rng.normal(size=40) * 3 for p in ("SIL", "AA", "B", "IY")}
    data, alignments, feats = DataDir(), [], []
    for speaker in range(5):
        for number in range(4):
            key = f"s{speaker}-{number}"
            phones = ["SIL", *rng.choice(["AA", "B", "IY"], size=6), "SIL"]
            lengths = rng.integers(6, 14, size=len(phones))
            starts = np.concatenate([[0], np.cumsum(lengths)])
            alignments.append(
                (key, [Segment(p, int(s), int(n)) for p, s, n in zip(phones, starts, lengths)])  # noqa: B905
            )
            frames = np.repeat([centre[p] for p in phones], lengths, axis=0)
            feats.append((key, (frames + rng.normal(size=frames.shape)).astype(np.float32)))
            data.utterances[key] = Utterance(key, f"s{speaker}", Path("none.wav"), ("A",))
    write_data_dir(root / "data", data)
    write_ctm(root / "ali" / "phones.ctm", alignments)
    write_archive(root / "feats" / "feats.scp", feats)
    chain_graphs(root / "graphs", GraphOptions(num_leaves=0), [root / "ali"], [root / "feats"])
    return root


def run(
    toy: Path,
    out: Path,
    graphs: str = "graphs",
    ali: Path | None = None,
    egs: tuple[Path, ...] = (),
    **changes: object,
) -> None:
    options = TrainingOptions(**(OPTIONS | changes))
    listed = {} if egs else {"data": (toy / "data",), "feats": (toy / "feats",)}
    listed |= {} if egs else {"ali": (ali or toy / "ali",)}
    train_tdnnf(toy / graphs, out, options, egs=egs, **listed)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open() as stream:
        return list(csv.DictReader(stream))


def same_model(one: Path, other: Path) -> bool:
    states = [load_model(p / "final.pt").network.state_dict() for p in (one, other)]
    return all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))


@pytest.fixture(scope="module")
def trained(toy: Path) -> Path:
    run(toy, toy / "out")
    return toy / "out"


def test_the_objective_rises_and_the_best_epoch_is_kept(trained: Path):
    table = rows(trained)
    objectives = [float(row["valid_objf"]) for row in table]
    assert len(objectives) == 3
    assert objectives[-1] > objectives[0]
    facts = load_model(trained / "final.pt").training
    assert facts["epoch"] == 1 + int(np.argmax(objectives))
    assert facts["valid_objf"] == pytest.approx(max(objectives), abs=1e-5)
    assert len(facts["heldout_speakers"]) == 1
    assert not (trained / "checkpoint.pt").exists()


def test_the_network_learns_the_phones(toy: Path):
    run(toy, toy / "long", epochs=8, weight_decay=0.05)
    assert float(rows(toy / "long")[-1]["valid_objf"]) > -0.3


def test_same_seed_same_model(toy: Path, trained: Path):
    run(toy, toy / "again")
    assert same_model(trained, toy / "again")


def test_worker_processes_change_nothing(toy: Path, trained: Path):
    run(toy, toy / "workers", workers=2)
    assert same_model(trained, toy / "workers")


TOGETHER = {"epochs": 2, "minibatch": 7, "learning_rate": 1e-3, "warmup": 10}
"""Three steps an epoch: two of 7 chunks, which two processes have 3 and 4 of, and one of 2."""


@pytest.fixture(scope="module")
def alone(toy: Path) -> Path:
    """Trained by one process."""
    run(toy, toy / "alone", **TOGETHER)
    return toy / "alone"


def assert_same_but_for_rounding(one: Path, other: Path) -> None:
    """All weights to a thousandth of their norm, each matrix to a hundredth; objectives to 0.0005.

    Adam makes much of little: the outputs, which begin at zero, have the largest differences.
    """
    states = [load_model(p / "final.pt").network.state_dict() for p in (one, other)]
    for name, value in states[0].items():
        difference = float((states[1][name] - value).norm())
        assert difference < 1e-2 * float(value.norm()) + 1e-5, name
    first, second = (torch.cat([v.flatten() for v in state.values()]) for state in states)
    assert float((second - first).norm()) < 1e-3 * float(first.norm())
    tables = [rows(p) for p in (one, other)]
    for column in ("train_objf", "train_xent", "valid_objf", "valid_xent"):
        first, second = ([float(row[column]) for row in table] for table in tables)
        assert second == pytest.approx(first, abs=5e-4)
    assert [r["step"] for r in tables[0]] == [r["step"] for r in tables[1]]


def test_two_processes_train_the_network_that_one_does(toy: Path, alone: Path):
    run(toy, toy / "together", processes=2, **TOGETHER)
    assert_same_but_for_rounding(alone, toy / "together")
    assert not (toy / "together" / "checkpoint.pt").exists()


def test_killed_with_two_processes_it_goes_on_under_torchrun(toy: Path, alone: Path):
    out = toy / "killed-together"
    options = OPTIONS | TOGETHER | {"checkpoint_minutes": 0.0, "processes": 2}
    command = ["-m", "pyscorer.cli", "train_tdnnf", "--out", str(out)]
    for name in ("data", "feats", "ali", "graphs"):
        command += [f"--{name}", str(toy / name)]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    kill_at_checkpoint([sys.executable, *command], out)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    subprocess.run([*launcher, "--standalone", *command], check=True, timeout=900)
    assert_same_but_for_rounding(alone, out)


def kill_at_checkpoint(command: list[str], out: Path) -> None:
    """Run until there is a checkpoint; then kill -9, which leaves no process and no model."""
    with out.with_suffix(".log").open("w") as stream:
        process = subprocess.Popen(command, stderr=stream)
        deadline = time.monotonic() + 500
        checkpoint = out / "checkpoint.pt"
        while not checkpoint.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        ranks = children(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert checkpoint.exists(), out.with_suffix(".log").read_text()
    assert not (out / "final.pt").exists()
    while any(Path(f"/proc/{rank}").exists() for rank in ranks) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{rank}").exists() for rank in ranks)


def children(pid: int) -> list[int]:
    """Processes that this one started, where the system tells."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []


def test_more_processes_than_chunks_of_a_step_are_refused(toy: Path):
    with pytest.raises(InputError, match="2 processes cannot share the 1 chunks of a step"):
        run(toy, toy / "too-many", processes=2, minibatch=1)


def test_inner_layers_in_bfloat16_learn_nearly_the_same(toy: Path, trained: Path):
    run(toy, toy / "bfloat16", precision="bfloat16")
    expected, reached = (
        [float(row["train_objf"]) for row in rows(out)] for out in (trained, toy / "bfloat16")
    )
    assert reached == pytest.approx(expected, abs=0.1)
    assert reached != expected
    model = load_model(toy / "bfloat16" / "final.pt")
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}
    assert model.training["options"]["precision"] == "bfloat16"


@pytest.fixture(scope="module")
def stored(toy: Path) -> tuple[Path, ...]:
    """The same utterances as egs files: of two speakers, and of the three others."""
    folders = []
    for part, speakers in enumerate([("s0", "s3"), ("s1", "s2", "s4")]):
        data = read_data_dir(toy / "data")
        own = {k: u for k, u in data.utterances.items() if u.speaker in speakers}
        write_data_dir(toy / f"data{part}", DataDir(own))
        folders.append(toy / f"egs{part}")
        egs(toy / f"data{part}", toy / "feats", toy / "ali", folders[-1], seed=part)
    return tuple(folders)


def test_from_egs_files_of_a_window_comes_the_same_model(
    toy: Path, trained: Path, stored: tuple[Path, ...]
):
    run(toy, toy / "from-egs", egs=stored)
    assert same_model(trained, toy / "from-egs")


def test_egs_files_or_what_they_are_made_of(toy: Path, stored: tuple[Path, ...]):
    with pytest.raises(InputError, match="give data, feats and ali, or egs in their place"):
        train_tdnnf(toy / "graphs", toy / "none", TrainingOptions())
    with pytest.raises(InputError, match=r"egs: s0-0 is in two of the directories"):
        run(toy, toy / "none", egs=(*stored, stored[0]))


def test_killed_and_started_again_it_ends_with_the_same_model(toy: Path, trained: Path):
    out = toy / "killed"
    flags = [
        f"--{name.replace('_', '-')}={value}"
        for name, value in (OPTIONS | {"checkpoint_minutes": 0.0}).items()
    ]
    command = [sys.executable, "-m", "pyscorer.cli", "train_tdnnf"]
    for name in ("data", "feats", "ali", "graphs"):
        command += [f"--{name}", str(toy / name)]
    command += ["--out", str(out), *flags]
    kill_at_checkpoint(command, out)
    run(toy, out)
    assert same_model(trained, out)
    assert [r["valid_objf"] for r in rows(out)] == [r["valid_objf"] for r in rows(trained)]


XENT = {"objective": "xent", "graphs": "tree", "epochs": 8, "minibatch": 4, "weight_decay": 0.05}


@pytest.fixture(scope="module")
def by_labels(toy: Path) -> Path:
    """Trained by frame cross-entropy, in a folder that has the tree alone of all graphs."""
    (toy / "tree").mkdir()
    (toy / "tree" / "tree.json").write_bytes((toy / "graphs" / "tree.json").read_bytes())
    run(toy, toy / "xent", **XENT)
    return toy / "xent"


def test_cross_entropy_falls_and_needs_no_graphs(by_labels: Path):
    table = rows(by_labels)
    objectives = [float(row["valid_objf"]) for row in table]
    assert objectives[-1] > max(objectives[0], -np.log(len(PHONES)))
    assert [row["valid_xent"] for row in table] == [row["valid_objf"] for row in table]
    model = load_model(by_labels / "final.pt")
    assert model.training["options"]["objective"] == "xent"
    assert model.training["epoch"] == 1 + int(np.argmax(objectives))
    assert not model.network.config.chain_output


def test_cross_entropy_learns_the_phones_of_speakers_not_heard(toy: Path, by_labels: Path):
    model = load_model(by_labels / "final.pt")
    (speaker,) = model.training["heldout_speakers"]
    hits = []
    for key, segments in read_ctm(toy / "ali" / "phones.ctm"):
        if key.startswith(speaker):
            posteriors = embed_features(model, Matrices(toy / "feats" / "feats.scp")[key])[1]
            middle = [(s.start + s.length // 2) // 3 for s in segments]
            heard = posteriors[middle].argmax(axis=1) + 1
            hits += [int(h) == PHONE_ID[s.label] for h, s in zip(heard, segments, strict=True)]
    assert np.mean(hits) > 0.9


def test_stopped_training_by_cross_entropy_goes_on_to_the_same_model(
    toy: Path, by_labels: Path, monkeypatch: pytest.MonkeyPatch
):
    class Stopped(Exception): ...

    steps: list[int] = []
    step = Training._train_step

    def some_steps(self, batch, share, progress):
        if len(steps) == 10:
            raise Stopped
        step(self, batch, share, progress)
        steps.append(self.step)
        self.step, self.step_in_epoch = self.step + 1, self.step_in_epoch + 1
        self.save_checkpoint()
        self.step, self.step_in_epoch = self.step - 1, self.step_in_epoch - 1

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Training, "_train_step", some_steps)
        run(toy, toy / "stopped", **XENT)
    with pytest.raises(InputError, match="other objective, data"):
        run(toy, toy / "stopped", **(XENT | {"objective": "lfmmi", "graphs": "graphs"}))
    run(toy, toy / "stopped", **XENT)
    assert same_model(by_labels, toy / "stopped")


def test_checkpoint_of_other_options_is_refused(toy: Path, monkeypatch: pytest.MonkeyPatch):
    out = toy / "other"
    with monkeypatch.context() as patch:
        patch.setattr("pyscorer.chain.training.Training.finish", lambda self: None)
        run(toy, out, epochs=1)
    with pytest.raises(InputError, match="other minibatch; delete it"):
        run(toy, out, epochs=1, minibatch=4)
    (toy / "realigned").mkdir()
    ctm = (toy / "ali" / "phones.ctm").read_text().replace(" AA", " B", 1)
    (toy / "realigned" / "phones.ctm").write_text(ctm)
    with pytest.raises(InputError, match="other data; delete it"):
        run(toy, out, ali=toy / "realigned", epochs=1)
    (out / "checkpoint.pt").write_bytes(b"PK")
    with pytest.raises(InputError, match="damaged"):
        run(toy, out, epochs=1)


def test_features_that_do_not_match_the_alignment_are_named(toy: Path, tmp_path: Path):
    lines = (toy / "ali" / "phones.ctm").read_text().splitlines()
    (tmp_path / "ali").mkdir()
    (tmp_path / "ali" / "phones.ctm").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match=r"s4-3: \d+ frames of features, \d+ of alignment"):
        run(toy, tmp_path / "out", ali=tmp_path / "ali")


@pytest.mark.parametrize(
    ("progress", "expected"), [(0, 0), (0.2, 0), (0.35, 0.25), (0.5, 0.5), (0.75, 0.25), (1, 0)]
)
def test_dropout_schedule_is_kaldis(progress: float, expected: float):
    assert dropout_at("0,0@0.20,0.5@0.50,0", progress) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["", "0,x", "0,0.1@0.5,0.2@0.3,0", "0,0.9@0.5,0"])
def test_malformed_dropout_schedules_are_refused(schedule: str):
    with pytest.raises(InputError, match="dropout schedule"):
        dropout_at(schedule, 0.5)


def test_every_pdf_belongs_to_a_phone():
    owner = pdf_to_phone(monophone_tree(PHONES))
    assert set(owner.tolist()) == set(PHONE_ID.values()) - {0}
