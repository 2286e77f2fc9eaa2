"""The scripts that a GMM system is made by, in their order, against Kaldi's recipes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from pyscorer.kaldi.gmm_alignment import Shard, Trained, adapted_alignment
from pyscorer.kaldi.gmm_systems import Gmm, GmmOptions, gaussians_at, realigned
from pyscorer.kaldi.scripts import Script

SHARDS = [Shard(Path(f"f/{name}.scp"), Path(f"s/{name}.spk2utt")) for name in ("000", "001")]


class Recorder:
    """In the place of what runs scripts."""

    def __init__(self) -> None:
        self.said: list[Script] = []

    def __call__(self, chains: Iterable[Sequence[Script]]) -> None:
        for chain in chains:
            self.said += chain

    def of(self, name: str) -> list[list[str]]:
        return [list(map(str, s.arguments)) for s in self.said if s.name == name]


def trained(system: str, tmp_path: Path, **options: int) -> tuple[Gmm, Recorder]:
    run = Recorder()
    made = Gmm(system, Path("lang"), SHARDS, tmp_path, GmmOptions(**options), run)
    before = {"tri": "mono", "lda": "tri", "sat": "lda"}.get(system)
    made.train(Trained(Path(before), before) if before else None)
    return made, run


def test_monophones_are_aligned_anew_as_in_kaldi(tmp_path: Path):
    made, run = trained("mono", tmp_path, iterations=40, gaussians=1000)
    # steps/train_mono.sh: "1 2 3 4 5 6 7 8 9 10 12 14 16 18 20 23 26 29 32 35 38"
    aligned = [Path(words[-1]).name for words in run.of("align_gmm")]
    wanted = [*range(1, 11), 12, 14, 16, 18, 20, 23, 26, 29, 32, 35, 38]
    assert aligned == [f"{i}.{shard}.gz" for i in wanted for shard in ("000", "001")]
    assert made.model == tmp_path / "40.mdl" and made.first == tmp_path / "0.mdl"
    learnt = [Path(words[2]).name for words in run.of("acc_gmm")]
    assert learnt[:2] == ["start.000.gz", "start.001.gz"] and learnt[-1] == "38.001.gz"
    assert len(learnt) == 80
    # The first is spared: a narrow beam, few frames a Gaussian.
    assert [words[4] for words in run.of("align_gmm")[:3]] == ["6", "6", "10"]
    assert [words[2] for words in run.of("est_gmm")[:2]] == ["3", "10"]


@pytest.mark.parametrize("system", ["tri", "lda", "sat"])
def test_triphones_are_aligned_anew_three_times(system: str, tmp_path: Path):
    made, run = trained(system, tmp_path)
    aligned = [Path(words[-1]).name for words in run.of("align_gmm")]
    own = [name for name in aligned if not name.startswith("before")]
    assert own == [f"{i}.{shard}.gz" for i in (10, 20, 30) for shard in ("000", "001")]
    assert made.model == tmp_path / "35.mdl"
    assert len(run.of("tri_init")) == 1 and len(run.of("convert_ali")) == 2


def test_a_short_training_turns_and_realigns_no_later_than_it_lasts(tmp_path: Path):
    _, run = trained("lda", tmp_path, iterations=5)
    assert [Path(words[3]).name for words in run.of("est_mllt")] == ["2.mat", "4.mat"]
    assert realigned("mono", 3) == (*range(1, 11), *range(12, 21, 2))
    _, run = trained("mono", tmp_path / "mono", iterations=3)
    assert len(run.of("align_gmm")) == 2 * 2


def test_features_go_through_the_latest_transforms(tmp_path: Path):
    _, run = trained("lda", tmp_path / "lda")
    seen = [s.transforms["LDA"].name for s in run.said if s.name == "acc_gmm"][::2]
    assert seen[:4] == ["0.mat", "2.mat", "2.mat", "4.mat"] and set(seen[12:]) == {"12.mat"}
    models = [Path(words[3]).name for words in run.of("acc_gmm")][::2]
    assert models[:4] == ["1.mdl", "2.turned.mdl", "3.mdl", "4.turned.mdl"]

    _, run = trained("sat", tmp_path / "sat")
    views = [s.transforms for s in run.said if s.name == "acc_gmm" and "000" in str(s.arguments)]
    assert {view["LDA"] for view in views} == {Path("lda/lda.mat")}
    made = [view["FMLLR"].name for view in views]
    assert made[0] == "fmllr.first.000" and made[1] == "fmllr.2.000" and made[-1] == "fmllr.12.000"
    first, second = [s for s in run.said if s.name == "fmllr"][::2][:2]
    assert "FMLLR" not in first.transforms and str(first.arguments[4]) == "lda/final.mdl"
    assert second.transforms["FMLLR"].name == "fmllr.first.000"


def test_gaussians_grow_in_a_straight_line_over_three_quarters():
    mono = GmmOptions(iterations=40, gaussians=1127)
    assert [gaussians_at("mono", i, mono) for i in (1, 16, 31, 40)] == [127, 627, 1127, 1127]
    tri = GmmOptions()
    assert gaussians_at("tri", 1, tri) == 1500 and gaussians_at("sat", 35, tri) == 10000
    assert gaussians_at("mono", 20, GmmOptions(gaussians=100)) == 127


def test_speakers_are_adapted_twice_before_sat_aligns_them():
    lang, out = Path("lang"), Path("out")
    sat, lda = Trained(Path("sat"), "sat"), Trained(Path("lda"), "lda")
    chain = adapted_alignment(lang, sat, lda, SHARDS[0], out / "ali.gz", out / "fmllr", Path("w"))
    assert [s.name for s in chain] == [
        "graphs", "align_gmm", "fmllr", "graphs", "align_gmm", "fmllr", "align_gmm",
    ]  # fmt: skip
    assert [s.transforms.get("FMLLR") for s in chain if s.name != "graphs"] == [
        None, None, Path("w/000.early"), Path("w/000.early"), Path("out/fmllr"),
    ]  # fmt: skip
    assert {s.arguments[5] for s in chain if s.name == "align_gmm"} == {640}
