"""Paths that a user names, in the configuration or the environment: which will do, and which not.

Spaces, quotes, `&`, `$` and the like are quoted wherever they get to a shell. What is refused here
cannot be had: Kaldi's tables end a path at a line break, Snakemake takes braces for wildcards.
"""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from pyscorer.contract.files import shown

_PIPE = re.compile(r"^(\||ark[,:]|scp[,:])|\|$")
"""What Kaldi's tables take for a command or an archive."""


def expanded(path: str) -> str:
    """`path` with `~` as the home directory; one that looks like a flag (`-x`) as absolute."""
    full = os.path.expanduser(path)  # noqa: PTH111  (Path would expand ./~x as well)
    return str(Path(full).absolute()) if str(Path(full)).startswith("-") else full


def unusable(path: str) -> str | None:
    """Why an expanded path cannot be used; None: it can."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in path):
        return (
            f"'{shown(path)}' holds a character that tables of files cannot hold (a line break, "
            "another control character, or bytes that are no UTF-8)"
        )
    if path != path.strip():
        return f"'{path}' begins or ends with a blank"
    above = [*reversed(Path(path).parents), Path(path)]
    if any(re.search(r"\$(\w|{)", p.name) and not os.path.lexists(p) for p in above):
        return f"{path}: variables are not expanded here: write the path itself; ~ is home"
    if set("{}") & set(path):
        return f"{path}: Snakemake takes braces for wildcards: choose a path without"
    if _PIPE.search(path):
        return f"{path}: Kaldi's tables take this for a command or an archive: choose another path"
    if path.startswith("~"):
        return f"{path}: there is no such user here"
    return None


def not_a_folder(path: Path) -> str | None:
    """Why a folder that is to be read cannot be; None: it can."""
    if not os.path.lexists(path):
        return f"{path}: no such folder"
    if not path.is_dir():
        return f"{path}: not a folder" if path.exists() else f"{path}: a link that leads nowhere"
    return None if os.access(path, os.R_OK | os.X_OK) else f"{path}: may not be read"


def not_writable(path: Path) -> str | None:
    """Why a folder that is to be made, or written into, cannot be; None: it can."""
    above = path.absolute()
    while not os.path.lexists(above):
        above = above.parent
    if not above.is_dir():
        fault = "is a file" if above.exists() else "is a link that leads nowhere"
        return f"{path}: {above} {fault}"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"{path}: {above} may not be written into"
    return None


def inside(path: Path, folder: Path) -> bool:
    """Whether `path` is `folder` or lies in it, links followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def written_over(out: Path, inputs: Iterable[Path]) -> str | None:
    """Why `out` cannot be written while the `inputs` are read; None: it can.

    It would be one of them, a folder with one in it, or a file that is there in one of them.
    """
    if not os.path.lexists(out):
        return None
    for path in inputs:
        if not os.path.lexists(path):
            continue
        if out.exists() and path.exists() and out.samefile(path):
            return f"{out} is read, and would be written over: name another place"
        if inside(path, out):
            return f"{out} would be replaced, and {path} is in it: name another place"
        if out.is_file() and inside(out, path):
            return f"{out} would be written over, and is in {path}, which is read: name another"
    return None
