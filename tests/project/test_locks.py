"""Locks of Snakemake: a killed run's goes, a living one's stays, and what is not known is told."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyscorer.project.locks import LOCKS, hold, release


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)


def locked(holder: str | None) -> Path:
    LOCKS.mkdir(parents=True)
    (LOCKS / "0.output.lock").write_text("results/report.html\n")
    if holder is not None:
        (LOCKS / holder).touch()
    return LOCKS


def ended() -> int:
    """The number of a process that is no more."""
    done = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_nothing_is_locked():
    assert release() is None
    hold()
    assert release() is None  # the holder alone is no lock


HOLD = "from pyscorer.project.locks import hold; hold(); input()"


@pytest.mark.parametrize("killed", [False, True])
def test_a_holder_stays_only_when_its_run_was_killed(killed: bool):
    run = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE)
    holder = LOCKS / f"{run.pid}@{socket.gethostname()}"
    while not holder.exists():
        assert run.poll() is None
        time.sleep(0.05)
    if killed:
        run.kill()
    run.communicate(b"\n")
    assert holder.exists() == killed


def test_the_lock_of_a_killed_run_is_removed(capsys):
    process = ended()
    locked(f"{process}@{socket.gethostname()}")
    assert release() is None and not LOCKS.exists()
    assert capsys.readouterr().err == f"the lock of a killed run (process {process}) is removed\n"


def test_a_process_that_got_the_number_of_a_killed_run_holds_no_lock():
    other = subprocess.Popen(["sleep", "30"])
    locked(f"{other.pid}@{socket.gethostname()}")
    assert release() is None and not LOCKS.exists()
    other.kill()
    other.wait()


def test_a_second_run_is_told_of_the_first():
    run = subprocess.Popen([sys.executable, "-c", "input()", "snakemake"], stdin=subprocess.PIPE)
    locked(f"{run.pid}@{socket.gethostname()}")
    wanted = f"another run is at work in this folder (process {run.pid}): wait for it, or end it"
    assert release() == wanted and LOCKS.exists()
    (LOCKS / f"{ended()}@{socket.gethostname()}").touch()  # another one, of other targets
    assert release() == wanted and LOCKS.exists()
    run.kill()
    run.wait()
    assert release() is None and not LOCKS.exists()


@pytest.mark.parametrize("holder", [None, "12@elsewhere"])
def test_of_what_is_not_known_the_user_decides(holder: str | None):
    locked(holder)
    told = release()
    assert told is not None and told.endswith("snakemake --unlock") and LOCKS.exists()
    assert ("elsewhere (process 12)" in told) == (holder is not None)
