"""The lock of Snakemake: who holds it, and what is done about one that nobody holds any more.

Snakemake locks the outputs of a run, so that a second one stops. A run that is killed at once
(kill -9, power cut) cannot unlock; a holder's name beside the locks tells that from a living run.
"""

import atexit
import os
import shutil
import socket
import sys
from pathlib import Path

import psutil

LOCKS = Path(".snakemake") / "locks"


def hold() -> None:
    """Write who runs here beside the locks: a file of the machine's and the process's name.

    It goes when the process ends by itself.
    """
    LOCKS.mkdir(parents=True, exist_ok=True)
    holder = LOCKS.absolute() / f"{os.getpid()}@{socket.gethostname()}"
    holder.touch()
    atexit.register(holder.unlink, missing_ok=True)


def release() -> str | None:
    """Remove the locks of runs of this machine that are no more; says why not, if one may be."""
    if not any(LOCKS.glob("*.lock")):
        return None
    by_hand = "if it is not running any more: .venv/bin/snakemake --unlock"
    holders = sorted(path.name.split("@", 1) for path in LOCKS.glob("*@*"))
    if not holders:
        return f"this folder is locked by a run that does not tell its process; {by_hand}"
    for process, host in holders:
        if host != socket.gethostname():
            return f"this folder is locked by a run on {host} (process {process}); {by_hand}"
        if _is_snakemake(int(process)):
            return (
                f"another run is at work in this folder (process {process}): wait for it, or end it"
            )
    shutil.rmtree(LOCKS)
    killed = ", ".join(process for process, _ in holders)
    print(f"the lock of a killed run (process {killed}) is removed", file=sys.stderr)
    return None


def _is_snakemake(process: int) -> bool:
    """Whether a process is there and not another one that got its number."""
    try:
        return any("snakemake" in word for word in psutil.Process(process).cmdline())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


if __name__ == "__main__":
    if refused := release():
        sys.exit(f"error: {refused}")
