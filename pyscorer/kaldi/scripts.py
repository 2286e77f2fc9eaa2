"""Scripts of kaldi_recipes/ run from a stage, several at a time."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pyscorer.errors import InputError
from pyscorer.shipped import RECIPES

_LOOK = 0.01
"""Seconds between two looks at what runs."""


@dataclass(frozen=True)
class Script:
    """A script of kaldi_recipes/, its arguments, and the transforms that lib.sh is told of."""

    name: str
    arguments: Sequence[Path | str | float]
    transforms: Mapping[str, Path] = field(default_factory=dict)
    """LDA, FMLLR -> file."""


Runner = Callable[[Iterable[Sequence[Script]]], None]
"""What runs chains of scripts; a test has its own."""


def run_chains(chains: Iterable[Sequence[Script]], jobs: int) -> None:
    """Run chains of scripts, the scripts of a chain one after the other, `jobs` chains at a time.

    Each program takes one thread. Raises InputError naming the first script that fails, when all
    others are stopped; what it said is in the log.
    """
    waiting = iter(chains)
    running: list[tuple[subprocess.Popen[bytes], list[Script]]] = []

    def begin(chain: Sequence[Script]) -> None:
        if chain:
            running.append((_begin(chain[0]), list(chain)))

    try:
        while True:
            while len(running) < jobs and (chain := next(waiting, None)) is not None:
                begin(chain)
            if not running:
                return
            time.sleep(_LOOK)
            for entry in [entry for entry in running if entry[0].poll() is not None]:
                running.remove(entry)
                process, chain = entry
                if process.returncode:
                    raise InputError(
                        f"kaldi_recipes/{chain[0].name}.sh ended with {process.returncode}: "
                        "what Kaldi's programs said of it is above"
                    )
                begin(chain[1:])
    finally:
        for process, _ in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process, _ in running:
            process.wait()


def _begin(script: Script) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment |= {name: str(path) for name, path in script.transforms.items()}
    command = [str(RECIPES / f"{script.name}.sh"), *map(str, script.arguments)]
    # A group of its own: a script is a pipe of several programs, which end together.
    return subprocess.Popen(command, env=environment, start_new_session=True)
