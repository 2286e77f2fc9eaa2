"""The tables of scores that train_grader writes and evaluate_grader reads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.files import atomic_open
from pyscorer.contract.labels import Labels, word_starts
from pyscorer.contract.pooled import PHONE_NAMES, PooledSet
from pyscorer.contract.scales import LEVELS
from pyscorer.contract.tables import read_frame
from pyscorer.errors import InputError
from pyscorer.grading.grader import Levels
from pyscorer.scoring.statistics import utterance_of_phone


def write_levels(
    out: Path,
    name: str,
    pooled: PooledSet,
    labels: Labels,
    levels: Sequence[Levels],
    by_seed: Sequence[np.ndarray],
) -> None:
    """Write out/`name`_{utterance,word,phone}.csv, one row a unit and aspect.

    Columns: utterance, speaker, then word_index, and phone_index and phone, as the level has them,
    then aspect, human (empty where there is none), predicted, low, high, seed_0, ...
    Aspects that are not predicted, as nobody scored them in the train split, are left out.
    """
    starts = word_starts(pooled)
    of_phone, of_word = utterance_of_phone(pooled), utterance_of_phone(pooled)[starts]
    phones = [PHONE_NAMES[p] for p in pooled.phones]
    units: tuple[tuple[np.ndarray, dict[str, np.ndarray]], ...] = (
        (np.arange(len(pooled.keys)), {}),
        (of_word, {"word_index": pooled.word_index[starts]}),
        (
            of_phone,
            {
                "word_index": pooled.word_index,
                "phone_index": pooled.phone_index,
                "phone": np.array(phones),
            },
        ),
    )
    human = (labels.utterances, labels.words, labels.phones[:, None])
    for level, (owner, places), wanted, scores, seeds in zip(
        LEVELS, units, human, levels, by_seed, strict=True
    ):
        names = ["utterance", "speaker", *places, "aspect", "human", "predicted", "low", "high"]
        names += [f"seed_{s}" for s in range(len(seeds))]
        tables = [pd.DataFrame(columns=names)] if not labels.scales.level(level) else []
        for i, aspect in enumerate(labels.scales.level(level)):
            columns = {"utterance": np.array(pooled.keys)[owner], "speaker": labels.speakers[owner]}
            columns |= places
            columns |= {"aspect": np.full(len(owner), aspect), "human": wanted[:, i]}
            for column in ("predicted", "low", "high"):
                values = getattr(scores, "value" if column == "predicted" else column)
                columns[column] = values.reshape(len(owner), -1)[:, i].round(4)
            for s, by_module in enumerate(seeds):
                columns[f"seed_{s}"] = by_module.reshape(len(owner), -1)[:, i].round(4)
            table = pd.DataFrame(columns)
            tables.append(table[table["predicted"].notna()])
        with atomic_open(out / f"{name}_{level}.csv") as stream:
            pd.concat(tables).to_csv(stream, index=False, lineterminator="\n", float_format="%.6g")


def read_levels(path: Path) -> pd.DataFrame:
    """A table of `write_levels`, all aspects. Raises InputError if it is not there."""
    if not path.exists():
        raise InputError(f"{path}: no such table; run train_grader")
    text = ["utterance", "speaker", "aspect", "phone"]
    needed = [*text[:3], "human", "predicted", "low", "high"]
    return read_frame(path, needed, text, gaps=["human"])


def read_level(grader: Path, name: str, level: str, aspect: str) -> pd.DataFrame:
    """The rows of one aspect that have a human score, none of an aspect that was not learned.

    Raises InputError if there is no table.
    """
    table = read_levels(grader / f"{name}_{level}.csv")
    table = table[table["aspect"] == aspect]
    return table[table["human"].notna()].reset_index(drop=True)
