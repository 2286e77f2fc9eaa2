"""Files that are whole or absent: everything is written beside its target, then renamed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pyscorer.contract.durable import part_of, put
from pyscorer.errors import InputError


@contextmanager
def atomic_open(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file next to `path` and rename it to `path` if the block succeeds.

    Parent directories are made. After an exception, or a kill, `path` is as it was before.
    """
    encoding = None if "b" in mode else "utf-8"
    with atomic_path(path) as part, part.open(mode, encoding=encoding) as stream:
        yield stream


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Like `atomic_open`, for writers that want a path; the suffix of `path` is kept."""
    with part_of(path, path.suffix) as part:
        yield part
        put(part, path)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Fill a temporary directory, then put it in place of `path` (an older one is removed).

    Raises InputError rather than remove a folder that holds none of the new one's files.
    """
    with part_of(path) as part:
        part.mkdir()
        yield part
        put(part, path)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 text file.

    Raises InputError if the file is missing or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                yield number, line.rstrip("\n")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None


def read_table(path: Path) -> dict[str, str]:
    """Read a Kaldi table file: `key value...` a line, in file order.

    Raises InputError naming the line on a duplicate key or an empty line.
    """
    table: dict[str, str] = {}
    for number, line in read_lines(path):
        key, _, value = line.replace("\t", " ").partition(" ")
        if not key:
            raise InputError(f"{path}:{number}: empty line or leading space")
        if key in table:
            raise InputError(f"{path}:{number}: duplicate key {key}")
        table[key] = value.strip()
    return table


def write_table(path: Path, table: dict[str, str]) -> None:
    """Write a Kaldi table file sorted by key in C order."""
    with atomic_open(path) as stream:
        for key in sorted(table):
            stream.write(f"{key} {table[key]}\n" if table[key] else f"{key}\n")
