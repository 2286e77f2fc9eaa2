"""Work for processes of which tests see how they end."""

import time
from pathlib import Path

from pyscorer.contract.files import atomic_open


def write_slowly(path: Path) -> None:
    """A write that takes much longer than anyone waits."""
    with atomic_open(path) as stream:
        stream.write("half")
        stream.flush()
        time.sleep(60)
