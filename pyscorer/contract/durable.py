"""What keeps a write safe from kills, power cuts and full disks: parts, and how they take effect.

A part is a hidden file or folder beside its target, which carries its writer's host and process in
its name: what a killed process left behind is removed by the next one that writes there.
"""

import contextlib
import errno
import functools
import os
import re
import shutil
import socket
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

from pyscorer.errors import InputError

_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PART = re.compile(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part(\.\w+)?")


@contextlib.contextmanager
def part_of(path: Path, suffix: str = "") -> Iterator[Path]:
    """A name to write to beside `path`, in the place of which `put` sets it.

    The folder is made. What is left of the part afterwards is removed. An OSError that names the
    part, or no file as those of a full disk, gets the name of `path`.
    """
    part = path.parent / f".{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part{suffix}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_parts(path.parent.absolute())
        yield part
    except OSError as error:
        if error.errno is None:  # numpy's, which only tells how much was written
            error.errno, error.strerror, error.filename = errno.EIO, str(error), str(path)
        elif error.filename is None and error.errno in _FULL:
            error.filename = str(path)
        elif str(error.filename).startswith(str(part)):
            error.filename = str(path) + str(error.filename).removeprefix(str(part))
            error.filename2 = None
        raise
    finally:
        remove(part)


def put(part: Path, path: Path) -> None:
    """Set `part` in the place of `path`, after all of it has reached the disk.

    A folder that is there already is set aside first, so that no half of it is ever seen. Raises
    InputError rather than remove a folder that `part` does not look like a newer version of.
    """
    for file in (part, *part.rglob("*")):
        if not file.is_symlink():
            _sync(file)
    if part.is_dir() and os.path.lexists(path):
        _check_replaceable(part, path)
        with part_of(path) as aside:
            path.replace(aside)
            try:
                part.replace(path)
            except OSError:
                aside.replace(path)
                raise
    else:
        part.replace(path)
    _sync(path.parent)


def _check_replaceable(part: Path, path: Path) -> None:
    if not path.is_dir():
        raise InputError(f"{path}: there is a file of this name, where a folder is to be written")
    if path.resolve() in (here := Path.cwd().resolve(), *here.parents):
        raise InputError(f"{path}: would replace the working directory; name a folder inside it")
    old, new = ({entry.name for entry in folder.iterdir()} for folder in (path, part))
    old = {name for name in old if not name.startswith(".")}  # such as .DS_Store
    if old and not old & new:
        raise InputError(
            f"{path}: would be replaced, but holds other things ({min(old)!r}); name a new folder"
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # which some file systems cannot sync, and where it does not matter
            raise
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, link or folder as far as it is there and can be."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


@functools.cache
def clear_parts(folder: Path) -> None:
    """Remove parts of processes of this machine that are no more; once a process and folder."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            found = _PART.fullmatch(entry.name)
            if found and found[1] == _HOST and not _running(int(found[2])):
                remove(Path(entry))


def _running(process: int) -> bool:
    if os.name != "posix":
        return True  # there is no asking without harm
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return True
