"""Measures of phones against the experts' phone scores, column by column and together.

    python benchmarks/phone_correlations.py --data W/labelled/CORPUS/test \
        --pools W/gop/CORPUS/test W/ctc_gop/CORPUS/test [--wrong 0.5]

Only the phones of the first pool's utterances that have a score count. Of each column that is no
vector of phones: Pearson's and Spearman's correlation, and the area under the ROC curve for phones
scored below `--wrong`. Then what boosted trees make of all columns of each pool and of all pools,
speakers dealt into five folds: the correlation of what is predicted of the speakers left out.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from pyscorer.contract.archives import Matrices
from pyscorer.contract.files import read_table
from pyscorer.contract.labels import read_labels
from pyscorer.contract.pooled import read_columns, read_segment_table

KEYS = ["utterance", "word_index", "phone_index"]
VECTORS = ("deep_", "lpp_", "lpr_", "logp_")


def read_pool(pool: Path, utterances: set[str] | None) -> pd.DataFrame:
    """Phones x columns, named after pool and column."""
    table = read_segment_table(pool)[[*KEYS, "phone"]]
    if utterances is not None:
        table = table[table["utterance"].isin(utterances)]
    matrices = Matrices(pool / "phones.scp")
    rows = np.concatenate([matrices[key] for key in table["utterance"].unique()])
    names = [f"{pool.parts[-3]}.{name}" for name in read_columns(pool)]
    return pd.concat([table.reset_index(drop=True), pd.DataFrame(rows, columns=names)], axis=1)


def predicted(table: pd.DataFrame, names: list[str], speakers: np.ndarray) -> float:
    trees = HistGradientBoostingRegressor(
        max_iter=150, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=30, random_state=0
    )
    inputs = np.column_stack([table[names], pd.Categorical(table["phone"]).codes])
    scores = table["score"].to_numpy()
    folds = GroupKFold(5)
    return float(
        pearsonr(cross_val_predict(trees, inputs, scores, groups=speakers, cv=folds), scores)[0]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pools", type=Path, nargs="+", required=True)
    parser.add_argument("--wrong", type=float, default=0.5)
    args = parser.parse_args()
    labels = read_labels(args.data, "phone")
    (aspect,) = [name for name in labels if name not in (*KEYS, "phone")]
    table = read_pool(args.pools[0], None)
    for pool in args.pools[1:]:
        other = read_pool(pool, set(table["utterance"])).drop(columns="phone")
        table = table.merge(other, on=KEYS, validate="1:1")
    scored = labels[[*KEYS, aspect]].rename(columns={aspect: "score"})
    table = table.merge(scored, on=KEYS).dropna(subset="score")
    wrong = table["score"] < args.wrong
    speakers = table["utterance"].map(read_table(args.data / "utt2spk")).to_numpy()
    print(f"{len(table)} phones, {len(set(speakers))} speakers, {wrong.mean():.1%} wrong")
    columns = [name for name in table if "." in name]
    print("| measure | Pearson | Spearman | AUC, wrong |", "| --- | --- | --- | --- |", sep="\n")
    for name in columns:
        if not name.split(".")[1].startswith(VECTORS) and table[name].nunique() > 1:
            values = table[name]
            own = pearsonr(values, table["score"])[0], spearmanr(values, table["score"])[0]
            print(f"| {name} | {own[0]:.3f} | {own[1]:.3f} | {roc_auc_score(wrong, -values):.3f} |")
    print("| trees, of speakers left out | Pearson |", "| --- | --- |", sep="\n")
    for pool in args.pools:
        own = [name for name in columns if name.startswith(f"{pool.parts[-3]}.")]
        print(f"| {pool.parts[-3]} | {predicted(table, own, speakers):.3f} |")
    if len(args.pools) > 1:
        print(f"| all | {predicted(table, columns, speakers):.3f} |")


if __name__ == "__main__":
    main()
