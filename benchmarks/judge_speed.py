"""Seconds to judge recorded responses with all models of a folder: one alone, and many.

    python benchmarks/judge_speed.py --model work/RUN/model --data DATA_DIR

One alone, on one core, after loading: recordings of a data directory with prompts whose length is
nearest to `--seconds`, the median and the longest of their times. Many: `judge_all` over `--many`
of them, evenly spread, on `--jobs` cores, loading and writing included. Wall-clock time is the one
that one waits; processor time does not depend on how many processes share the machine.
"""

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import Utterance, read_data_dir, read_wav
from pyscorer.feedback.judge_all import JudgeAllOptions, judge_all
from pyscorer.feedback.judge_bundle import load_judge_model
from pyscorer.feedback.judge_recording import judge_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
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
    time_many(arguments.model, [utterances[i] for i in many], lengths[many].sum(), arguments.jobs)
    nearest = np.argsort(np.abs(lengths - arguments.seconds), kind="stable")
    chosen = nearest[: arguments.recordings + 1]
    print(
        f"{len(chosen) - 1} of {lengths[chosen].min():.1f} to {lengths[chosen].max():.1f} s, "
        f"median {np.median(lengths[chosen]):.1f}"
    )
    time_each(arguments.model, [utterances[i] for i in chosen])
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


def time_many(model: Path, utterances: list[Utterance], seconds: float, jobs: int) -> None:
    """Print the time of `judge_all`."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "answers.csv"
        with table.open("w") as stream:
            rows = csv.writer(stream)
            rows.writerow(["wav", "prompt", "id"])
            rows.writerows([u.audio.resolve(), u.prompt, u.key] for u in utterances)
        wall, before = time.monotonic(), os.times()
        judge_all(model, Path(folder) / "out", table, options=JudgeAllOptions(jobs=jobs))
        wall, after = time.monotonic() - wall, os.times()
    processor = sum(after[:4]) - sum(before[:4])
    print(f"judge_all: {len(utterances)} recordings, {seconds:.0f} s of speech, {jobs} processes")
    print(f"wall-clock {wall:.1f} s, {seconds / wall:.1f} times faster than real time")
    print(f"processor {processor:.1f} s, {processor / len(utterances):.2f} s a recording")


def time_each(model: Path, utterances: list[Utterance]) -> None:
    """Print the times of recordings one by one; the first one warms up."""
    torch.set_num_threads(1)
    began = time.process_time()
    loaded = load_judge_model(model)
    print(f"loading: {time.process_time() - began:.2f} s of processor time")
    times = []
    for u in utterances:
        wall, processor = time.monotonic(), time.process_time()
        judge_file(loaded, u.audio, u.prompt)
        times.append((time.monotonic() - wall, time.process_time() - processor))
    for name, column in zip(("wall-clock", "processor"), np.array(times[1:]).T, strict=True):
        print(
            f"{name} seconds a recording: median {np.median(column):.2f}, most {column.max():.2f}"
        )


if __name__ == "__main__":
    main()
