"""What every scorer shares: speaker-disjoint folds, and the table of scores that it writes."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.files import atomic_open


def write_scores(
    path: Path, keys: list[str], speakers: np.ndarray, human: np.ndarray, by_seed: np.ndarray
) -> None:
    """Write scores.csv: utterance, speaker, human, predicted (the mean over seeds), seed_0, ...

    `by_seed` is utterances x seeds, in units of the human scores.
    """
    with atomic_open(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        seeds = [f"seed_{i}" for i in range(by_seed.shape[1])]
        writer.writerow(["utterance", "speaker", "human", "predicted", *seeds])
        for i, key in enumerate(keys):
            row = [by_seed[i].mean(), *by_seed[i]]
            writer.writerow([key, speakers[i], f"{human[i]:g}", *(f"{value:.4f}" for value in row)])


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a CSV table; the keys of the first row are its columns."""
    with atomic_open(path) as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
