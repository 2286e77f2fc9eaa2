"""What speech that nobody scored adds to stage (ii): some train speakers lose their scores.

The speakers of the train split are dealt into two parts, A and B, and B's scores are set aside.
Stages (ii) and (iii) of Lin & Wang then learn A alone, A with B as unlabelled speech, which stage
(iii) does not have, and A and B with all their scores, which is the most that B can give. The
acoustic model, stage (i), is that of the run, for all rows the same: it has heard A and B.

    python benchmarks/unlabelled.py work/speechocean762 speechocean762 --out work/unlabelled

Options of the stages are those of config/paper1.yaml, but that every stage has as many steps at
least as it has there on the whole train split, so that rows differ in what they learn and not in
how long. Written are the models, of which one that is there is not trained again, and
`unlabelled.csv`, anew after each row: test PCC, mean and sd over seeds (single modules), of the
seeds' mean prediction and of stage (ii) alone, and the difference to the stages on A alone with its
95 % interval by a paired bootstrap over test speakers.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.files import atomic_open, read_lines, read_table, read_yaml, write_table
from pyscorer.contract.scales import FILE as SCALES
from pyscorer.evaluation.metrics import pearson, percentile_interval, resampled_pearson
from pyscorer.pronunciation.pretrain_scorer import pretrain_scorer
from pyscorer.pronunciation.scorer import ScorerOptions
from pyscorer.pronunciation.synthetic_scores import synthetic_scores
from pyscorer.pronunciation.train_scorer import train_scorer
from pyscorer.scoring.baselines import BaselineOptions
from pyscorer.shipped import CHECKOUT

LABELS = "utterance_scores.csv"


def subset(source: Path, out: Path, keys: set[str]) -> None:
    """Those utterances of a pooled directory, whose vectors stay where they are."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "columns.txt", out / "columns.txt")
    table = pd.read_csv(source / "segments.csv", dtype=str, keep_default_na=False)
    table[table["utterance"].isin(keys)].to_csv(out / "segments.csv", index=False)
    with atomic_open(out / "phones.scp") as stream:
        for _, line in read_lines(source / "phones.scp"):
            key, place = line.split(maxsplit=1)
            if key in keys:
                stream.write(f"{key} {source / Path(place).name}\n")


def labelled(source: Path, out: Path, keys: set[str], scored: bool) -> None:
    """Speakers, and where `scored` the scores of those utterances of a data directory."""
    out.mkdir(parents=True, exist_ok=True)
    owners = read_table(source / "utt2spk")
    write_table(out / "utt2spk", {key: owners[key] for key in owners if key in keys})
    if scored:
        table = pd.read_csv(source / LABELS, dtype={"utterance": str})
        table[table["utterance"].isin(keys)].to_csv(out / LABELS, index=False)
        if (source / SCALES).exists():
            shutil.copyfile(source / SCALES, out / SCALES)


class Rows:
    """The rows of the table, each of stages (ii) and (iii) on one part of the train split."""

    def __init__(
        self, work: Path, corpus: str, out: Path, seeds: int, jobs: int, teacher: str | None
    ) -> None:
        self.out = out
        self.data, self.pool, self.gop = (
            work / folder / corpus for folder in ("labelled", "pool", "gop")
        )
        config = read_yaml((CHECKOUT or Path()) / "config" / "paper1.yaml")
        rows = config["paper1"]
        taught = rows["teachers"][teacher] if teacher else rows["synthetic_scores"]
        self.teacher = BaselineOptions(**taught | {"measures": tuple(taught["measures"])})
        self.teacher = replace(self.teacher, jobs=jobs)
        third, alone = rows["finetune"], rows["finetuned"]["deep-iii"]
        self.second, self.third, self.alone = (
            replace(ScorerOptions(**options), seeds=seeds, jobs=jobs)
            for options in (rows["pretrain_scorer"], third, third | alone)
        )
        train = read_table(self.data / "train" / "utt2spk")
        self.speakers = sorted(set(train.values()))
        self.utterances = train

    def deal(self, share: float, draw: int) -> None:
        """Parts A (this share of the speakers), B and all, as directories."""
        order = np.random.default_rng(draw).permutation(self.speakers)
        first = set(order[: round(share * len(order))])
        keys = set(self.utterances)
        mine = {key for key, speaker in self.utterances.items() if speaker in first}
        for part, chosen in (("A", mine), ("B", keys - mine), ("all", keys)):
            labelled(self.data / "train", self.out / part / "data", chosen, part != "B")
            for name, source in (("pool", self.pool), ("gop", self.gop)):
                subset(source / "train", self.out / part / name, chosen)
        tested = set(read_table(self.data / "test" / "utt2spk"))
        subset(self.pool / "test", self.out / "test" / "pool", tested)

    def steps(self, options: ScorerOptions) -> ScorerOptions:
        """At least the steps that the options make on the whole train split."""
        trained = len(self.utterances) * (1 - 1 / options.folds)
        steps = options.epochs * -(-trained // options.batch_size)
        return replace(options, min_steps=max(options.min_steps, int(steps)))

    def row(self, name: str, part: str, more: str | None, splices: int, second: bool) -> Path:
        """Train one row, if it is not there; the folder of its stage (iii)."""
        home, out = self.out / part, self.out / name
        if (out / "iii" / "model.pt").exists():
            return out / "iii"
        test = (self.data / "test", self.out / "test" / "pool")
        places = (home / "data", home / "pool")
        if not second:
            train_scorer(*places, *test, out / "iii", self.steps(self.alone))
            return out / "iii"
        other = self.out / str(more)
        synthetic_scores(
            *(home / "data", home / "gop", out / "synthetic", self.teacher),
            splices=splices,
            unlabelled_data=[other / "data"] if more else None,
            unlabelled_pool=[other / "gop"] if more else None,
            test_data=self.data / "test",
        )
        pretrain_scorer(
            *(*places, out / "synthetic" / "scores.csv", *test, out / "ii"),
            self.steps(self.second),
            splices=out / "synthetic" / "splices.csv" if splices else None,
            unlabelled=[other / "pool"] if more else None,
        )
        train_scorer(*places, *test, out / "iii", self.steps(self.third), out / "ii")
        return out / "iii"


TABLE = {
    "A: (iii) alone": ("A", None, 0, False),
    "A: (ii) A, (iii)": ("A", None, 0, True),
    "A: (ii) A and B unlabelled, (iii)": ("A", "B", 0, True),
    "A and B labelled: (ii), (iii)": ("all", None, 0, True),
    "A and B labelled: (iii) alone": ("all", None, 0, False),
    "A: (ii) A and 4 splices, (iii)": ("A", None, 4, True),
    "A: (ii) A, B unlabelled, 4 splices, (iii)": ("A", "B", 4, True),
}
"""Row -> where the scores are of, unlabelled part, splices, whether there is a stage (ii)."""
REFERENCE = "A: (ii) A, (iii)"


def told(models: dict[str, Path], samples: int) -> pd.DataFrame:
    """The rows of `unlabelled.csv`."""
    tables = {name: pd.read_csv(path / "single_scores.csv") for name, path in models.items()}
    first = next(iter(tables.values()))
    human, speakers = first["human"].to_numpy(float), first["speaker"].to_numpy(str)
    scores = {name: table.filter(like="seed_").to_numpy(float) for name, table in tables.items()}

    def resampled(name: str) -> np.ndarray:
        return resampled_pearson(scores[name], human, speakers, samples, 0)

    theirs, rows = resampled(REFERENCE), []
    reference = np.mean([pearson(column, human) for column in scores[REFERENCE].T])
    for name, by_seed in scores.items():
        pccs = np.array([pearson(column, human) for column in by_seed.T])
        low, high = percentile_interval(resampled(name) - theirs)
        row = {"row": name, "test_pcc": pccs.mean(), "sd": pccs.std(ddof=1)}
        row["averaged"] = pearson(by_seed.mean(axis=1), human)
        second = models[name].with_name("ii") / "single_scores.csv"
        if second.exists():
            own = pd.read_csv(second).filter(like="seed_").to_numpy(float)
            row["stage_ii"] = np.mean([pearson(column, human) for column in own.T])
        rows.append(row | {"difference": pccs.mean() - reference, "low": low, "high": high})
    return pd.DataFrame(rows)


def main() -> None:
    """Train the rows and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="work directory of a run of paper1_tables")
    parser.add_argument("corpus")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="of the speakers with scores")
    parser.add_argument("--draw", type=int, default=0, help="seed of the dealing")
    parser.add_argument("--teacher", help="of paper1.teachers, in place of synthetic_scores")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--samples", type=int, default=2000)
    arguments = parser.parse_args()
    work, out = arguments.work.absolute(), arguments.out.absolute()
    rows = Rows(*(work, arguments.corpus, out, arguments.seeds, arguments.jobs), arguments.teacher)
    rows.deal(arguments.share, arguments.draw)
    models: dict[str, Path] = {}
    for number, (name, what) in enumerate(TABLE.items()):
        models[name] = rows.row(f"row{number}", *what)
        if REFERENCE in models:
            table = told(models, arguments.samples)
            table.to_csv(out / "unlabelled.csv", index=False, float_format="%.4f")
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
