"""What `score_speed` and `judge_speed` share: which recordings are timed, how, and what is told."""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import Utterance, read_data_dir, read_wav
from pyscorer.contract.tables import write_csv


@dataclass(frozen=True)
class Timed:
    """A command for many recordings, and what it does with one of them."""

    name: str
    columns: Sequence[str]
    """Of the table of recordings."""
    row: Callable[[Utterance], Sequence[Any]]
    many: Callable[[Path, Path, Path, int], None]
    """Model, folder of outputs, table, processes."""
    load: Callable[[Path], Any]
    one: Callable[[Any, Utterance], Any]


def run(description: str, timed: Timed) -> None:
    """Read the command line and print the times of many recordings, and of some one by one."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--many", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    utterances = list(read_data_dir(arguments.data).utterances.values())
    lengths = np.array([len(read_wav(u)) / SAMPLE_RATE for u in utterances])
    wanted = min(arguments.many, len(utterances))
    many = np.linspace(0, len(utterances) - 1, wanted).round().astype(int)
    seconds = float(lengths[many].sum())
    time_many(timed, arguments.model, [utterances[i] for i in many], seconds, arguments.jobs)
    nearest = np.argsort(np.abs(lengths - arguments.seconds), kind="stable")
    chosen = nearest[: arguments.recordings + 1]
    print(
        f"{len(chosen) - 1} of {lengths[chosen].min():.1f} to {lengths[chosen].max():.1f} s, "
        f"median {np.median(lengths[chosen]):.1f}"
    )
    time_each(timed, arguments.model, [utterances[i] for i in chosen])
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


def time_many(
    timed: Timed, model: Path, utterances: list[Utterance], seconds: float, jobs: int
) -> None:
    """Print the time of the command for many, of `seconds` of speech."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "list.csv"
        write_csv(table, timed.columns, map(timed.row, utterances))
        began = time.monotonic()
        timed.many(model, Path(folder) / "out", table, jobs)
        wall = time.monotonic() - began
    print(
        f"{timed.name}: {len(utterances)} recordings, {seconds:.0f} s of speech, {jobs} processes"
    )
    print(f"wall-clock {wall:.1f} s, {seconds / wall:.1f} times faster than real time")


def time_each(timed: Timed, model: Path, utterances: list[Utterance]) -> None:
    """Print the times of recordings one by one; the first one warms up."""
    torch.set_num_threads(1)
    began = time.process_time()
    loaded = timed.load(model)
    print(f"loading: {time.process_time() - began:.2f} s of processor time")
    times = []
    for utterance in utterances:
        wall, processor = time.monotonic(), time.process_time()
        timed.one(loaded, utterance)
        times.append((time.monotonic() - wall, time.process_time() - processor))
    for name, column in zip(("wall-clock", "processor"), np.array(times[1:]).T, strict=True):
        print(
            f"{name} seconds a recording: median {np.median(column):.2f}, most {column.max():.2f}"
        )
