"""What a command does on consoles that do not take what it says, and when it is told to stop."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from pyscorer import cli, console
from pyscorer.errors import InputError, attempt


def script(body: str) -> list[str]:
    """A command that runs `body` as a stage does."""
    lines = "\n    ".join(["def stage():", *body.splitlines()])
    code = f"import sys, os\nfrom pyscorer.console import guarded\n{lines}\n"
    return [sys.executable, "-c", code + "sys.exit(guarded('pyscorer stage', stage))"]


def run(body: str, **options) -> subprocess.CompletedProcess[bytes]:
    options = {"stdout": subprocess.PIPE} | options
    return subprocess.run(script(body), stderr=subprocess.PIPE, check=False, timeout=60, **options)


@pytest.mark.parametrize(
    "console_of",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "gbk"},
    ],
)
def test_what_a_console_cannot_show_is_escaped(console_of):
    body = (
        "import logging\nprint('caf\\u00e9 \\u4f60\\u597d \\udcff')\n"
        "logging.basicConfig(stream=sys.stderr)\nlogging.warning('\\u4f60 \\udcff')\n"
        "from pyscorer.progress import progress_bar\n"
        "for _ in progress_bar(range(2), desc='\\u4f60 \\udcff', mininterval=0): pass"
    )
    done = run(body, env=os.environ | console_of)
    assert done.returncode == 0, done.stderr
    assert b"\\udcff" in done.stdout and done.stderr.count(b"\\udcff") >= 2
    assert b"Traceback" not in done.stderr and b"rror" not in done.stderr


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_pipe_ends_a_command_without_a_word(stream):
    read, write = os.pipe()
    os.close(read)
    body = f"for _ in range(100_000): print('x', file=sys.{stream})"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: write}
    done = subprocess.run(script(body), check=False, timeout=60, **pipes)
    os.close(write)
    assert done.returncode == 128 + signal.SIGPIPE
    assert not done.stdout or stream == "stderr"
    assert not done.stderr


def test_a_short_answer_into_a_pipe_that_is_closed_is_no_fault():
    read, write = os.pipe()
    os.close(read)
    done = run("print('short')", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "pyscorer.cli", "--help"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode in (0, 128 + signal.SIGPIPE)  # argparse does not look
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = run("print('x')", stdout=full)
    assert done.returncode == 2
    wanted = b"pyscorer stage: error: No space left on device; free some space"
    assert done.stderr.startswith(wanted) and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_matter(closed):
    body = (
        "print('x')\nfrom pyscorer.progress import progress_bar\nfor _ in progress_bar([1]): pass"
    )
    command = ["sh", "-c", f'"$@" {closed}', "sh", *script(body)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0


WAITS = """
from pathlib import Path
from pyscorer.contract.files import atomic_open
from pyscorer.parallel import ordered_map
from worker_tasks import write_slowly
with atomic_open(Path('out')) as stream:
    stream.write('half')
    for _ in ordered_map(write_slowly, [Path(str(n)) for n in range(8)], 2): pass
"""


@pytest.mark.parametrize(
    ("number", "group"),
    [
        (signal.SIGINT, True),  # Ctrl-C reaches all processes
        (signal.SIGINT, False),
        (signal.SIGTERM, False),
        (signal.SIGTERM, True),
        (signal.SIGHUP, True),
    ],
)
def test_a_signal_ends_a_command_and_its_workers_at_once_and_leaves_no_parts(
    number, group, tmp_path
):
    made = Path(__file__).parent / "made"
    path = os.pathsep.join([str(made), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        script(WAITS), cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    began = time.monotonic()
    while len(list(tmp_path.iterdir())) < 3 and time.monotonic() - began < 30:
        time.sleep(0.02)
    assert len(list(tmp_path.iterdir())) == 3
    began = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert process.returncode == 128 + number
    assert (out, err) == (b"", b"pyscorer stage: stopped\n")
    assert not list(tmp_path.iterdir())


def test_a_command_that_nohup_started_outlives_its_terminal():
    body = "import signal\nos.kill(os.getpid(), signal.SIGHUP)\nprint('on')"
    done = subprocess.run(
        ["nohup", *script(body)], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 0 and b"on" in done.stdout


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("text:3: no"), "text:3: no"),
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b: No space left.*free some"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: Permission denied$"),
        (OSError(errno.EROFS, "Read-only file system", "a/b"), "a/b: Read-only file system$"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "a/b"), "a/b: Is a directory$"),
        (OSError(errno.EMFILE, "Too many open files", "a/b"), "a/b: Too many open.*ulimit -n"),
        (OSError(errno.ENAMETOOLONG, "File name too long", b"a\xff"), r"a\\udcff: File name too"),
        (MemoryError(), "not enough memory"),
        (MemoryError("Unable to allocate 9 TiB"), r"not enough memory \(Unable to allocate 9 TiB"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9"), "not enough memory"),
        (BrokenProcessPool("terminated abruptly"), "a process of this command was killed"),
    ],
)
def test_what_the_machine_refuses_is_told_in_one_line(error, told, capfd):
    def stage() -> None:
        raise error

    assert console.guarded("pyscorer stage", stage) == 2
    said = capfd.readouterr().err.encode("utf-8", "backslashreplace").decode()
    assert re.fullmatch(r"pyscorer stage: error: .*\n", said) and re.search(told, said.strip())


def test_a_full_disk_is_not_taken_for_a_fault_of_one_item_of_many():
    def write(code: int) -> None:
        raise OSError(code, os.strerror(code), "out")

    assert isinstance(attempt(write, errno.EISDIR), IsADirectoryError)
    with pytest.raises(OSError, match="No space left"):
        attempt(write, errno.ENOSPC)


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), KeyError("x")])
def test_a_fault_of_the_program_keeps_its_traceback(error):
    def stage() -> None:
        raise error

    with pytest.raises(type(error)):
        console.guarded("pyscorer stage", stage)
    assert run("raise ValueError('x')").returncode == 1


def test_the_statuses_of_the_command_line(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["judge", "--nothing", "x"])
    assert stop.value.code == 2
    assert cli.main(["kaldi_lang", "--data", "none", "--lexicon", "none", "--out", "none"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("pyscorer kaldi_lang: error: none")
