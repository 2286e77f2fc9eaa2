"""Alignments as Praat TextGrids: the stage `textgrids`."""

from pathlib import Path

from praatio import textgrid
from praatio.data_classes.textgrid import Textgrid

from pyscorer.contract.ctm import FRAME_SHIFT, Segment, read_ctm
from pyscorer.contract.files import atomic_path, shown
from pyscorer.contract.names import file_name
from pyscorer.errors import InputError
from pyscorer.progress import progress_bar


def interval_tier(name: str, segments: list[Segment], end: float) -> textgrid.IntervalTier:
    """An interval tier of Praat that ends at `end` seconds."""
    intervals = [
        (round(s.start * FRAME_SHIFT, 2), round(s.end * FRAME_SHIFT, 2), s.label) for s in segments
    ]
    return textgrid.IntervalTier(name, intervals, minT=0, maxT=end)


def make_textgrid(words: list[Segment], phones: list[Segment]) -> Textgrid:
    """A TextGrid with the tiers `words` and `phones`; times in seconds, up to the last segment."""
    end = round(max(segment.end for segment in (*words, *phones)) * FRAME_SHIFT, 2)
    grid = Textgrid()
    grid.addTier(interval_tier("words", words, end))
    grid.addTier(interval_tier("phones", phones, end))
    return grid


def textgrids(ali: Path, out: Path) -> None:
    """Write `out/<utterance>.TextGrid` for every utterance that the stage `align` put in `ali`.

    The utterance as `file_name` writes it: characters that a name must not have are
    percent-escaped. Two interval tiers, `words` and `phones`; silences are SIL on the phone tier
    and empty on the word tier. Raises InputError if `ali` lacks phones.ctm or words.ctm, if they
    disagree, and if no file can be named after an utterance.
    """
    words = read_ctm(ali / "words.ctm")
    written: dict[str, Path] = {}
    for key, phones in progress_bar(read_ctm(ali / "phones.ctm"), desc="textgrids"):
        other, segments = next(words, ("nothing", []))
        if other != key:
            raise InputError(
                f"{ali / 'words.ctm'}: {shown(other)} where {ali / 'phones.ctm'} has {shown(key)}; "
                "run the stage align again"
            )
        path = out / f"{file_name(key)}.TextGrid"
        twin = written.setdefault(path.name.casefold(), path)
        if twin != path and path.exists() and path.samefile(twin):
            raise InputError(
                f"{path}: this file system takes it for {twin.name}: give utterances ids that "
                "differ in more than capitals"
            )
        with atomic_path(path) as part:
            make_textgrid(segments, phones).save(
                str(part), format="long_textgrid", includeBlankSpaces=True
            )
    for other, _ in words:
        raise InputError(
            f"{ali / 'phones.ctm'}: ends before {shown(other)}, which {ali / 'words.ctm'} has; "
            "run the stage align again"
        )
