"""Invented speakers whose GOP follows their score, as a pooled directory with labels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.files import write_table
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.segments import DURATION_COLUMNS, PhoneSegment
from pyscorer.scoring.baselines import BaselineOptions

COLUMNS = ("gop", *DURATION_COLUMNS)
TEACHER = BaselineOptions(
    kind="gbt",
    measures=("gop",),
    seeds=1,
    folds=3,
    iterations=30,
    min_leaf=5,
    column_share=1.0,
    jobs=1,
)


def write_split(root: Path, speakers: range, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, speaker_of = {}, {}
    for speaker in speakers:
        level = rng.uniform(2, 9)
        for number in range(6):
            key = f"s{speaker:02d}-{number}"
            scores[key] = float(np.clip(round(level + rng.normal() / 2), 0, 10))
            speaker_of[key] = f"s{speaker:02d}"

    def rows() -> Iterator[tuple[str, list[PhoneSegment], np.ndarray]]:
        for key, score in scores.items():
            segments = [
                PhoneSegment(word, place, phone, 10 * (3 * word + place), 10, 0, 0)
                for word in range(3)
                for place, phone in enumerate(("B", "IY", "T"))
            ]
            gop = (score - 10) / 3 - rng.exponential(0.3, size=9)
            pause = np.where(np.arange(9) % 3 == 0, 10.0 - score, 0)
            columns = [gop, np.full(9, np.log(10)), np.log1p(pause), np.zeros(9)]
            yield key, segments, np.column_stack(columns)

    write_pooled(root / "gop", COLUMNS, rows())
    write_table(root / "data/utt2spk", speaker_of)
    table = pd.DataFrame({"utterance": scores.keys(), "total": scores.values()})
    table.to_csv(root / "data/utterance_scores.csv", index=False)
