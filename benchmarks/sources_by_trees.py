"""What sources of graders give boosted trees, out of fold on the train split, in two minutes.

    python benchmarks/sources_by_trees.py W/labelled/CORPUS/train durations,gop gop,prosody

`W` is the run's folder of work; sources lie where the workflow makes them. Of each list of sources:
PCC of the utterances' aspects and of rare word scores, with the area under the ROC curve of telling
these. No networks, no states of encoders: for a first look alone.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score

from pyscorer.contract.labels import Labels, read_grades
from pyscorer.evaluation.metrics import pearson
from pyscorer.grading.grader_inputs import (
    SourcePaths,
    norms_of,
    read_inputs,
    utterance_inputs,
    word_inputs,
)
from pyscorer.scoring.folds import speaker_folds

FOLDS = 5
SELDOM = 0.95
FOLDERS = {
    "gop": "gop",
    "learned_gop": "learned_gop",
    "heard": "heard_phones",
    "recogniser": "recogniser_view",
    "prosody": "prosody",
}
"""Where the workflow has the sources."""


def out_of_fold(x: np.ndarray, y: np.ndarray, folds: np.ndarray) -> np.ndarray:
    predicted = np.full(len(y), np.nan)
    for fold in range(FOLDS):
        train = (folds != fold) & ~np.isnan(y)
        trees = HistGradientBoostingRegressor(
            max_iter=150,
            max_leaf_nodes=12,
            learning_rate=0.05,
            l2_regularization=5,
            min_samples_leaf=40,
            max_features=0.3,
            random_state=0,
        )
        predicted[folds == fold] = trees.fit(x[train], y[train]).predict(x[folds == fold])
    return predicted


def told(name: str, predicted: np.ndarray, human: np.ndarray) -> str:
    known = ~np.isnan(human)
    found = f"{name} {pearson(predicted[known], human[known]):.3f}"
    usual = np.median(human[known])
    if (human[known] == usual).mean() < SELDOM:
        return found
    low = human[known] < usual
    return f"{found} (area {roc_auc_score(low, -predicted[known]):.3f}, {low.sum()} low)"


def row(data: Path, sources: list[str]) -> str:
    work, dataset = data.parents[2], data.relative_to(data.parents[1])
    folders = {name: work / folder / dataset for name, folder in FOLDERS.items()}
    given = {name: path for name, path in folders.items() if name in sources}
    raw = read_inputs(SourcePaths(**(given or {"gop": folders["gop"]})), sources)
    labels: Labels = read_grades(data, raw.pooled)
    norms = norms_of(raw)
    folds = speaker_folds(labels.speakers, labels.overall, FOLDS, 0)
    utterances = utterance_inputs(raw, norms)[1]
    cells = [
        told(aspect, out_of_fold(utterances, human, folds), human)
        for aspect, human in zip(labels.scales.utterance, labels.utterances.T, strict=True)
    ]
    words, owner = word_inputs(raw, norms), np.repeat(folds, raw.pooled.word_counts)
    cells += [
        told(f"word {aspect}", out_of_fold(words, human, owner), human)
        for aspect, human in zip(labels.scales.word, labels.words.T, strict=True)
    ]
    return f"{', '.join(sources)}: " + "; ".join(cells)


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        print(row(Path(sys.argv[1]), argument.split(",")), flush=True)
