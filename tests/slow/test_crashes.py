"""A run that is killed, or runs out of disk, ends with the same bytes when it is started again.

Takes an hour; docs/reliability.md has the last result. PYSCORER_CRASHES is the number of kills:

    PYSCORER_CRASHES=20 .venv/bin/pytest -s tests/slow
"""

import hashlib
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from tiny_run import finish, snakemake

CRASHES = int(os.environ.get("PYSCORER_CRASHES", "0"))
SEED = int(os.environ.get("PYSCORER_CRASHES_SEED", "14"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CRASHES, reason="PYSCORER_CRASHES=20 runs it, for an hour"),
]
TOLD = {"logs", "benchmarks"}
"""Folders of what was said and how long it took, which no stage reads."""
CLOCK = ["time", "seconds", "frames_per_second"]
"""Columns of the two log.csv that hold times; nothing but these may differ in them."""
DISK_MB = 512


def contents(folder: Path) -> dict[str, str]:
    """Path -> digest of every file below `folder/work` and `folder/results`, but `TOLD`."""
    found = {}
    for path in sorted(path for top in ("work", "results") for path in (folder / top).rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not TOLD & set(name.parts):
            content = path.read_bytes()
            if path.name == "wav.scp":  # absolute paths, by design
                content = content.replace(f"{folder}/".encode(), b"")
            if path.name == "log.csv":
                table = pd.read_csv(path)
                content = table.drop(columns=CLOCK, errors="ignore").to_csv().encode()
            found[str(name)] = hashlib.sha256(content).hexdigest()
    return found


def same(folder: Path, wanted: dict[str, str]) -> None:
    found = contents(folder)
    assert found.keys() == wanted.keys(), found.keys() ^ wanted.keys()
    assert not [name for name in wanted if found[name] != wanted[name]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float, list[str]]:
    """An undisturbed run: its files, its seconds, and its stages in their order."""
    folder = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    log = finish(folder, directory=folder)
    seconds = time.monotonic() - began
    stages = dict.fromkeys(re.findall(r"^(?:local)?rule (\w+):", log, re.MULTILINE))
    return contents(folder), seconds, [stage for stage in stages if stage != "all"]


def test_two_undisturbed_runs_give_the_same_bytes(whole, tmp_path: Path):
    finish(tmp_path, directory=tmp_path)
    same(tmp_path, whole[0])


@pytest.mark.parametrize("number", range(CRASHES))
def test_a_run_killed_at_a_random_moment_goes_on_to_the_same_bytes(whole, tmp_path, number):
    wanted, seconds, _ = whole
    moment = random.Random(1000 * SEED + number).uniform(1.0, seconds)
    alone = bool(number % 2)
    process = snakemake(tmp_path, directory=tmp_path)
    time.sleep(moment)
    stage = re.findall(r"^(?:local)?rule (\w+):", (tmp_path / "log").read_text(), re.MULTILINE)
    if alone:  # its jobs go on, beside those of the run that follows
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    ended = process.wait()
    what = "Snakemake alone" if alone else "all processes"
    print(f"kill {number + 1}: {what} after {moment:.0f} s, last begun: {['nothing', *stage][-1]}")
    assert ended == -signal.SIGKILL or ended == 0  # it had just finished
    began = time.monotonic()
    finish(tmp_path, directory=tmp_path)
    print(f"  went on for {time.monotonic() - began:.0f} s")
    same(tmp_path, wanted)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount: {error}")
    if mounted.returncode:
        pytest.skip(f"a file system of its own needs the rights of root: {mounted.stderr}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def growths(disk: Path, stages: list[str]) -> dict[str, int]:
    """Stage -> bytes that it takes, of a run in which one after the other is asked for."""
    taken = {}
    for stage in stages:
        before = free(disk)
        finish(disk.parent, "--until", stage, directory=disk)
        taken[stage] = before - free(disk)
    return taken


def test_a_full_disk_in_any_stage_leaves_nothing_that_is_taken_for_whole(whole, disk: Path):
    wanted, _, stages = whole
    taken = growths(disk, stages)
    finish(disk.parent, directory=disk)
    same(disk, wanted)
    for path in list(disk.iterdir()):
        subprocess.run(["rm", "-rf", str(path)], check=True)

    filler = disk / "filler"
    for stage in stages:
        for share in (0.0, 0.5, 0.9):
            left = int(share * taken[stage])
            with filler.open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, max(1, free(disk) - left))
            process = snakemake(disk.parent, "--until", stage, directory=disk)
            status = process.wait(timeout=600)
            said = (disk.parent / "log").read_bytes().count(b"No space left")
            print(f"{stage}: {left} bytes left: status {status}, told {said} times")
            filler.unlink()
            assert status != 0 or share
        finish(disk.parent, "--until", stage, directory=disk)
        now = contents(disk)
        assert not [name for name in now.keys() & wanted.keys() if now[name] != wanted[name]]
    finish(disk.parent, directory=disk)
    same(disk, wanted)
