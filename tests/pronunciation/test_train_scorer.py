"""The stage train_scorer on a small made-up corpus whose score is in the pooled features."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from made_scores import COLUMNS, OPTIONS, write_split

from pyscorer.contract.pooled import read_pooled
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import pearson
from pyscorer.pronunciation.train_scorer import (
    ScorerOptions,
    load_scorer,
    predict_all,
    train_scorer,
)
from pyscorer.scoring.ensemble import Place, places


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_split(root, "train", [f"t{i:02d}" for i in range(15)], 8, seed=1)
    write_split(root, "test", [f"x{i:02d}" for i in range(9)], 8, seed=2)
    return root


def run(corpus: Path, out: Path, options: ScorerOptions = OPTIONS) -> None:
    train_scorer(
        *(corpus / "data/train", corpus / "pool/train"),
        *(corpus / "data/test", corpus / "pool/test"),
        out,
        options,
    )


@pytest.fixture(scope="module")
def scorer(corpus: Path) -> Path:
    run(corpus, corpus / "scorer")
    return corpus / "scorer"


def test_it_learns_and_holds_on_new_speakers(scorer: Path) -> None:
    scores = pd.read_csv(scorer / "scores.csv")
    assert list(scores) == ["utterance", "speaker", "human", "predicted", "seed_0", "seed_1"]
    assert len(scores) == 72
    assert pearson(scores["predicted"], scores["human"]) > 0.8
    assert scores["predicted"].between(0, 10).all()
    by_seed = scores[["seed_0", "seed_1"]].mean(axis=1)
    np.testing.assert_allclose(scores["predicted"], by_seed, atol=1e-3)


def test_out_of_fold_scores_cover_the_train_split(scorer: Path) -> None:
    held_out = pd.read_csv(scorer / "out_of_fold.csv")
    assert len(held_out) == 120
    assert pearson(held_out["predicted"], held_out["human"]) > 0.6


def test_the_best_epoch_on_the_held_out_speakers_is_kept(scorer: Path) -> None:
    log = pd.read_csv(scorer / "train_log.csv")
    modules = pd.read_csv(scorer / "modules.csv")
    assert len(modules) == OPTIONS.seeds * OPTIONS.folds
    for row in modules.itertuples():
        curve = log[(log.seed == row.seed) & (log.fold == row.fold)]
        best = curve.loc[curve.valid_loss.idxmin()]
        assert (best.epoch, best.valid_pcc) == (row.epoch, row.valid_pcc)


def test_the_saved_model_gives_the_scores_that_were_written(corpus: Path, scorer: Path) -> None:
    model = load_scorer(scorer / "model.pt")
    assert model.columns == COLUMNS[:3]
    predicted = predict_all(model, read_pooled(corpus / "pool/test", model.columns))
    assert predicted.shape == (72, 4)
    written = pd.read_csv(scorer / "scores.csv")["predicted"]
    np.testing.assert_allclose(predicted.mean(axis=1), written, atol=1e-4)


def test_patience_and_least_number_of_steps(corpus: Path) -> None:
    few = dataclasses.replace(OPTIONS, seeds=1, epochs=1, min_steps=30)
    run(corpus, corpus / "steps", few)
    # 60 utterances outside the fold make 4 batches of at most 16; 8 passes give 32 steps.
    assert pd.read_csv(corpus / "steps/train_log.csv").epoch.max() == 8
    run(corpus, corpus / "patience", dataclasses.replace(few, patience=1, learning_rate=0.5))
    log = pd.read_csv(corpus / "patience/train_log.csv")
    for row in pd.read_csv(corpus / "patience/modules.csv").itertuples():
        assert log[log.fold == row.fold].epoch.max() == min(row.epoch + 1, 8)


def test_inputs_are_normalised_by_the_train_split_alone(corpus: Path, scorer: Path) -> None:
    train = read_pooled(corpus / "pool/train", COLUMNS[:3])
    model = load_scorer(scorer / "model.pt")
    np.testing.assert_allclose(model.mean.numpy(), train.features.mean(axis=0), rtol=1e-5)


def test_same_seed_same_result_on_any_number_of_processes(corpus: Path, scorer: Path) -> None:
    run(corpus, corpus / "again", dataclasses.replace(OPTIONS, jobs=2))
    for name in ("scores.csv", "out_of_fold.csv", "modules.csv", "train_log.csv"):
        assert (corpus / "again" / name).read_text() == (scorer / name).read_text()


def test_extra_inputs_are_chosen_by_name(corpus: Path) -> None:
    few = dataclasses.replace(OPTIONS, seeds=1, epochs=1)
    run(corpus, corpus / "one", dataclasses.replace(few, deep=False, extras=("log_posterior",)))
    assert load_scorer(corpus / "one/model.pt").columns == ["log_posterior"]
    with pytest.raises(InputError, match=r"no column pitch; it has .*log_duration"):
        run(corpus, corpus / "two", dataclasses.replace(few, extras=("pitch",)))


def test_too_few_speakers_for_the_folds(corpus: Path) -> None:
    with pytest.raises(InputError, match="15 speakers cannot make 16"):
        run(corpus, corpus / "three", dataclasses.replace(OPTIONS, folds=16))


def test_a_damaged_model_is_an_error_that_names_it(tmp_path: Path, scorer: Path) -> None:
    whole = (scorer / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"model\.pt: not a scorer, or damaged"):
        load_scorer(tmp_path / "model.pt")
    with pytest.raises(InputError, match="no such scorer"):
        load_scorer(tmp_path / "none.pt")


def test_torch_is_left_as_it_was(corpus: Path) -> None:
    threads = torch.get_num_threads()
    run(corpus, corpus / "threads", dataclasses.replace(OPTIONS, seeds=1, epochs=1))
    assert torch.get_num_threads() == threads


def test_the_seeds_of_the_modules_start_at_the_seed_that_is_asked_for() -> None:
    options = ScorerOptions(seeds=2, folds=2)
    assert options.places() == places([0, 1], 2)
    assert places([0, 1], 2) == [Place(0, 0), Place(0, 1), Place(1, 0), Place(1, 1)]
    later = dataclasses.replace(options, seed=7)
    assert later.places() == [Place(7, 0), Place(7, 1), Place(8, 0), Place(8, 1)]
    assert dataclasses.replace(later, one_fold=True).places() == [Place(7, 1), Place(8, 0)]
