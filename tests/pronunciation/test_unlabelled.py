"""Speech that nobody scored: what scores it for stage (ii), its fold, and whose it must not be."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_gop import TEACHER, write_split

from pyscorer.contract.files import write_table
from pyscorer.errors import InputError
from pyscorer.pronunciation.scorer import ScorerOptions
from pyscorer.pronunciation.synthetic_scores import NO_FOLD, read_synthetic, synthetic_scores
from pyscorer.pronunciation.train_scorer import Sources, load_training_data

WITHOUT = ["without_0", "without_1", "without_2"]
STUDENT = ScorerOptions(deep=False, extras=("gop",), folds=3)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twelve scored speakers, three that nobody scored, and one of the test split."""
    for part, speakers, seed in (
        ("train", range(12), 0),
        ("more", range(20, 23), 1),
        ("test", range(30, 31), 2),
    ):
        write_split(tmp_path / part, speakers, seed)
    (tmp_path / "more/data/utterance_scores.csv").unlink()
    return tmp_path


def run(corpus: Path, out: str = "out", more: tuple[str, ...] = ("more",)) -> pd.DataFrame:
    synthetic_scores(
        corpus / "train/data",
        corpus / "train/gop",
        corpus / out,
        TEACHER,
        unlabelled_data=[corpus / part / "data" for part in more],
        unlabelled_pool=[corpus / part / "gop" for part in more],
        test_data=corpus / "test/data",
    )
    return pd.read_csv(corpus / out / "scores.csv")


def upside_down(corpus: Path, speaker: str) -> None:
    """The speaker's scores about their mean, which stays, and with it all folds."""
    path = corpus / "train/data/utterance_scores.csv"
    table = pd.read_csv(path)
    own = table["utterance"].str.startswith(speaker)
    table.loc[own, "total"] = 2 * table.loc[own, "total"].mean() - table.loc[own, "total"]
    table.to_csv(path, index=False)


def test_speech_of_other_people_is_in_no_fold_and_scored_by_what_the_held_out_fold_did_not_teach(
    corpus: Path,
) -> None:
    before = run(corpus, "a")
    assert len(before) == 72 + 18
    more = before["utterance"] >= "s20"
    assert (before["fold"][more] == NO_FOLD).all() and (before["fold"][~more] >= 0).all()
    upside_down(corpus, "s03")
    after = run(corpus, "b")
    fold = before.loc[before["utterance"] == "s03-0", "fold"].iloc[0]
    moved = (before.loc[more, WITHOUT] - after.loc[more, WITHOUT]).abs().max() > 1e-9
    assert list(moved) == [k != fold for k in range(3)]


def test_the_train_split_is_scored_as_without_other_speech(corpus: Path) -> None:
    alone = run(corpus, "alone", more=())
    pd.testing.assert_frame_equal(run(corpus)[:72], alone)
    assert len(alone) == 72, "stage (ii) on the train split alone"


def test_synthetic_scores_of_other_people_follow_their_gop(corpus: Path) -> None:
    write_split(corpus / "truth", range(20, 23), 1)
    human = pd.read_csv(corpus / "truth/data/utterance_scores.csv")["total"]
    for column in WITHOUT:
        assert np.corrcoef(run(corpus)[column][72:], human)[0, 1] > 0.5


def test_scores_of_unlabelled_speech_are_not_read(corpus: Path) -> None:
    run(corpus, "without")
    shutil.copy(
        corpus / "train/data/utterance_scores.csv", corpus / "more/data/utterance_scores.csv"
    )
    run(corpus, "others")
    (corpus / "more/data/utterance_scores.csv").write_text("no table of scores at all\n")
    (corpus / "more/data/scales.json").write_text("{")
    run(corpus, "damaged")
    first = (corpus / "without/scores.csv").read_bytes()
    for out in ("others", "damaged"):
        assert (corpus / out / "scores.csv").read_bytes() == first


def test_speech_by_a_speaker_of_the_train_split_is_in_that_speakers_fold(corpus: Path) -> None:
    """Speaker s20 is s03, of whom nobody heard these recordings."""
    speakers = dict.fromkeys((f"s{s}-{n}" for s in (20, 21, 22) for n in range(6)), "s21")
    write_table(corpus / "more/data/utt2spk", speakers | {f"s20-{n}": "s03" for n in range(6)})
    before = run(corpus, "a")
    fold = before.loc[before["utterance"] == "s03-0", "fold"].iloc[0]
    own = before["utterance"].str.startswith("s20")
    assert list(before["fold"][72:]) == [fold] * 6 + [NO_FOLD] * 12
    upside_down(corpus, "s03")
    after = run(corpus, "b")
    pd.testing.assert_frame_equal(after[own], before[own], check_exact=True)


def test_every_module_learns_it_and_none_is_stopped_by_it(corpus: Path) -> None:
    run(corpus)
    sources = Sources(
        corpus / "train/data",
        corpus / "train/gop",
        synthetic=corpus / "out/scores.csv",
        copies=(corpus / "more/gop",),
    )
    data = load_training_data(sources, STUDENT)
    said = read_synthetic(corpus / "out/scores.csv").scores
    np.testing.assert_array_equal(data.targets, said)
    for k in range(3):
        train, held_out = data.parts(k)
        assert set(range(72, 90)) <= set(train) and held_out.max() < 72
        assert not set(train) & set(held_out) and len(train) + len(held_out) == 90


@pytest.mark.parametrize(
    ("utterance", "speaker", "message"),
    [
        (
            "s20-0",
            "s30",
            r"s20-0: speaker s30 is in the test split, .*test/data: nothing may learn",
        ),
        ("s30-0", "s20", r"s30-0: speaker s20 is in the test split"),
        ("s03-0", "s03", r"s03-0: is in the train split, or in unlabelled speech, already"),
        ("s20-0", None, r"more/data/utt2spk: lacks utterance s20-0"),
    ],
)
def test_speech_that_must_not_be_learnt_is_named(
    corpus: Path, utterance: str, speaker: str | None, message: str
) -> None:
    pool = corpus / "more/gop"
    for name in ("phones.scp", "segments.csv"):
        (pool / name).write_text((pool / name).read_text().replace("s20-0", utterance))
    owners = {f"s{s}-{n}": f"s{s}" for s in (20, 21, 22) for n in range(6)}
    owners.pop("s20-0")
    write_table(corpus / "more/data/utt2spk", owners | ({utterance: speaker} if speaker else {}))
    with pytest.raises(InputError, match=message):
        run(corpus)
    assert not (corpus / "out/scores.csv").exists()


def test_what_is_given_twice_or_in_part_is_named(corpus: Path) -> None:
    with pytest.raises(InputError, match="s20-0: is in the train split, or in unlabelled speech"):
        run(corpus, more=("more", "more"))
    places = (corpus / "train/data", corpus / "train/gop", corpus / "out", TEACHER)
    more = [corpus / "more/data"]
    with pytest.raises(InputError, match="1 --unlabelled-data, but 0 --unlabelled-pool"):
        synthetic_scores(*places, unlabelled_data=more)
    with pytest.raises(InputError, match="needs --test-data, whose speakers must not be in it"):
        synthetic_scores(*places, unlabelled_data=more, unlabelled_pool=[corpus / "more/gop"])
