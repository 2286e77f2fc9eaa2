"""Bytes that the first process of a stage holds for each utterance of its data.

The peak of what Python and NumPy allocate, at several sizes of one dataset: some of its utterances,
copied under new names, so that nothing but their number differs; and CPU time, which must not grow.
Archives and audio are those of the finished run that is named; stages run in one process, each in
one of its own. The last column is what the system has counted for that process, and what the slope
makes of it at 80,000 utterances. `--resident` takes all from what the system counts: faster, for
real copies of a whole dataset.

    python benchmarks/growth.py work/speechocean762 speechocean762/test --table growth.csv
    python benchmarks/growth.py work/speechocean762 speechocean762/train --table resident.csv \\
        --resident --take 2500 --copies 1 16 --stages split_data gather pool chain_graphs
"""

import argparse
import csv
import gc
import multiprocessing
import resource
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pyscorer.alignment.align import AlignOptions, align
from pyscorer.alignment.features import FeatureOptions, features
from pyscorer.alignment.train_gmm import GmmOptions, train_gmm
from pyscorer.chain.chain_graphs import GraphOptions, chain_graphs
from pyscorer.chain.chain_statistics import chain_statistics
from pyscorer.chain.export import ExportOptions, export
from pyscorer.contract.datadir import LABEL_KEYS
from pyscorer.contract.files import read_lines, read_table, write_table
from pyscorer.corpora.validate import ValidateOptions, validate
from pyscorer.measures.gop import gop
from pyscorer.measures.measure_prosody import ProsodyOptions, prosody
from pyscorer.measures.pool import pool
from pyscorer.measures.transition_gop import transition_gop
from pyscorer.scatter.gather import gather
from pyscorer.scatter.split_data import split_data

KEYED = {
    "data": ("text", "wav.scp", "utt2spk", "canonical", "utt2dur"),
    "mfcc13": ("feats.scp", "cmvn.scp"),
    "mfcc40": ("feats.scp", "cmvn.scp"),
    "ali": ("phones.ctm", "words.ctm"),
    "deep": ("embed.scp", "post.scp"),
}
"""Files whose lines begin with an utterance or a speaker."""
STAGES = (
    *("split_data", "validate", "features", "train_gmm", "align", "chain_statistics"),
    *("chain_graphs", "export", "pool", "gop", "transition_gop", "prosody", "gather"),
)
MANY = 80_000
"""Utterances: sixteen times speechocean762."""


def write_copies(run: Path, dataset: str, take: int, copies: int, out: Path) -> None:
    """Write `copies` of the first `take` utterances of a run's dataset below `out`."""
    speakers = dict(islice(read_table(run / "data" / dataset / "utt2spk").items(), take))
    names = set(speakers) | set(speakers.values())

    def copied(lines: Iterable[str], number: int) -> Iterable[str]:
        return (f"copy{number:04d}-{line}\n" for line in lines)

    for folder, files in KEYED.items():
        (out / folder).mkdir(parents=True)
        for file in (f for f in files if (run / folder / dataset / f).exists()):
            lines = [line for _, line in read_lines(run / folder / dataset / file)]
            own = [line for line in lines if _owner(line, file) in names]
            with (out / folder / file).open("w") as stream:
                for number in range(copies):
                    stream.writelines(copied(own, number))
    copy_of = {
        f"copy{c:04d}-{k}": f"copy{c:04d}-{s}" for c in range(copies) for k, s in speakers.items()
    }
    for file in (f"{level}_scores.csv" for level in LABEL_KEYS):
        if (run / "data" / dataset / file).exists():
            head, *rows = (line for _, line in read_lines(run / "data" / dataset / file))
            own = [row for row in rows if row.partition(",")[0] in speakers]
            with (out / "data" / file).open("w") as stream:
                stream.write(f"{head}\n")
                for number in range(copies):
                    stream.writelines(copied(own, number))
    write_table(out / "data" / "utt2spk", copy_of)
    of_speaker: dict[str, list[str]] = {}
    for key, speaker in copy_of.items():
        of_speaker.setdefault(speaker, []).append(key)
    write_table(out / "data" / "spk2utt", {s: " ".join(sorted(k)) for s, k in of_speaker.items()})
    for name in ("data/{}/lexicon.txt", "data/{}/scales.json", "deep/{}/frame_shift"):
        file = Path(name.format(dataset))
        (out / file.parts[0] / file.name).write_text((run / file).read_text())


def _owner(line: str, file: str) -> str:
    key = line.partition(" ")[0]
    return key.rpartition(".")[0] if file == "canonical" else key


def calls(run: Path, made: Path) -> dict[str, Callable[[], None]]:
    """What runs each stage on the copies in `made`."""
    data, ali, deep, out = (
        made / "data",
        made / "ali",
        made / "deep",
        Path(tempfile.mkdtemp(dir=made)) / "out",
    )
    mfcc13, mfcc40, model = made / "mfcc13", made / "mfcc40", run / "tdnnf" / "final.pt"
    lexicon, valid = data / "lexicon.txt", ValidateOptions(drop_faulty=True)
    graphs = GraphOptions(extra_lm_states=10)
    one, gmm = AlignOptions(canonical=True, jobs=1), GmmOptions(iterations=1, jobs=1)
    return {
        "split_data": lambda: split_data(data, out, 1, 2),
        "validate": lambda: validate(data, lexicon, out, made / "faults.csv", valid),
        "features": lambda: features(data, out, FeatureOptions("mfcc13", jobs=1)),
        "train_gmm": lambda: train_gmm(data, mfcc13, lexicon, out, gmm),
        "align": lambda: align(data, mfcc13, lexicon, run / "gmm", out, one),
        "chain_statistics": lambda: chain_statistics(ali, mfcc13, out),
        "chain_graphs": lambda: chain_graphs(out, graphs, [ali], [mfcc13]),
        "export": lambda: export(model, mfcc40, out, ExportOptions(jobs=1)),
        "pool": lambda: pool(data, ali, deep, out),
        "gop": lambda: gop(data, ali, deep, out, run / "gmm", mfcc13),
        "transition_gop": lambda: transition_gop(
            data, ali, model, run / "graphs" / "tree.json", mfcc40, out, jobs=1
        ),
        "prosody": lambda: prosody(data, ali, out, ProsodyOptions(jobs=1)),
        "gather": lambda: gather([ali], out),
    }


@dataclass(frozen=True)
class Used:
    """What a process took."""

    most: int
    """Bytes allocated at a time, or resident."""
    resident: int
    """Bytes that the system counted at most."""
    seconds: float
    """Of CPU, which to count bytes makes slower; to be compared with each other."""


def _measure(
    run: Path, made: Path, stage: str, traced: bool, told: "multiprocessing.SimpleQueue[Used]"
) -> None:
    if traced:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50, 2, 2)  # else garbage in circles, up to megabytes, would seem growth
        tracemalloc.start()
    calls(run, made)[stage]()
    most = tracemalloc.get_traced_memory()[1]
    resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told.put(Used(most if traced else resident, resident, time.process_time()))


def measure(run: Path, made: Path, stage: str, traced: bool) -> Used:
    """What a process of its own takes for a stage."""
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    process = context.Process(target=_measure, args=(run, made, stage, traced, told))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{stage} failed")
    return told.get()


def main() -> None:
    """Print and write a row a stage."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--take", type=int, default=48)  # three chunks of 16
    parser.add_argument("--copies", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--resident", action="store_true")
    parser.add_argument("--stages", nargs="+", default=STAGES)
    given = parser.parse_args()
    sizes = [given.take * copies for copies in given.copies]
    with tempfile.TemporaryDirectory() as folder, given.table.open("w") as stream:
        table = csv.writer(stream, lineterminator="\n")
        heads = [f"{name}_{size}" for name in ("kilobytes", "ms_an_utterance") for size in sizes]
        table.writerow(["stage", *heads, "bytes_an_utterance", f"megabytes_at_{MANY}"])
        for copies in given.copies:
            write_copies(given.run, given.dataset, given.take, copies, Path(folder) / str(copies))
        for stage in given.stages:
            used = [
                measure(given.run, Path(folder) / str(c), stage, not given.resident)
                for c in given.copies
            ]
            slope = (used[-1].most - used[0].most) / (sizes[-1] - sizes[0])
            times = [1000 * one.seconds / size for one, size in zip(used, sizes, strict=True)]
            row = [stage, *(one.most // 1000 for one in used), *(f"{ms:.1f}" for ms in times)]
            row += [round(slope), round((used[-1].resident + slope * (MANY - sizes[-1])) / 1e6)]
            table.writerow(row)
            stream.flush()
            print(*row, flush=True)


if __name__ == "__main__":
    main()
