"""The tables of scores that train_grader writes and evaluate_grader reads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.files import atomic_open
from pyscorer.contract.labels import Labels, word_starts
from pyscorer.contract.large import pieces
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
    places = {"word_index": pooled.word_index, "phone_index": pooled.phone_index}
    units: tuple[tuple[np.ndarray, dict[str, np.ndarray]], ...] = (
        (np.arange(len(pooled.keys)), {}),
        (of_word, {"word_index": pooled.word_index[starts]}),
        (of_phone, places | {"phone": np.array(PHONE_NAMES, object)[pooled.phones]}),
    )
    keys, speakers = np.array(pooled.keys, object), np.array(labels.speakers, object)
    human = (labels.utterances, labels.words, labels.phones[:, None])
    for level, (owner, own), wanted, scores, seeds in zip(
        LEVELS, units, human, levels, by_seed, strict=True
    ):
        predicted = {"predicted": scores.value, "low": scores.low, "high": scores.high}
        predicted |= {f"seed_{s}": by_module for s, by_module in enumerate(seeds)}
        names = ["utterance", "speaker", *own, "aspect", "human", *predicted]
        with atomic_open(out / f"{name}_{level}.csv") as stream:
            stream.write(",".join(names) + "\n")
            for i, aspect in enumerate(labels.scales.level(level)):
                for rows in pieces(len(owner)):  # a table of all would be larger than its scores
                    columns = {"utterance": keys[owner[rows]], "speaker": speakers[owner[rows]]}
                    columns |= {column: values[rows] for column, values in own.items()}
                    columns |= {"aspect": aspect, "human": wanted[rows, i]}
                    for column, values in predicted.items():
                        columns[column] = values.reshape(len(owner), -1)[rows, i].round(4)
                    table = pd.DataFrame(columns)
                    table[table["predicted"].notna()].to_csv(
                        stream, index=False, header=False, lineterminator="\n", float_format="%.6g"
                    )


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
