"""The stages of Lin & Wang 2021: synthetic scores first, human ones after."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from made_scores import COLUMNS, OPTIONS, write_split

from pyscorer.contract.archives import write_archive
from pyscorer.contract.pooled import read_pooled
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import pearson
from pyscorer.pronunciation.pretrain_scorer import pretrain_scorer
from pyscorer.pronunciation.scorer import load_scorer
from pyscorer.pronunciation.splicing import draw_splices, write_splices
from pyscorer.pronunciation.train_scorer import Sources, load_training_data, train_scorer
from pyscorer.scoring.folds import speaker_folds

SCORER = dataclasses.replace(OPTIONS, folds=3, epochs=6)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic scores of column k are the human ones, moved by k: fold k's column is known."""
    root = tmp_path_factory.mktemp("stages")
    write_split(root, "train", [f"t{i:02d}" for i in range(15)], 8, seed=1)
    write_split(root, "test", [f"x{i:02d}" for i in range(9)], 8, seed=2)
    pool, copy = root / "pool/train", root / "pool/copy"
    shutil.copytree(pool, copy)
    for name in ("segments.csv", "phones.scp"):
        text = (copy / name).read_text()
        head, _, rest = text.partition("\n") if name == "segments.csv" else ("", "", text)
        lines = [f"sp0.9-{line}" for line in rest.splitlines()]
        (copy / name).write_text("\n".join([*([head] if head else []), *lines]) + "\n")
    table = pd.read_csv(root / "data/train/utterance_scores.csv")
    speakers = table["utterance"].str.partition("-")[0].to_numpy()
    table["fold"] = speaker_folds(speakers, table["total"].to_numpy(), 3)
    for k in range(3):
        table[f"without_{k}"] = table["total"] * 0.9 + 0.1 * k
    copies = table.assign(utterance="sp0.9-" + table["utterance"])
    both = pd.concat([table, copies]).drop(columns="total")
    (root / "synthetic").mkdir()
    both.to_csv(root / "synthetic/scores.csv", index=False)
    return root


def places(corpus: Path) -> tuple[Path, Path]:
    return corpus / "data/train", corpus / "pool/train"


def pretrain(corpus: Path, out: str, options=SCORER, synthetic: str = "synthetic") -> Path:
    pretrain_scorer(
        *places(corpus),
        corpus / synthetic / "scores.csv",
        *(corpus / "data/test", corpus / "pool/test", corpus / out),
        options,
        [corpus / "pool/copy"],
    )
    return corpus / out


def finetune(corpus: Path, out: str, start: Path | None, options=SCORER) -> Path:
    test = (corpus / "data/test", corpus / "pool/test")
    train_scorer(*places(corpus), *test, corpus / out, options, start)
    return corpus / out


@pytest.fixture(scope="module")
def pretrained(corpus: Path) -> Path:
    return pretrain(corpus, "ii")


def test_stage_ii_learns_without_a_human_score(corpus: Path, pretrained: Path) -> None:
    scores = pd.read_csv(pretrained / "scores.csv")
    assert len(scores) == 72 and pearson(scores["predicted"], scores["human"]) > 0.7
    held_out = pd.read_csv(pretrained / "out_of_fold.csv")
    assert len(held_out) == 120, "copies are trained on, and no more"
    modules = pd.read_csv(pretrained / "modules.csv")
    assert len(modules) == 6 and modules[["train_pcc", "held_out_pcc"]].min().min() > 0.5


def test_each_module_learns_the_column_of_its_fold(corpus: Path) -> None:
    sources = Sources(
        *places(corpus), None, corpus / "synthetic/scores.csv", (corpus / "pool/copy",)
    )
    data = load_training_data(sources, SCORER)
    human = data.scores
    for k in range(3):
        np.testing.assert_allclose(data.targets[:120, k], 0.9 * human + 0.1 * k, atol=1e-5)
        train, held_out = data.parts(k)
        assert len(train) + 2 * len(held_out) == 240, "a copy of the held-out fold is left out"
        assert held_out.max() < 120 and set(data.folds[train]) == {0, 1, 2} - {k}


def test_spliced_utterances_are_trained_on_as_well(corpus: Path, tmp_path: Path) -> None:
    pooled = read_pooled(places(corpus)[1], ["deep_0"])
    speakers = np.array([key.partition("-")[0] for key in pooled.keys])
    drawn = draw_splices(pooled, speakers, 1)
    write_splices(tmp_path / "splices.csv", drawn)
    table = pd.read_csv(corpus / "synthetic/scores.csv")[:120]
    spliced = table.assign(utterance=drawn.keys, without_0=7.0)
    pd.concat([table, spliced]).to_csv(tmp_path / "scores.csv", index=False)
    sources = Sources(
        *places(corpus), None, tmp_path / "scores.csv", splices=tmp_path / "splices.csv"
    )
    data = load_training_data(sources, SCORER)
    assert data.pooled.keys == [*pooled.keys, *drawn.keys]
    assert set(data.targets[120:, 0]) == {7.0}
    assert (data.folds[120:] == data.folds[:120]).all()
    assert data.parts(0)[1].max() < 120


def test_stage_iii_goes_on_from_the_module_of_the_same_seed_and_fold(
    corpus: Path, pretrained: Path
) -> None:
    still = dataclasses.replace(SCORER, epochs=1, learning_rate=0.0, weight_decay=0.0)
    same = load_scorer(finetune(corpus, "still", pretrained, still) / "model.pt")
    first = load_scorer(pretrained / "model.pt")
    for a, b in zip(first.modules, same.modules, strict=True):
        assert a.place == b.place
        assert all(torch.equal(a.state[name], b.state[name]) for name in a.state)
    moved = load_scorer(finetune(corpus, "iii", pretrained) / "model.pt")
    weights = [model.modules[0].state["score.weight"] for model in (moved, first)]
    assert not torch.equal(*weights)
    scores = pd.read_csv(corpus / "iii/scores.csv")
    assert pearson(scores["predicted"], scores["human"]) > 0.8


def test_single_modules_are_a_column_a_seed(corpus: Path, pretrained: Path) -> None:
    single = pd.read_csv(pretrained / "single_scores.csv")
    modules = pd.read_csv(pretrained / "modules.csv")
    for seed in range(2):
        pcc = pearson(single[f"seed_{seed}"], single["human"])
        row = modules[(modules["seed"] == seed) & (modules["fold"] == seed)]
        assert pcc == pytest.approx(row["test_pcc"].iloc[0], abs=1e-3)
    one = pretrain(corpus, "one", dataclasses.replace(SCORER, one_fold=True))
    assert pd.read_csv(one / "modules.csv")[["seed", "fold"]].to_numpy().tolist() == [
        [0, 0],
        [1, 1],
    ]
    pd.testing.assert_frame_equal(pd.read_csv(one / "scores.csv"), single)
    assert not (one / "out_of_fold.csv").exists()


def test_bad_starts_and_tables_are_named(corpus: Path, pretrained: Path) -> None:
    with pytest.raises(InputError, match="trained with attention True, not False"):
        finetune(corpus, "x", pretrained, dataclasses.replace(SCORER, attention=False))
    with pytest.raises(InputError, match="no module of seed 2, fold 0"):
        finetune(corpus, "x", pretrained, dataclasses.replace(SCORER, seeds=3))
    with pytest.raises(InputError, match="other columns"):
        options = dataclasses.replace(SCORER, extras=("log_duration",))
        finetune(corpus, "x", pretrained, options)
    table = pd.read_csv(corpus / "synthetic/scores.csv")
    for name, changed, message in (
        ("few", table[table["utterance"] != "t03-2"], "no score of utterance t03-2"),
        ("folds", table.assign(fold=(table["fold"] + 1) % 3), "made with other folds"),
        ("nan", table.assign(without_1=np.nan), "without_1 is .*, not a number"),
    ):
        (corpus / name).mkdir()
        changed.to_csv(corpus / name / "scores.csv", index=False)
        with pytest.raises(InputError, match=message):
            pretrain(corpus, "x", synthetic=name)
    assert not (corpus / "x/model.pt").exists()
    assert read_pooled(corpus / "pool/copy", ["deep_0"]).keys[0].startswith("sp0.9-")


def write_frames(root: Path, split: str) -> Path:
    """Two frames a phone, whose mean is its pooled vector; rows 10 ms apart."""
    pooled = read_pooled(root / "pool" / split, COLUMNS[:3])
    ends = np.cumsum(pooled.phone_counts)
    noise = np.random.default_rng(5).normal(size=pooled.features.shape).astype(np.float32)
    both = np.stack([pooled.features - noise, pooled.features + noise], axis=1).reshape(-1, 3)
    parts = zip(pooled.keys, ends - pooled.phone_counts, ends, strict=True)
    folder = root / "deep" / split
    write_archive(folder / "embed.scp", [(key, both[2 * a : 2 * b]) for key, a, b in parts])
    (folder / "frame_shift").write_text("0.01\n")
    path = root / "pool" / split / "segments.csv"
    table = pd.read_csv(path)
    table["start"] = 2 * table.groupby("utterance").cumcount()
    table.assign(length=2).to_csv(path, index=False)
    return folder


@pytest.fixture(scope="module")
def frames(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("frames") / "corpus"
    shutil.copytree(corpus, root)
    for split in ("train", "copy", "test"):
        write_frames(root, split)
    pooled = read_pooled(root / "pool/train", ["deep_0"])
    drawn = draw_splices(pooled, np.array([key.partition("-")[0] for key in pooled.keys]), 1)
    write_splices(root / "synthetic/splices.csv", drawn)
    table = pd.read_csv(root / "synthetic/scores.csv")
    spliced = table[:120].assign(utterance=drawn.keys)
    pd.concat([table, spliced]).to_csv(root / "synthetic/scores.csv", index=False)
    return root


PRINTED = dataclasses.replace(SCORER, nonlinear_input=True, residual=False, frame_norm=True)


def printed(root: Path, out: str, options=PRINTED, copies_frames: tuple[str, ...] = ("copy",)):
    pretrain_scorer(
        *places(root),
        *(root / "synthetic/scores.csv", root / "data/test", root / "pool/test", root / out),
        options,
        [root / "pool/copy"],
        root / "synthetic/splices.csv",
        None,
        *(root / "deep/train", root / "deep/test"),
        [root / "deep" / name for name in copies_frames],
    )
    return root / out


def test_stages_ii_and_iii_as_printed_learn_frames(frames: Path) -> None:
    start = printed(frames, "printed")
    scores = pd.read_csv(start / "scores.csv")
    assert len(scores) == 72 and pearson(scores["predicted"], scores["human"]) > 0.7
    again = printed(frames, "again", dataclasses.replace(PRINTED, jobs=2))
    for name in ("scores.csv", "out_of_fold.csv", "train_log.csv"):
        assert (again / name).read_bytes() == (start / name).read_bytes()
    test = (frames / "data/test", frames / "pool/test")
    still = dataclasses.replace(PRINTED, epochs=1, learning_rate=0.0, weight_decay=0.0)
    deep = frames / "deep/train", frames / "deep/test"
    train_scorer(*places(frames), *test, frames / "same", still, start, *deep)
    same = pd.read_csv(frames / "same/scores.csv")
    pd.testing.assert_frame_equal(same, scores)
    with pytest.raises(InputError, match="trained with frame_norm True, not False"):
        train_scorer(
            *places(frames),
            *test,
            frames / "x",
            dataclasses.replace(still, frame_norm=False),
            start,
        )


def test_frames_of_copies_and_splices_are_their_own(frames: Path) -> None:
    sources = Sources(
        *(*places(frames), None, frames / "synthetic/scores.csv", (frames / "pool/copy",)),
        *(frames / "synthetic/splices.csv", frames / "deep/train", (frames / "deep/copy",)),
    )
    by_frame = load_training_data(sources, PRINTED)
    by_phone = load_training_data(
        dataclasses.replace(sources, frames=None, copies_frames=()), SCORER
    )
    some = np.array([0, 119, 120, 200, 240, 359])  # train split, copies, splices
    expected, found = (data.batches.take(some) for data in (by_phone, by_frame))
    assert found.frame_phone is not None and found.frame_weight is not None
    assert torch.equal(found.word_of_phone, expected.word_of_phone)
    means = torch.zeros_like(expected.features)
    means = means.index_add(0, found.frame_phone, found.frame_weight[:, None] * found.features)
    torch.testing.assert_close(means, expected.features, atol=1e-4, rtol=1e-4)
    assert len(found.features) == 2 * len(expected.features)


def test_frames_that_are_not_there_or_not_read_are_named(frames: Path) -> None:
    with pytest.raises(InputError, match=r"1 copies .*, but frames of 0"):
        printed(frames, "x", copies_frames=())
    with pytest.raises(InputError, match="--frame-norm takes --train-frames and --test-frames"):
        printed(frames, "x", SCORER)
    with pytest.raises(InputError, match="for the deep features alone"):
        printed(frames, "x", dataclasses.replace(PRINTED, extras=("log_duration",)))
    with pytest.raises(InputError, match=r"embed.scp: 120 of the 120 .* are missing"):
        printed(frames, "x", copies_frames=("train",))
