"""What each iteration of the kaldi engine starts from, against numbers of Kaldi's recipes."""

from pathlib import Path

import pytest

from pyscorer.kaldi.iterations import DEFAULTS, Training, transforms

K = Path("k")


def training(**settings) -> Training:
    return Training(K, "native", DEFAULTS | settings)


def test_monophones_are_aligned_anew_as_in_kaldi():
    made = training()
    aligned = [made.alignment_at("mono", i, "000").name.partition(".")[0] for i in range(41)]
    assert aligned[0] == "000"  # the equal alignment
    realigned = [int(name) for i, name in enumerate(aligned) if i and name == str(i)]
    # steps/train_mono.sh: "1 2 3 4 5 6 7 8 9 10 12 14 16 18 20 23 26 29 32 35 38"
    assert realigned == [*range(1, 11), 12, 14, 16, 18, 20, 23, 26, 29, 32, 35, 38]
    assert made.alignment_at("mono", 39, "001") == K / "mono" / "realigned" / "38.001.gz"


@pytest.mark.parametrize("system", ["tri", "lda", "sat"])
def test_triphones_are_aligned_anew_three_times(system):
    made = training()
    found = {made.alignment_at(system, i, "000") for i in range(1, 36)}
    names = {"start/000.gz", *(f"realigned/{i}.000.gz" for i in (10, 20, 30))}
    assert found == {K / system / name for name in names}


def test_a_short_training_turns_and_realigns_no_later_than_it_lasts():
    made = training(mono_iterations=3, tri_iterations=5)
    assert made.turns == [2, 4] and made.matrix == K / "lda" / "4.mat"
    assert training(tri_iterations=2).matrix == K / "lda" / "0.mat"
    assert made.final("mono") == K / "mono" / "3.mdl"
    assert made.final("sat") == K / "sat" / "5.mdl"


def test_models_of_lda_are_turned_where_mllt_is_made_anew():
    made = training()
    assert made.model("lda", "4") == K / "lda" / "4.turned.mdl"
    assert made.model("lda", 5) == K / "lda" / "5.mdl"
    assert made.model("sat", "4") == K / "sat" / "4.mdl"
    assert made.start("mono").name == "0.mdl" and made.start("tri").name == "1.mdl"


def test_features_go_through_the_latest_transforms():
    made = training()
    assert made.seen("mono", 3, "000") == made.seen("tri", "3", "000") == {}
    assert made.seen("lda", "1", "000") == {"lda": K / "lda" / "0.mat"}
    assert made.seen("lda", "5", None) == {"lda": K / "lda" / "4.mat"}
    first, later = made.seen("sat", 1, "002"), made.seen("sat", "7", "002")
    assert first == {"lda": K / "lda" / "12.mat", "fmllr": K / "sat" / "fmllr" / "native" / "002"}
    assert later["fmllr"] == K / "sat" / "fmllr" / "6.002"
    assert made.seen_last("tri", "test", "001") == {}
    assert made.seen_last("lda", "test", "001") == {"lda": made.matrix}
    assert made.seen_last("sat", "test", "001")["fmllr"] == K / "sat" / "adapted" / "test" / "001"


def test_gaussians_grow_in_a_straight_line_over_three_quarters():
    made = training(gaussians=1127, mono_iterations=40)
    assert [made.gaussians("mono", i) for i in (1, 16, 31, 40)] == [127, 627, 1127, 1127]
    assert made.gaussians("tri", 1) == 1500 and made.gaussians("sat", 35) == 10000
    assert training(gaussians=100).gaussians("mono", 20) == 127


def test_the_network_learns_shard_after_shard_and_epoch_after_epoch():
    made = training(jobs=2, epochs=4, learning_rate=0.1, final_learning_rate=0.001, combine=3)
    assert made.iterations == 8 and made.shards == ["000", "001"]
    assert [made.egs(i).stem for i in (1, 2, 3)] == ["000", "001", "000"]
    assert [made.shift(i) for i in range(1, 9)] == [0, 0, 1, 1, 2, 2, 0, 0]
    assert made.learning_rate(1) == pytest.approx(0.1)
    assert made.learning_rate("8") == pytest.approx(0.001)
    assert made.learning_rate(3) / made.learning_rate(2) == pytest.approx(0.01 ** (1 / 7))
    assert made.network_before("1") == K / "chain" / "0.raw"
    assert made.combined == [K / "chain" / f"{i}.raw" for i in (6, 7, 8)]
    assert training(jobs=1, epochs=1).combined == [K / "chain" / "1.raw"]
    assert training(jobs=1, epochs=1).learning_rate(1) == 0.001
    assert made.shard_of("heldout") == "001" and made.shard_of("000") == "000"


def test_statistics_of_a_model_are_those_of_all_shards_before_it():
    assert training(jobs=2).accumulated("tri", "5") == [
        K / "tri" / "acc" / "4.000",
        K / "tri" / "acc" / "4.001",
    ]


def test_the_first_monophones_are_spared():
    made = training(heldout=0.1)
    assert [made.beam(*at) for at in (("mono", "1"), ("mono", 2), ("tri", 1))] == [6, 10, 10]
    assert [made.occupancy(*at) for at in (("mono", "1"), ("mono", 2), ("tri", 1))] == [3, 10, 10]
    assert made.heldout("native") == 0.1 and made.heldout("test") == 0


def test_transforms_are_told_by_the_environment():
    assert transforms(None, {"shard": "x"}) == ""
    told = transforms(None, {"lda": "a b/0.mat", "fmllr": "c", "shard": "x"})
    assert told == "LDA='a b/0.mat' FMLLR=c"
