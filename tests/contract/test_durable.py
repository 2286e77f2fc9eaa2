"""A write is there as a whole or not at all, whatever comes between."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.durable import clear_parts
from pyscorer.contract.files import atomic_directory, atomic_open, atomic_path
from pyscorer.contract.weights import save_weights
from pyscorer.errors import InputError


@pytest.fixture(autouse=True)
def each_folder_is_cleared_anew():
    clear_parts.cache_clear()


def killed_while_writing(folder: Path, kind: str) -> list[str]:
    """Kill -9 a process that is half-way through a write; the names in the folder then."""
    code = (
        f"import os, signal\nfrom pathlib import Path\nfrom pyscorer.contract.files import {kind}\n"
        f"with {kind}(Path('out.x')) as part:\n    {HALF[kind]}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, check=False)
    assert done.returncode == -signal.SIGKILL
    return sorted(path.name for path in folder.iterdir())


HALF = {
    "atomic_open": "part.write('half'); part.flush()",
    "atomic_path": "part.write_text('half')",
    "atomic_directory": "(part / 'a').write_text('half')",
}


@pytest.mark.parametrize("kind", HALF)
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(kind, tmp_path):
    (left,) = killed_while_writing(tmp_path, kind)
    assert left.startswith(".") and "out" not in left
    with atomic_open(tmp_path / "other") as stream:
        stream.write("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_parts_of_processes_that_run_are_left_alone(tmp_path):
    with atomic_path(tmp_path / "one.csv") as one:
        one.write_text("1")
        clear_parts.cache_clear()
        with atomic_open(tmp_path / "two") as two:
            two.write("2")
        foreign = one.with_name(one.name.replace(one.name[1:9], "0" * 8))
        foreign.touch()
        clear_parts.cache_clear()
        clear_parts(tmp_path)
        assert one.exists() and foreign.exists()
    assert (tmp_path / "one.csv").read_text() == "1"


def test_a_name_of_the_greatest_length_can_be_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".csv")
    with atomic_path(path) as part:
        part.write_text("x")
    assert path.read_text() == "x"


@pytest.mark.parametrize("where", [".", "..", "other", "file"])
def test_a_folder_of_other_things_is_not_replaced(where, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "other").mkdir()
    (tmp_path / "here" / "other" / "thesis.tex").touch()
    (tmp_path / "here" / "file").touch()
    monkeypatch.chdir(tmp_path / "here")
    wanted = {
        "other": "holds other things .'thesis.tex'.; name a new folder",
        "file": "there is a file of this name",
    }.get(where, "would replace the working directory")
    with (
        pytest.raises(InputError, match=wanted),
        atomic_directory(Path(where)) as part,
    ):
        (part / "final.npz").touch()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"here", "here/other", "here/other/thesis.tex", "here/file"}


def test_a_folder_that_only_a_file_browser_wrote_into_is_an_empty_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").touch()
    with atomic_directory(tmp_path / "out") as part:
        (part / "a").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_a_link_to_a_folder_is_replaced_and_what_it_points_to_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text("old")
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    with atomic_directory(tmp_path / "out") as part:
        (part / "a").write_text("new")
    assert (tmp_path / "out" / "a").read_text() == "new"
    assert (tmp_path / "elsewhere" / "a").read_text() == "old"


def test_a_full_disk_is_told_with_the_name_of_the_output_and_leaves_the_old_one(
    tmp_path, monkeypatch
):
    with atomic_open(tmp_path / "out") as stream:
        stream.write("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as error, atomic_open(tmp_path / "out") as s:
        s.write("new")
    assert error.value.filename == str(tmp_path / "out")
    with pytest.raises(OSError, match="No space left"), atomic_directory(tmp_path / "dir") as part:
        np.save(part / "a.npy", np.zeros(3))
    with pytest.raises(OSError, match="requested and") as error, atomic_path(tmp_path / "a.npy"):
        raise OSError("1000000 requested and 80368 written")  # as np.save does
    assert error.value.filename == str(tmp_path / "a.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() == "old"


def test_the_same_weights_are_the_same_bytes_whatever_the_file_is_called(tmp_path):
    save_weights(tmp_path / "a.pt", {"x": 1})
    save_weights(tmp_path / "b.pt", {"x": 1})
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
