"""What the kaldi engine learns from, and where its files are."""

from pathlib import Path

import pytest

from pyscorer.errors import InputError
from pyscorer.kaldi.iterations import DEFAULTS, Training

K, DATA = Path("k"), Path("data")


def training(*acoustic: str, **settings) -> Training:
    return Training(K, acoustic or ("sample/native",), DEFAULTS | settings)


def test_one_dataset_is_learnt_where_it_lies():
    made = training()
    assert made.plain == made.learnt == "sample/native"
    assert made.data("sample/native", DATA) == [DATA / "sample/native"]
    assert made.heldout("sample/native") == 0.05 and made.heldout("sample/test") == 0


def test_several_datasets_are_learnt_as_one():
    made = training("one/train", "two/clean")
    assert made.plain == made.learnt == "acoustic_data/plain"
    assert made.data(made.plain, DATA) == [DATA / "one/train", DATA / "two/clean"]
    assert made.data("one/train", DATA) == [DATA / "one/train"]


def test_the_network_learns_copies_and_the_gmms_do_not():
    made = training(speeds=[0.9, 1.1])
    assert made.plain == "sample/native" and made.learnt == "acoustic_data/perturbed"
    copies = [K / "sp0.9" / "sample/native", K / "sp1.1" / "sample/native"]
    assert made.data(made.learnt, DATA) == [DATA / "sample/native", *copies]
    assert made.heldout(made.plain) == 0 and made.heldout(made.learnt) == 0.05
    louder = training(volumes=True)
    assert louder.data(louder.learnt, DATA) == [DATA / "sample/native"]
    assert louder.volumes(louder.learnt) and not louder.volumes(louder.plain)


def test_scored_datasets_have_fewer_shards():
    made = training(jobs=100, gmm_shards=10)
    assert len(made.shards("sample/native")) == 100 and len(made.shards("sample/test")) == 4
    assert made.gmm_shards == made.shards(made.plain)[:10]
    assert training(jobs=2).shards("sample/test") == ["000", "001"]
    with pytest.raises(InputError, match="gmm_shards: 5 of 4 shards"):
        training(gmm_shards=5).check()


def test_files_of_the_network():
    made = training(jobs=2, epochs=4, combine=3)
    assert made.combined == [K / "chain" / "networks" / f"{i}.raw" for i in (6, 7, 8)]
    assert training(jobs=1, epochs=1).combined == [K / "chain" / "networks" / "1.raw"]
    assert made.shard_of("heldout") == "001" and made.shard_of("000") == "000"
    assert made.egs(2, 1) == [K / "chain" / "egs" / "001.cegs"]
    assert made.shifted(2, 1) == "2 k/chain/egs/001.cegs"
    wide = training(num_jobs_initial=2, num_jobs_final=4)
    assert [path.name for path in wide.of_jobs(1)] == ["1.1.raw", "1.2.raw"]
    assert len(wide.of_jobs(wide.schedule.iterations)) == 4


def test_a_job_is_told_how_to_train():
    made = training(num_jobs_initial=2, num_jobs_final=2, dropout="0,0.5,0")
    rate, sizes, change, scale, seed, gpu, *edits = made.job(2, seed=7).split()
    assert float(rate) == pytest.approx(2 * 0.001 * 0.1 ** (2 / 40), rel=1e-3)
    assert (sizes, change, scale, seed, gpu) == ("64,32", "2", "0.5", "9", "no")
    assert " ".join(edits) == "'set-dropout-proportion name=* proportion=0.05'"


def test_scripts_are_told_of_transforms_by_the_environment():
    ali = "k/ali/a/b/000/fmllr"
    assert training().view("a/b", "000") == f"LDA=k/sat/lda.mat FMLLR={ali}"
    assert training(gmm="lda").view("a/b", "000") == "LDA=k/lda/lda.mat"
    assert training(gmm="tri").view("a/b", "000") == ""
