"""The lock of Snakemake: who holds it, and what is done about one that nobody holds any more.

Snakemake locks the outputs of a run, so that a second one stops. A run that is killed at once
(kill -9, power cut) cannot unlock; a holder's name beside the locks tells that from a living run.
"""

import os
import shutil
import socket
import sys
from pathlib import Path

import psutil

LOCKS = Path(".snakemake") / "locks"
_HOLDER = "holder"


def hold() -> None:
    """Write who runs here beside the locks, which Snakemake takes away together."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    (LOCKS / _HOLDER).write_text(f"{socket.gethostname()} {os.getpid()}\n")


def release() -> str | None:
    """Remove the locks of a run of this machine that is no more; says why not, if it may be."""
    if not any(LOCKS.glob("*.lock")):
        return None
    by_hand = "if it is not running any more: .venv/bin/snakemake --unlock"
    try:
        host, process = (LOCKS / _HOLDER).read_text().split()
    except (OSError, ValueError):
        return f"this folder is locked by a run that does not tell its process; {by_hand}"
    if host != socket.gethostname():
        return f"this folder is locked by a run on {host} (process {process}); {by_hand}"
    if _is_snakemake(int(process)):
        return f"another run is at work in this folder (process {process}): wait for it, or end it"
    shutil.rmtree(LOCKS)
    print(f"the lock of a killed run (process {process}) is removed", file=sys.stderr)
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
