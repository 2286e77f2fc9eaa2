"""What a command owes the console that it runs on: any encoding, closed pipes, signals, full disks.

Exit statuses, here and in docs/reliability.md: 0 done; 1 a fault of the program, with a traceback;
2 bad input or flags, or a machine that refuses (disk full, no permission, no memory), with a line
that names it; 128 + n ended by signal n: 130 Ctrl-C, 141 nobody reads the output, 143 terminated.
"""

import contextlib
import errno
import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from types import FrameType
from typing import Any, TextIO

from pyscorer.errors import InputError
from pyscorer.parallel import ENDS

_ADVICE = {
    errno.ENOSPC: "free some space, and give the same command again",
    errno.EDQUOT: "free some space, and give the same command again",
    errno.EMFILE: "raise the limit (ulimit -n), or take fewer --jobs",
    errno.ENFILE: "close some programs, or take fewer --jobs",
}
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""What torch says, as a RuntimeError."""

_PATIENCE = 3.0
"""Seconds in which a worker may come to an end by itself."""


def guarded(program: str, work: Callable[[], object]) -> int:
    """Do `work` and return the command's exit status; what went wrong is told in one line.

    Exceptions that are nobody's but the program's own pass, as does SystemExit.
    """
    _survive_any_encoding()
    try:
        with _signals_as_exceptions():
            try:
                work()
            finally:
                _flush()
    except BrokenPipeError:
        _abandon(sys.stdout)
        _abandon(sys.stderr)
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return _told(program, "stopped", 128 + signal.SIGINT)
    except _Stopped as stop:
        return _told(program, "stopped", int(stop.code or 0))
    except Exception as error:
        if (reason := _reason(error)) is None:
            raise
        return _told(program, f"error: {reason}", 2)
    return 0


def _reason(error: Exception) -> str | None:
    """What to tell the user of an exception; None: it is a fault of the program."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and (error.errno is not None or error.filename is not None):
        reason = error.strerror or str(error)
        if error.filename is not None:
            reason = f"{os.fsdecode(error.filename)}: {reason}"
        advice = _ADVICE.get(error.errno or 0)
        return f"{reason}; {advice}" if advice else reason
    if isinstance(error, BrokenExecutor):
        return "a process of this command was killed, most likely for want of memory: --jobs 1?"
    if isinstance(error, MemoryError) or any(said in str(error) for said in _NO_MEMORY):
        return f"not enough memory ({error})" if str(error) else "not enough memory"
    return None


def _told(program: str, what: str, status: int) -> int:
    with contextlib.suppress(OSError):
        print(f"{program}: {what}", file=sys.stderr, flush=True)
    return status


def _survive_any_encoding() -> None:
    """What a console cannot show, and bytes of file names that are no text, are escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell: >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _abandon(sys.stdout)
        error.filename = "standard output"
        raise


def _abandon(stream: TextIO) -> None:
    """Python flushes once more when it ends, and would complain of it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Stopped(SystemExit):
    """A signal to end; as SystemExit, which no handler of errors takes for one."""


@contextlib.contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Signals unwind the stack, so that parts of files are removed; worker processes end first."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in ENDS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()

    def kill() -> None:
        for worker in workers:
            worker.kill()

    patience = threading.Timer(_PATIENCE, kill)
    patience.daemon = True
    patience.start()
    raise _Stopped(128 + number)
