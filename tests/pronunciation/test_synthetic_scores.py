"""Synthetic scores: cross-fitted twice, so that no human score comes back to its utterance."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_gop import TEACHER, write_split

from pyscorer.contract.files import write_table
from pyscorer.errors import InputError
from pyscorer.pronunciation.splicing import read_splices
from pyscorer.pronunciation.synthetic_scores import read_synthetic, synthetic_scores
from pyscorer.scoring.baselines import BaselineOptions


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_split(tmp_path / "train", range(12), 0)
    write_split(tmp_path / "copy", range(12), 0)
    copies = {key: key for key in pd.read_csv(labels(tmp_path, "copy"))["utterance"]}
    write_table(tmp_path / "copy/data/utt2uniq", copies)
    return tmp_path


def labels(corpus: Path, part: str = "train") -> Path:
    return corpus / part / "data/utterance_scores.csv"


def run(
    corpus: Path, out: str = "out", options: BaselineOptions = TEACHER, splices: int = 0
) -> pd.DataFrame:
    synthetic_scores(
        corpus / "train/data",
        corpus / "train/gop",
        corpus / out,
        options,
        [corpus / "copy/data"],
        [corpus / "copy/gop"],
        splices,
    )
    return pd.read_csv(corpus / out / "scores.csv")


def test_scores_follow_the_human_ones_and_copies_count_with_their_originals(corpus: Path) -> None:
    table = run(corpus)
    assert list(table) == ["utterance", "fold", "without_0", "without_1", "without_2"]
    own, copies = table[:72], table[72:]
    assert (own.to_numpy() == copies.to_numpy()).all(), "here a copy is its original"
    human = pd.read_csv(labels(corpus))["total"]
    for k in range(3):
        assert own[f"without_{k}"].corr(human) > 0.5
    read = read_synthetic(corpus / "out/scores.csv")
    assert (read.scores.shape, sorted(set(read.folds))) == ((144, 3), [0, 1, 2])


def test_column_k_knows_neither_the_own_score_nor_those_of_fold_k(corpus: Path) -> None:
    """Turn one speaker's scores upside down (the mean stays, so the folds stay)."""
    before = run(corpus, "a")
    table = pd.read_csv(labels(corpus))
    own = table["utterance"].str.startswith("s03")
    values = table.loc[own, "total"]
    table.loc[own, "total"] = 2 * values.mean() - values
    table.to_csv(labels(corpus), index=False)
    after = run(corpus, "b")
    fold = before.loc[before["utterance"] == "s03-0", "fold"].iloc[0]
    for k in range(3):
        moved = (before[f"without_{k}"] - after[f"without_{k}"]).abs() > 1e-9
        assert not moved[before["fold"] == fold].any()
        assert moved.any() == (k != fold)


def test_spliced_utterances_are_scored_in_the_fold_of_their_speaker(corpus: Path) -> None:
    table = run(corpus, splices=2)
    spliced = table[144:]
    assert len(spliced) == 144 and spliced["utterance"].is_unique
    speaker = spliced["utterance"].str.extract(r"(s\d+)", expand=False)
    fold = dict(zip(table["utterance"][:72].str[:3], table["fold"][:72], strict=True))
    assert (speaker.map(fold) == spliced["fold"]).all()
    # Speakers differ in level, and words keep the level of theirs.
    human = pd.read_csv(labels(corpus)).groupby(lambda i: i // 6)["total"].mean()
    assert np.corrcoef(spliced.groupby(speaker)["without_0"].mean(), human)[0, 1] > 0.5
    assert read_splices(corpus / "out/splices.csv").keys == list(spliced["utterance"])


def test_bad_input_is_named(corpus: Path) -> None:
    with pytest.raises(InputError, match="3 at least"):
        run(corpus, options=BaselineOptions(measures=("gop",), folds=2))
    with pytest.raises(InputError, match="use gbt or trees"):
        run(corpus, options=BaselineOptions(kind="blstm", measures=("gop",)))
    write_table(corpus / "copy/data/utt2uniq", {"s03-0": "nobody"})
    with pytest.raises(InputError, match="its original is not in"):
        run(corpus)
    with pytest.raises(InputError, match="run synthetic_scores"):
        read_synthetic(corpus / "none.csv")
    (corpus / "bad.csv").write_text("utterance,score\nu,1\n")
    with pytest.raises(InputError, match="not a table of synthetic_scores"):
        read_synthetic(corpus / "bad.csv")


def test_same_seed_same_scores_on_any_number_of_processes(corpus: Path) -> None:
    import dataclasses

    run(corpus, "a")
    run(corpus, "b", dataclasses.replace(TEACHER, jobs=2))
    assert (corpus / "a/scores.csv").read_bytes() == (corpus / "b/scores.csv").read_bytes()
    assert np.isfinite(read_synthetic(corpus / "a/scores.csv").scores).all()
