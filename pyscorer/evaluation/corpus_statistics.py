"""What the report says of a corpus split and of its alignment."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT, read_ctm
from pyscorer.contract.datadir import read_labels
from pyscorer.contract.files import read_table
from pyscorer.contract.phones import SILENCE
from pyscorer.contract.scales import read_scales

SHORTEST_PHONE = 3
"""Frames that a phone must last in the alignment."""


@dataclass(frozen=True)
class SplitStatistics:
    """Counts of one split, and its durations for the histogram."""

    row: dict[str, Any]
    """Column -> value of the corpus table."""
    scores: np.ndarray
    """Human scores of the utterances."""


@dataclass(frozen=True)
class AlignmentStatistics:
    """Counts of one split's alignment."""

    row: dict[str, Any]
    durations: np.ndarray
    """Frames of each phone, silence left out."""


def split_statistics(name: str, data: Path, aspect: str, seconds: float) -> SplitStatistics:
    """Utterances, speakers, hours, words and human scores of a data directory."""
    speakers = read_table(data / "utt2spk")
    people = sorted(set(speakers.values()))
    ages, genders = (
        read_table(data / file) if (data / file).exists() else {}
        for file in ("spk2age", "spk2gender")
    )
    scores = read_labels(data, "utterance")[aspect].dropna().to_numpy(dtype=float)
    scales = read_scales(data)
    groups = Counter(scales.age_group(ages.get(speaker)) for speaker in people)
    gender = Counter(genders.get(speaker, "unknown") for speaker in people)
    told_apart = {"children / adults": f"{groups['child']} / {groups['adult']}"}
    row = {
        "split": name,
        "utterances": len(speakers),
        "speakers": len(people),
        "hours": seconds / 3600,
        "words": sum(len(text.split()) for text in read_table(data / "text").values()),
        **(told_apart if scales.child_below is not None else {}),
        "genders": ", ".join(f"{name} {count}" for name, count in sorted(gender.items())),
        f"mean {aspect} score": scores.mean(),
        "sd": scores.std(),
    }
    return SplitStatistics(row, scores)


def alignment_statistics(name: str, ali: Path) -> tuple[AlignmentStatistics, float]:
    """Phones, durations and silence of an alignment directory; and the seconds that it spans."""
    durations: list[int] = []
    silence = frames = pauses = utterances = 0
    for _, segments in read_ctm(ali / "phones.ctm"):
        utterances += 1
        frames += segments[-1].end
        for i, s in enumerate(segments):
            if s.label == SILENCE:
                silence += s.length
                pauses += 0 < i < len(segments) - 1
            else:
                durations.append(s.length)
    lengths = np.array(durations)
    row = {
        "split": name,
        "utterances": utterances,
        "phones": len(lengths),
        "median phone, ms": float(np.median(lengths)) * FRAME_SHIFT * 1000,
        "shortest possible": f"{np.mean(lengths <= SHORTEST_PHONE):.1%}",
        "silence": f"{silence / frames:.1%}",
        "pauses an utterance": pauses / utterances,
    }
    return AlignmentStatistics(row, lengths), frames * FRAME_SHIFT
