"""Stage `quote`: a document shows the tables of a run, copied by command."""

import re
from pathlib import Path

from pyscorer.contract.files import atomic_open, read_text
from pyscorer.errors import InputError

_PART = re.compile(r"(<!-- copy of (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def quote(results: Path, document: Path) -> None:
    """Copy files of a run into a document.

    What stands in `document` between the lines `<!-- copy of NAME -->` and `<!-- end -->` is
    replaced by the file NAME of the directory `results`.

    Raises InputError if the document has no such lines, or `results` no such file.
    """
    if not document.exists():
        raise InputError(f"{document}: no such document")

    def copied(part: re.Match[str]) -> str:
        source = results / part[2]
        if not source.exists():
            raise InputError(f"{source}: no such file, but {document} asks for it; finish the run")
        return f"{part[1]}\n{read_text(source).strip()}\n\n{part[4]}"

    text, count = _PART.subn(copied, read_text(document))
    if not count:
        raise InputError(f"{document}: no lines <!-- copy of NAME --> and <!-- end -->")
    with atomic_open(document) as stream:
        stream.write(text)
