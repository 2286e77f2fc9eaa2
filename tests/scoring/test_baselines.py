"""The stage train_baseline on invented speakers whose GOP follows their score."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_gop import write_split

from pyscorer.contract.pooled import read_pooled
from pyscorer.errors import InputError
from pyscorer.scoring.baselines import (
    BaselineOptions,
    Kind,
    load_baseline,
    predict_baseline,
    train_baseline,
)

QUICK = {
    "measures": ("gop",),
    "seeds": 2,
    "folds": 3,
    "iterations": 30,
    "min_leaf": 5,
    "column_share": 1.0,
    "epochs": 3,
    "jobs": 1,
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_split(tmp_path / "train", range(12), 0)
    write_split(tmp_path / "test", range(12, 20), 1)
    return tmp_path


def run(corpus: Path, out: str = "out", **options: object) -> Path:
    train_baseline(
        corpus / "train/data",
        corpus / "train/gop",
        corpus / "test/data",
        corpus / "test/gop",
        corpus / out,
        BaselineOptions(**(QUICK | options)),  # type: ignore[arg-type]
    )
    return corpus / out


@pytest.mark.parametrize("kind", ["gbt", "blstm", "trees"])
def test_tables_models_and_learning(corpus: Path, kind: Kind) -> None:
    out = run(corpus, kind=kind, learning_rate=2e-2, epochs=8, batch_size=8)
    for name, count in (("scores.csv", 48), ("out_of_fold.csv", 72)):
        table = pd.read_csv(out / name)
        columns = ["utterance", "speaker", "human", "predicted", "seed_0", "seed_1"]
        assert (table.columns.tolist(), len(table)) == (columns, count)
        mean = table[["seed_0", "seed_1"]].mean(axis=1)
        np.testing.assert_allclose(table["predicted"], mean, atol=1e-3)
        assert table["predicted"].corr(table["human"]) > 0.5
    modules = pd.read_csv(out / "modules.csv")
    assert modules[["seed", "fold"]].values.tolist() == [[s, f] for s in (0, 1) for f in range(3)]
    assert modules["train_pcc"].mean() > 0.5

    baseline = load_baseline(out / "model.pt")
    test = read_pooled(corpus / "test/gop", list(baseline.columns))
    again = predict_baseline(baseline, test)
    assert again.shape == (48, 6)
    scores = pd.read_csv(out / "scores.csv")
    np.testing.assert_allclose(again[:, 3:].mean(axis=1), scores["seed_1"], atol=1e-4)


def test_the_same_command_gives_the_same_files(corpus: Path) -> None:
    first, second = run(corpus, "a"), run(corpus, "b", jobs=2)
    for name in ("scores.csv", "out_of_fold.csv", "modules.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_out_of_fold_scores_come_from_regressors_that_did_not_see_the_speaker(corpus: Path) -> None:
    """One speaker's scores turned upside down: only the others' regressors may move."""
    before = pd.read_csv(run(corpus, "a") / "out_of_fold.csv", index_col="utterance")
    labels = corpus / "train/data/utterance_scores.csv"
    table = pd.read_csv(labels)
    # Folds are dealt by the speakers' mean scores, so the mean must stay.
    own = table["utterance"].str.startswith("s03")
    values = table.loc[own, "total"]
    table.loc[own, "total"] = 2 * values.mean() - values
    assert (table.loc[own, "total"].to_numpy() != values.to_numpy()).any()
    table.to_csv(labels, index=False)
    after = pd.read_csv(run(corpus, "b") / "out_of_fold.csv", index_col="utterance")
    moved = (before["predicted"] - after["predicted"]).abs() > 1e-9
    assert not moved[before["speaker"] == "s03"].any()
    assert moved.any()


def test_an_utterance_without_a_label_is_named(corpus: Path) -> None:
    labels = corpus / "train/data/utterance_scores.csv"
    labels.write_text("".join(x for x in labels.open() if not x.startswith("s03-2")))
    with pytest.raises(InputError, match=r"no total score of utterance s03-2"):
        run(corpus)


def test_an_unknown_measure_is_named(corpus: Path) -> None:
    with pytest.raises(InputError, match=r"no column fluency; it has gop, log_duration"):
        run(corpus, measures=("fluency",))
    with pytest.raises(InputError, match="no measures"):
        run(corpus, measures=())


def test_too_few_speakers_for_the_folds(corpus: Path) -> None:
    with pytest.raises(InputError, match="12 speakers cannot make 13"):
        run(corpus, folds=13)


def test_a_damaged_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model"):
        load_baseline(tmp_path / "model.pt")
    (tmp_path / "model.pt").write_bytes(b"half a mod")
    with pytest.raises(InputError, match="damaged"):
        load_baseline(tmp_path / "model.pt")


def test_the_first_seed_may_be_another(corpus: Path) -> None:
    """Seed 1 alone gives what it gives as the second of two."""
    both, second = run(corpus, "both"), run(corpus, "second", seeds=1, seed=1)
    tables = [pd.read_csv(path / "scores.csv") for path in (both, second)]
    np.testing.assert_array_equal(tables[0]["seed_1"], tables[1]["seed_0"])
    assert pd.read_csv(second / "modules.csv")["seed"].unique().tolist() == [1]
