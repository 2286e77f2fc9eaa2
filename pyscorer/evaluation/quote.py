"""Stage `quote`: a document shows the tables of a run, copied by command."""

import logging
import re
from pathlib import Path

from pyscorer.contract.files import atomic_open, read_text
from pyscorer.contract.tables import column_names, read_rows
from pyscorer.errors import InputError
from pyscorer.evaluation.markdown import markdown_table

log = logging.getLogger(__name__)

_PART = re.compile(r"(<!-- copy of (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def _text(source: Path) -> str:
    """A file as a document shows it: CSV as a table."""
    if source.suffix != ".csv":
        return read_text(source).strip()
    rows = (row.values() for _, row in read_rows(source))
    return markdown_table(column_names(source), rows).strip()


def quote(results: Path, document: Path) -> None:
    """Copy files of a run into a document.

    What stands in `document` between the lines `<!-- copy of NAME -->` and `<!-- end -->` is
    replaced by the file NAME of the directory `results`, a CSV file by its table. Where
    NAME is of another run, in a folder that is not there, what stands is left, and the log says so.

    Raises InputError if the document has no such lines, or `results` none of their files.
    """
    if not document.exists():
        raise InputError(f"{document}: no such document")

    def lacks_run(part: re.Match[str]) -> bool:
        folder = (results / part[2]).parent
        return folder != results and not folder.exists()

    def copied(part: re.Match[str]) -> str:
        source = results / part[2]
        if lacks_run(part):
            log.warning("%s: no such run: what %s says of it is left", source.parent, document)
            return part[0]
        if not source.exists():
            raise InputError(f"{source}: no such file, but {document} asks for it; finish the run")
        return f"{part[1]}\n{_text(source)}\n\n{part[4]}"

    text = read_text(document)
    parts = list(_PART.finditer(text))
    if not parts:
        raise InputError(f"{document}: no lines <!-- copy of NAME --> and <!-- end -->")
    if all(map(lacks_run, parts)):
        raise InputError(f"{results}: none of the runs that {document} quotes; finish one")
    copy = _PART.sub(copied, text)
    with atomic_open(document) as stream:
        stream.write(copy)
