"""Alignments as Praat TextGrids: the stage `textgrids`."""

from pathlib import Path

from praatio import textgrid
from praatio.data_classes.textgrid import Textgrid

from pyscorer.contract.ctm import FRAME_SHIFT, Segment, read_ctm
from pyscorer.contract.files import atomic_path
from pyscorer.errors import InputError
from pyscorer.progress import progress_bar


def interval_tier(name: str, segments: list[Segment], end: float) -> textgrid.IntervalTier:
    """An interval tier of Praat that ends at `end` seconds."""
    intervals = [
        (round(s.start * FRAME_SHIFT, 2), round(s.end * FRAME_SHIFT, 2), s.label) for s in segments
    ]
    return textgrid.IntervalTier(name, intervals, minT=0, maxT=end)


def make_textgrid(words: list[Segment], phones: list[Segment]) -> Textgrid:
    """A TextGrid with the tiers `words` and `phones`; times in seconds, up to the last phone."""
    end = round(max(segment.end for segment in phones) * FRAME_SHIFT, 2)
    grid = Textgrid()
    grid.addTier(interval_tier("words", words, end))
    grid.addTier(interval_tier("phones", phones, end))
    return grid


def textgrids(ali: Path, out: Path) -> None:
    """Write `out/<utterance>.TextGrid` for every utterance that the stage `align` put in `ali`.

    Two interval tiers, `words` and `phones`; silences are SIL on the phone tier and empty on the
    word tier. Raises InputError if `ali` lacks phones.ctm or words.ctm, or if they disagree.
    """
    words = read_ctm(ali / "words.ctm")
    for key, phones in progress_bar(read_ctm(ali / "phones.ctm"), desc="textgrids"):
        other, segments = next(words, ("nothing", []))
        if other != key:
            raise InputError(
                f"{ali / 'words.ctm'}: {other} where {ali / 'phones.ctm'} has {key}; run the stage "
                "align again"
            )
        with atomic_path(out / f"{key}.TextGrid") as part:
            make_textgrid(segments, phones).save(
                str(part), format="long_textgrid", includeBlankSpaces=True
            )
