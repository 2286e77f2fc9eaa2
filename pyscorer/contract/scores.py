"""Tables that scorers write: scores, and rows of any kind."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.files import atomic_open
from pyscorer.contract.tables import write_csv


def write_scores(
    path: Path, keys: list[str], speakers: np.ndarray, human: np.ndarray, by_seed: np.ndarray
) -> None:
    """Write scores.csv: utterance, speaker, human, predicted (the mean over seeds), seed_0, ...

    `by_seed` is utterances x seeds, in units of the human scores.
    """
    seeds = [f"seed_{i}" for i in range(by_seed.shape[1])]
    rows = (
        [key, speaker, f"{own:g}", *(f"{value:.4f}" for value in (said.mean(), *said))]
        for key, speaker, own, said in zip(keys, speakers, human, by_seed, strict=True)
    )
    write_csv(path, ["utterance", "speaker", "human", "predicted", *seeds], rows)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a CSV table; the keys of the first row are its columns."""
    with atomic_open(path) as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
