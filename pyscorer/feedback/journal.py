"""What `score_all` has done so far: rows that outlive a kill."""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyscorer.contract.files import atomic_open

Row = dict[str, str | float]
"""Of the summary, by column."""
Keep = Callable[[str, Row], None]


@contextmanager
def journal(path: Path, settings: list[str]) -> Iterator[tuple[dict[str, Row], Keep]]:
    """Rows that an earlier run kept, by key, and a function to keep another.

    They stand in a file of lines, a checksum and JSON each, that is removed when the block
    succeeds. What was kept under other `settings` does not count, nor does a line that was cut off
    or damaged.
    """
    done = dict(_kept(path, settings))
    with atomic_open(path) as stream:
        stream.write(_line(settings))
        stream.writelines(_line([key, row]) for key, row in done.items())
    with path.open("a", encoding="utf-8") as stream:

        def keep(key: str, row: Row) -> None:
            done[key] = row
            stream.write(_line([key, row]))
            stream.flush()

        yield done, keep
    path.unlink()


def _line(content: Any) -> str:
    text = json.dumps(content)
    return f"{zlib.crc32(text.encode()):08x} {text}\n"


def _kept(path: Path, settings: list[str]) -> Iterator[tuple[str, Row]]:
    if not path.is_file():
        return
    with path.open("rb") as stream:
        if stream.readline() != _line(settings).encode():
            return
        for line in stream:
            checksum, _, text = line.removesuffix(b"\n").partition(b" ")
            if line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(text):
                entry = json.loads(text)
                if entry != settings:  # as in two journals, one after the other
                    yield entry[0], entry[1]
