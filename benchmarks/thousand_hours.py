"""What 1,000 hours of speech (1.1 million utterances) take in 100 parts, extrapolated.

Plans such a run, as Snakemake does before its first job, and tells time, memory and jobs of that.
Of each stage: CPU time, memory and disk by those of a finished run on a dataset, as Snakemake
measured them, and by the bytes an utterance of `growth.py`.

    python benchmarks/growth.py RUN DATASET --table growth.csv
    python benchmarks/thousand_hours.py RUN DATASET --growth growth.csv
"""

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from pyscorer.contract.files import read_table

ROOT = Path(__file__).resolve().parent.parent
UTTERANCES, HOURS, PARTS = 1_100_000, 1000, 100
STAGES = {
    "validate": ("data",), "features": ("mfcc13", "mfcc40"), "train_gmm": (), "align": ("ali",),
    "chain_graphs": (), "train_tdnnf": (), "export": ("deep",), "pool": ("pool",),
    "gop": ("gop",), "transition_gop": ("transition_gop",), "prosody": ("prosody",),
    "encode": ("encoded",), "pool_encoded": ("pool_encoded",),
    "recogniser_view": ("recogniser_view",),
}  # fmt: skip
"""Stages, and the folders that they write in parts; those without read the whole."""
MADE = {"encode"}
"""Stages whose files are gone once their part is pooled."""


@dataclass(frozen=True)
class Cost:
    """What a stage takes of the whole, and of a part."""

    stage: str
    cpu_hours: float
    part_minutes: float
    memory: str
    """Of the first process, of a part and of the whole; of the run where its growth is unknown."""
    disk_gb: float
    """What lies there at a time."""
    files: int


def costs(run: Path, dataset: str, growth: dict[str, float]) -> list[Cost]:
    """By stage; a stage that the run has not is left out.

    Models are taken to have learnt from a dataset as large.
    """
    seconds = [float(value) for value in read_table(run / "data" / dataset / "utt2dur").values()]
    times = HOURS * 3600 / sum(seconds)
    found = []
    for stage, folders in STAGES.items():
        parts = PARTS if folders else 1
        name = f"{stage}/{dataset}.tsv" if folders else f"{stage}.tsv"
        cpu, mb = _measured(run / "benchmarks" / name)
        if not cpu:
            continue
        made = [run / folder / dataset for folder in folders]
        written = [file for folder in made for file in folder.rglob("*") if file.is_file()]
        disk = times * sum(file.stat().st_size for file in written) / 1e9
        found.append(
            Cost(
                stage,
                times * cpu / 3600,
                times * cpu / 60 / parts,
                _megabytes(mb, growth.get(stage), len(seconds), parts),
                disk / parts if stage in MADE else disk,
                (parts + 1) * len(written),
            )
        )
    return found


def _megabytes(mb: float, growth: float | None, utterances: int, parts: int) -> str:
    if growth is None:
        return f"({mb:.0f} MB) | "
    base = mb - growth * utterances / 1e6
    part, whole = (base + growth * UTTERANCES / number / 1e6 for number in (parts, 1))
    return f"{part:.0f} MB | {whole:,.0f} MB"


def _measured(file: Path) -> tuple[float, float]:
    """CPU seconds and megabytes, as Snakemake's benchmark of a job has them; 0: there is none."""
    files = [file] if file.exists() else sorted(file.parent.glob(f"{file.stem}.*.tsv"))
    rows = [next(csv.DictReader(f.open(), delimiter="\t")) for f in files]
    if not rows:
        return 0, 0
    return sum(float(r["cpu_time"]) for r in rows), max(float(r["max_rss"]) for r in rows)


def plan(config: Path, dataset: str, folder: Path) -> tuple[float, float, Counter[str]]:
    """CPU seconds, megabytes and jobs of a plan of `config` in parts, of which nothing is there."""
    corpus = dataset.partition("/")[0]
    overlay = {
        "corpus": corpus,
        "prepare": {"speakers": 0},
        "shards": PARTS,
        "work_root": str(folder / "work"),
        "results_root": str(folder / "results"),
    }
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    prepared = folder / "work" / corpus / "prepared" / corpus
    for split in ("train", "test"):
        (prepared / split).mkdir(parents=True)
        with (prepared / split / "utt2spk").open("w") as stream:
            stream.writelines(
                f"s{i // 250:05d}-{i:07d} s{i // 250:05d}\n" for i in range(UTTERANCES)
            )
        (prepared / split / "lexicon.txt").touch()
    command = [Path(sys.executable).with_name("snakemake"), "--dry-run", "--quiet", "rules"]
    command += ["--cores", "1", "--rerun-triggers", "mtime", "--configfile", config]
    command += [folder / "overlay.yaml"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = [line.split() for line in done.stdout.splitlines() + done.stderr.splitlines()]
    jobs = Counter({r[0]: int(r[1]) for r in rows if len(r) == 2 and r[1].isdecimal()})
    return used.ru_utime - before, used.ru_maxrss / 1024, jobs


def main() -> None:
    """Print the plan, then a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("--growth", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "config.yaml")
    parser.add_argument("--no-plan", action="store_true")
    given = parser.parse_args()
    with given.growth.open() as stream:
        growth = {r["stage"]: float(r["bytes_an_utterance"]) for r in csv.DictReader(stream)}
    if not given.no_plan:
        with tempfile.TemporaryDirectory() as folder:
            seconds, mb, jobs = plan(given.config, given.dataset, Path(folder))
        total = jobs.pop("total")
        print(f"Plan: {total} jobs in {seconds:.0f} s of CPU and {mb:.0f} MB")
        print(", ".join(f"{rule} {number}" for rule, number in jobs.most_common(12)), "\n")
    print(
        "CPU, disk and files: measured on the run; times the ratio of hours: arithmetic. Memory: by"
    )
    print(
        "what the run took and the bytes an utterance that were measured: arithmetic. In brackets:"
    )
    print("measured, of the run itself.\n")
    print("| stage | CPU | a part: time | memory | memory in one part | disk | files |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for c in costs(given.run, given.dataset, growth):
        print(
            f"| `{c.stage}` | {c.cpu_hours:.1f} h | {c.part_minutes:.0f} min | {c.memory} "
            f"| {c.disk_gb:.0f} GB | {c.files} |"
        )


if __name__ == "__main__":
    main()
