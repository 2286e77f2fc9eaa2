"""CPU seconds and wall time of training by one and by several processes of one thread each.

    python benchmarks/processes_speed.py --data DATA --feats MFCC40 --ali ALI --graphs GRAPHS
        [--utterances 200] [--network medium] [--processes 1 2] [--repeats 2]

Trains an epoch on utterances of a run, in turn with each number of processes. Wall time is that of
the steps (log.csv); CPU time is that of the epoch, of all processes together, so that
it tells what sharing costs also where the processors are not free: with two free processors two
processes are at most 2 x (CPU seconds of one) / (CPU seconds of two) times as fast.
"""

import argparse
import csv
import resource
import tempfile
from pathlib import Path

from pyscorer.chain.ranks import spread
from pyscorer.chain.schedule import TrainingOptions
from pyscorer.chain.train_tdnnf import _train
from pyscorer.chain.training import Training
from pyscorer.contract.datadir import DataDir, read_data_dir, write_data_dir


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def train_and_count(*given) -> None:
    """A rank: as train_tdnnf, with a file of the CPU seconds that its epochs took."""
    out = given[5]
    train = Training.train

    def counted(self: Training) -> None:
        began = cpu_seconds()
        train(self)
        (out / f"cpu.{self.ranks.rank}").write_text(str(cpu_seconds() - began))

    Training.train = counted
    _train(*given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("data", "feats", "ali", "graphs"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--utterances", type=int, default=200)
    parser.add_argument("--network", default="medium")
    parser.add_argument("--minibatch", type=int, default=64)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=2)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        utterances = read_data_dir(a.data).utterances
        chosen = sorted(utterances)[:: max(1, len(utterances) // a.utterances)][: a.utterances]
        write_data_dir(root / "data", DataDir({key: utterances[key] for key in chosen}))
        print("processes  wall s  CPU s  frames/s  frames/CPU s  train objf")
        for repeat in range(a.repeats):
            for number in a.processes:
                out = root / f"{number}.{repeat}"
                out.mkdir()
                options = TrainingOptions(
                    network=a.network, epochs=1, minibatch=a.minibatch, threads=number,
                    processes=number, dropout="0.1,0.1",
                )  # fmt: skip
                given = ((root / "data",), (a.feats,), (a.ali,), (), a.graphs, out, options)
                spread(train_and_count, number, *given)
                (row,) = csv.DictReader((out / "log.csv").open())
                wall, rate = float(row["seconds"]), float(row["frames_per_second"])
                cpu = sum(float(path.read_text()) for path in out.glob("cpu.*"))
                told = f"{wall:6.1f} {cpu:6.1f} {rate:9.0f} {wall * rate / cpu:13.0f}"
                print(f"{number:9d}  {told}  {row['train_objf']:>10}", flush=True)


if __name__ == "__main__":
    main()
