"""The alignment of a recording, moved to a copy of it at another speed."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pyscorer.contract.ctm import Segment, read_ctm, write_ctm
from pyscorer.contract.files import read_table
from pyscorer.errors import InputError

log = logging.getLogger(__name__)


def scale_segments(segments: list[Segment], speed: float) -> list[Segment]:
    """Segments at the times that they have at `speed`; frames of 10 ms.

    Boundaries are rounded to whole frames once each, so what touched still touches; every segment
    keeps one frame at least.
    """
    scaled: list[Segment] = []
    for s in segments:
        start = round(s.start / speed)
        if scaled:
            start = max(start, scaled[-1].end)
        scaled.append(Segment(s.label, start, max(round(s.end / speed) - start, 1)))
    return scaled


def scale_alignment(
    data: Path, ali: Path, out: Path, speed: Annotated[float, Field(gt=0)] = 0.9
) -> None:
    """Align the copies of `data` (of the stage perturb) as the recordings that they are made from.

    `ali` is the alignment directory of the recordings; writes out/phones.ctm and out/words.ctm.
    Cheaper than aligning anew, and the copy's phones are where its original's are. Raises
    InputError naming a copy whose original is not aligned.
    """
    if speed <= 0:
        raise InputError(f"--speed {speed:g}: give the factor above 0 that perturb was given")
    copies = {original: copy for copy, original in read_table(data / "utt2uniq").items()}
    for name in ("words.ctm", "phones.ctm"):
        found: set[str] = set()

        def scaled(
            name: str = name, found: set[str] = found
        ) -> Iterator[tuple[str, list[Segment]]]:
            for key, segments in read_ctm(ali / name):
                if key in copies:
                    found.add(key)
                    yield copies[key], scale_segments(segments, speed)

        write_ctm(out / name, scaled())
        missing = [key for key in copies if key not in found]
        if missing:
            (out / name).unlink()
            raise InputError(
                f"{ali / name}: {len(missing)} of the {len(copies)} utterances of "
                f"{data}/utt2uniq are missing, first {missing[0]}; run align on the same data"
            )
    log.info("%d copies aligned at speed %g in %s", len(copies), speed, out)
