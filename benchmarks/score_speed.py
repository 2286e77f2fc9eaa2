"""Seconds to grade one recording after loading, on one core: all models of a grader's bundle.

    python benchmarks/score_speed.py --model results/RUN/grading/models/all --data DATA_DIR

Takes the recordings of a data directory whose length is nearest to `--seconds`, and prints the
median and the longest of their times; wall-clock time is the one that a learner waits, processor
time does not depend on what else the machine does.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from pyscorer.datadir import read_data_dir
from pyscorer.feedback.bundle import load_grader_bundle
from pyscorer.feedback.quality import read_recording
from pyscorer.feedback.recording import grade_recording


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--recordings", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    bundle = load_grader_bundle(arguments.model)
    print(f"loading: {time.process_time() - began:.2f} s of processor time")
    utterances = list(read_data_dir(arguments.data).utterances.values())
    lengths = np.array([soundfile.info(u.audio).duration for u in utterances])
    nearest = np.argsort(np.abs(lengths - arguments.seconds), kind="stable")
    chosen = [utterances[i] for i in nearest[: arguments.recordings + 1]]
    times = []
    for u in chosen:
        wall, processor = time.monotonic(), time.process_time()
        samples, _ = read_recording(u.audio)
        grade_recording(bundle, samples, " ".join(u.words))
        times.append((time.monotonic() - wall, time.process_time() - processor))
    table = np.array(times[1:])  # the first one warms up
    seconds = lengths[nearest[1 : len(chosen)]]
    print(f"{len(table)} recordings of {seconds.min():.1f} to {seconds.max():.1f} s")
    for name, column in zip(("wall-clock", "processor"), table.T, strict=True):
        print(
            f"{name} seconds a recording: median {np.median(column):.2f}, most {column.max():.2f}"
        )
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
