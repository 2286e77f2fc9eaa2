"""Stage `gather`: what a stage wrote of the parts of a corpus, as if it had run on the whole."""

import csv
import filecmp
import heapq
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from pyscorer.contract.files import atomic_directory, atomic_open, opened_text, read_lines, shown
from pyscorer.contract.tables import write_csv
from pyscorer.errors import InputError
from pyscorer.evaluation.word_errors import WordErrors
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

_OF_ALL = ("columns.txt", "frame_shift", "phones.txt", "phone_map.txt", "ivector_period")
"""Files that say nothing of utterances, and so do those that end in .json."""
_TOTAL = "TOTAL"
"""The last row of wer.csv."""


def gather(
    parts: list[Path], out: Path, reports: list[Path] | None = None, report: Path | None = None
) -> None:
    """Put together in `out` what a stage wrote of the parts of a data directory (`split_data`).

    Lines and rows are merged by what they begin with (utterance, speaker or word), in its order: of
    an utterance's they stay together, as its part has them, and files come out as of a run on the
    whole. Archives (.ark) and audio stay where they are: an scp names them there. Files that are
    not of utterances (columns.txt, frame_shift, .json, ...) must be the same in all parts. Of
    wer.csv the total is anew. Streams.

    `reports`: tables of faults of the parts, which become `report`, one after the other.

    Raises InputError naming what stands in two parts and differs.
    """
    names = dict.fromkeys(p.name for part in parts for p in sorted(part.iterdir()) if p.is_file())
    kept = [n for n in names if not n.endswith(".ark") and not n.startswith(".")]
    with atomic_directory(out) as folder:
        for name in progress_bar(kept, f"gather {out}", len(kept), unit="file"):
            files = [part / name for part in parts if (part / name).exists()]
            if name in _OF_ALL or name.endswith(".json"):
                _copy(files, folder / name)
            elif name.endswith(".csv"):
                _merge_tables(files, folder / name)
            else:
                with atomic_open(folder / name) as stream:
                    for (line,) in _merged(files, _lines):
                        stream.write(f"{line}\n")
    if reports and report:
        write_csv(report, _header(reports), (row for file in reports for row in _rows(file)))
    log.info("%s: put together of %d parts", out, len(parts))


def _copy(files: list[Path], target: Path) -> None:
    for other in files[1:]:
        if not filecmp.cmp(files[0], other, shallow=False):
            raise InputError(
                f"{other}: differs from {files[0]}: they are not of one run of one stage; remove "
                "both, and run it again"
            )
    shutil.copyfile(files[0], target)


def _merge_tables(files: list[Path], target: Path) -> None:
    totals = target.name == "wer.csv"
    total = WordErrors()
    with atomic_open(target) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(_header(files))
        for row in _merged(files, _rows):
            if totals and row[0] == _TOTAL:
                total += WordErrors(*map(int, row[1:5]))
            else:
                table.writerow(row)
        if totals:
            table.writerow([_TOTAL, *total.row()])


def _header(tables: list[Path]) -> list[str]:
    """The columns of all `tables`, which must be the same."""
    headers = []
    for path in tables:
        with opened_text(path, newline="") as stream:
            headers.append(next(csv.reader(stream), []))
        if headers[-1] != headers[0]:
            raise InputError(
                f"{path}: other columns than {tables[0]}: they are not of one run of one stage; "
                "remove both, and run it again"
            )
    return headers[0]


def _rows(path: Path) -> Iterator[list[str]]:
    with opened_text(path, newline="") as stream:
        rows = csv.reader(stream)
        next(rows, None)
        yield from rows


def _lines(path: Path) -> Iterator[list[str]]:
    for _, line in read_lines(path):
        yield [line]


def _merged(files: list[Path], read: Callable[[Path], Iterable[list[str]]]) -> Iterator[list[str]]:
    """Rows of all files in the order of the keys that they begin with."""

    def groups(path: Path) -> Iterator[tuple[str, list[list[str]], Path]]:
        for key, rows in groupby(read(path), lambda row: row[0].partition(" ")[0]):
            yield key, list(rows), path

    before: tuple[str, list[list[str]], Path] = ("", [], Path())
    for group in heapq.merge(*map(groups, files), key=itemgetter(0)):
        key, rows, path = group
        if key != before[0] or key == _TOTAL:
            yield from rows
        elif rows != before[1]:
            raise InputError(
                f"{path}: {shown(key)} stands in {before[2]} too, and otherwise: an "
                "utterance is in one part; remove both, and run the stage again"
            )
        before = group
