"""What synthetic scores can give deep features at all: a linear student, in closed form.

An utterance is the mean of its phones' deep features. Ridge regression to its score learns, on four
of the five folds of the train split: (a) human scores; (b) synthetic scores, as stage (ii) does;
(c) human scores, shrunk towards the weights of (b), as stage (iii) does. Printed is the PCC with
human scores on the fifth fold, mean over folds, with the best of several penalties for each. There
is no optimiser, no seed and no early stopping in it: what (c) has over (a) is what the synthetic
scores know beyond the human ones.

    python benchmarks/stage_two.py work/speechocean762 speechocean762 --copies train-sp0.9
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np

from pyscorer.contract.pooled import (
    PooledSet,
    read_columns,
    read_pooled,
    read_targets,
    select_columns,
)
from pyscorer.evaluation.metrics import pearson
from pyscorer.pronunciation.splicing import read_splices, splice
from pyscorer.pronunciation.synthetic_scores import read_synthetic

PENALTIES = (100, 300, 1000, 3000)


def means(pooled: PooledSet) -> np.ndarray:
    """Mean of the phones' vectors: utterances x inputs."""
    starts = np.cumsum(pooled.phone_counts) - pooled.phone_counts
    sums = np.add.reduceat(pooled.features.astype(np.float64), starts, axis=0)
    mean: np.ndarray = sums / pooled.phone_counts[:, None]
    return mean


def ridge(x: np.ndarray, y: np.ndarray, penalty: float, towards: np.ndarray) -> np.ndarray:
    """Weights and, last, the offset, which is not penalised."""
    x = np.column_stack([x, np.ones(len(x))])
    diagonal = np.append(np.full(x.shape[1] - 1, float(penalty)), 1e-9)
    change = np.linalg.solve(x.T @ x + np.diag(diagonal), x.T @ (y - x @ towards))
    return towards + np.asarray(change)


def main() -> None:
    """Print the three figures for each source of unlabelled speech."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="work directory of a run of paper1_tables")
    parser.add_argument("corpus")
    parser.add_argument("--copies", nargs="*", default=[], help="names of perturbed copies")
    arguments = parser.parse_args()
    pool, corpus = arguments.work / "pool", arguments.corpus
    columns = select_columns(
        pool / corpus / "train", read_columns(pool / corpus / "train"), True, ()
    )
    train = read_pooled(pool / corpus / "train", columns)
    human, _ = read_targets(arguments.work / "data" / corpus / "train", "total", train.keys)
    inputs = {"train split": (train.keys, means(train))}
    for name in arguments.copies:
        copy = read_pooled(pool / corpus / name, columns)
        inputs[name] = (copy.keys, means(copy))
    if (arguments.work / "synthetic/splices.csv").exists():
        spliced = splice(train, read_splices(arguments.work / "synthetic/splices.csv"))
        inputs["spliced"] = (spliced.keys, means(spliced))
    table = read_synthetic(arguments.work / "synthetic/scores.csv")
    place = {key: i for i, key in enumerate(table.keys)}
    center, scale = inputs["train split"][1].mean(axis=0), inputs["train split"][1].std(axis=0)
    x = (inputs["train split"][1] - center) / scale
    nothing = np.zeros(x.shape[1] + 1)
    folds = table.folds[[place[key] for key in train.keys]]

    def held_out(weights: list[np.ndarray]) -> float:
        pccs = [
            pearson(x[folds == k] @ w[:-1] + w[-1], human[folds == k])
            for k, w in enumerate(weights)
        ]
        return float(np.mean(pccs))

    def learn_human(penalty: float, towards: list[np.ndarray]) -> list[np.ndarray]:
        return [ridge(x[folds != k], human[folds != k], penalty, w) for k, w in enumerate(towards)]

    alone = max(held_out(learn_human(p, [nothing] * 5)) for p in PENALTIES)
    print(f"(a) human scores: {alone:.4f}")
    for names in [["train split"], *(["train split", name] for name in list(inputs)[1:])]:
        rows = np.array([place[key] for name in names for key in inputs[name][0]])
        z = np.concatenate([(inputs[name][1] - center) / scale for name in names])
        f, y = table.folds[rows], table.scores[rows]

        def learn_synthetic(
            penalty: float, z: np.ndarray = z, f: np.ndarray = f, y: np.ndarray = y
        ) -> list[np.ndarray]:
            return [ridge(z[f != k], y[f != k, k], penalty, nothing) for k in range(5)]

        second = {p: learn_synthetic(p) for p in PENALTIES}
        best = max(held_out(weights) for weights in second.values())
        both = max(held_out(learn_human(p, second[q])) for p, q in product(PENALTIES, PENALTIES))
        print(f"{' + '.join(names)}: (b) synthetic {best:.4f}, (c) then human {both:.4f}")


if __name__ == "__main__":
    main()
