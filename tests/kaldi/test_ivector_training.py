"""The scripts that an i-vector extractor is made by, in their order, against Kaldi's recipes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pyscorer.kaldi.ivector_training import IvectorTrainingOptions, train_extractor
from pyscorer.kaldi.scripts import Script


def test_a_ubm_and_then_an_extractor_are_trained_over_all_shards(tmp_path: Path):
    feats = [tmp_path / f"{name}.scp" for name in ("000", "001")]
    for path in feats:
        path.write_text(f"{path.stem}-b x\n{path.stem}-a x\n")
        path.with_suffix(".cmvn.scp").write_text(f"{path.stem} y\n")
    said: list[Script] = []

    def run(chains: Iterable[Sequence[Script]]) -> None:
        for chain in chains:
            said.extend(chain)

    options = IvectorTrainingOptions(dim=10, gaussians=32, ubm_iterations=2, iterations=3)
    out, work = tmp_path / "out", tmp_path / "work"
    out.mkdir()
    work.mkdir()
    train_extractor(feats, out, work, options, run, threads=2)
    assert [script.name for script in said] == [
        "ubm_init", *["ubm_acc", "ubm_acc", "ubm_est"] * 2, "ivector_post", "ivector_post",
        "ivector_init", *["ivector_acc", "ivector_acc", "ivector_est"] * 3,
    ]  # fmt: skip
    assert (work / "feats.scp").read_text().split()[::2] == ["000-a", "000-b", "001-a", "001-b"]
    # Gaussians of few frames go in the last pass alone, as in train_diag_ubm.sh.
    estimated = [script.arguments for script in said if script.name == "ubm_est"]
    assert [words[1] for words in estimated] == ["false", "true"]
    assert estimated[1][0] == estimated[0][2] and estimated[1][2] == out / "final.dubm"
    passes = [script.arguments for script in said if script.name == "ivector_acc"]
    assert [Path(str(words[2])).name for words in passes[:2]] == ["post.000", "post.001"]
    last = [script for script in said if script.name == "ivector_est"][-1]
    assert last.arguments[2] == out / "final.ie" and last.arguments[0] == work / "2.ie"
