"""Stage `quote`: a document shows the tables of a run, copied by command."""

import logging
import re
from pathlib import Path

from pyscorer.contract.files import atomic_open, read_text
from pyscorer.errors import InputError

log = logging.getLogger(__name__)

_PART = re.compile(r"(<!-- copy of (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def quote(results: Path, document: Path) -> None:
    """Copy files of a run into a document.

    What stands in `document` between the lines `<!-- copy of NAME -->` and `<!-- end -->` is
    replaced by the file NAME of the directory `results`. Where NAME is of another run, in a folder
    that is not there, what stands is left, and the log says so.

    Raises InputError if the document has no such lines, or `results` none of their files.
    """
    if not document.exists():
        raise InputError(f"{document}: no such document")

    made = False

    def copied(part: re.Match[str]) -> str:
        nonlocal made
        source = results / part[2]
        if source.parent != results and not source.parent.exists():
            log.warning("%s: no such run: what %s says of it is left", source.parent, document)
            return part[0]
        made = True
        if not source.exists():
            raise InputError(f"{source}: no such file, but {document} asks for it; finish the run")
        return f"{part[1]}\n{read_text(source).strip()}\n\n{part[4]}"

    text, count = _PART.subn(copied, read_text(document))
    if not count:
        raise InputError(f"{document}: no lines <!-- copy of NAME --> and <!-- end -->")
    if not made:
        raise InputError(f"{results}: none of the runs that {document} quotes; finish one")
    with atomic_open(document) as stream:
        stream.write(text)
