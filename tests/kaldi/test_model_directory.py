import hashlib
from pathlib import Path

import pytest

from pyscorer.errors import InputError
from pyscorer.kaldi.model_directory import find_model


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


VOSK = ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "ivector/final.ie", "graph/phones.txt")


def test_vosks_layout(tmp_path: Path):
    root = touch(tmp_path, *VOSK, "ivector/online_cmvn.conf")
    (root / "conf" / "model.conf").write_text("--min-active=200\n--frame-subsampling-factor=4\n")
    files = find_model(root)
    assert files.mdl == root / "am" / "final.mdl"
    assert files.mfcc_conf == root / "conf" / "mfcc.conf"
    assert files.extractor == root / "ivector"
    assert files.phones == root / "graph" / "phones.txt"
    assert (files.normalisation, files.subsampling, files.tree) == ("raw", 4, None)
    assert find_model(root / "am" / "final.mdl") == files


def test_vosks_layout_with_online_cmvn(tmp_path: Path):
    root = touch(tmp_path, "am/final.mdl", "am/global_cmvn.stats", "conf/mfcc.conf", "am/tree")
    files = find_model(root)
    assert (files.normalisation, files.subsampling) == ("online", 3)
    assert files.global_cmvn == root / "am" / "global_cmvn.stats"
    assert (files.extractor, files.online_cmvn) == (None, None)
    assert files.tree == root / "am" / "tree"


def test_vosks_old_layout_in_one_folder(tmp_path: Path):
    root = touch(tmp_path, "final.mdl", "mfcc.conf", "ivector/final.ie", "phones.txt")
    files = find_model(root)
    assert (files.mfcc_conf, files.extractor) == (root / "mfcc.conf", root / "ivector")
    assert (files.normalisation, files.subsampling) == ("raw", 3)


def recipe(tmp_path: Path, cmvn: str) -> Path:
    """s5 after a chain recipe; returns the model's directory."""
    touch(
        tmp_path, "conf/mfcc.conf", "conf/mfcc_hires.conf", "exp/nnet3/extractor/final.ie",
        "exp/chain/tdnn1a_sp/final.mdl", "exp/chain/tdnn1a_sp/tree",
    )  # fmt: skip
    folder = tmp_path / "exp" / "chain" / "tdnn1a_sp"
    (folder / "cmvn_opts").write_text(cmvn)
    (folder / "frame_subsampling_factor").write_text("3\n")
    return folder


def test_a_directory_of_a_chain_recipe(tmp_path: Path):
    folder = recipe(tmp_path, "--norm-means=false --norm-vars=false\n")
    files = find_model(folder)
    assert files.mfcc_conf == tmp_path / "conf" / "mfcc_hires.conf"
    assert files.extractor == tmp_path / "exp" / "nnet3" / "extractor"
    assert (files.normalisation, files.subsampling) == ("raw", 3)
    assert files.tree == folder / "tree"


@pytest.mark.parametrize("cmvn", ["", "--norm-means=true --norm-vars=false"])
def test_a_recipe_that_subtracts_the_mean(tmp_path: Path, cmvn: str):
    assert find_model(recipe(tmp_path, cmvn)).normalisation == "mean"


def test_what_is_given_is_taken(tmp_path: Path):
    folder = recipe(tmp_path, "")
    touch(tmp_path, "other/final.ie", "other.conf")
    files = find_model(
        folder,
        extractor=tmp_path / "other",
        mfcc_conf=tmp_path / "other.conf",
        normalisation="raw",
    )
    assert (files.extractor, files.mfcc_conf) == (tmp_path / "other", tmp_path / "other.conf")
    assert files.normalisation == "raw"


def test_what_prepare_online_decoding_makes(tmp_path: Path):
    root = touch(
        tmp_path, "final.mdl", "conf/mfcc.conf", "ivector_extractor/final.ie",
        "conf/online_cmvn.conf", "global_cmvn.stats",
    )  # fmt: skip
    lines = "--feature-type=mfcc\n--mfcc-config=/x/conf/mfcc.conf\n--endpoint.silence-phones=1:2\n"
    (root / "conf" / "online.conf").write_text(lines)
    assert find_model(root).normalisation == "raw"
    assert find_model(root).extractor == root / "ivector_extractor"
    (root / "conf" / "online.conf").write_text(lines + "--global-cmvn-stats=/x/global_cmvn.stats\n")
    files = find_model(root)
    assert (files.normalisation, files.global_cmvn) == ("online", root / "global_cmvn.stats")
    assert files.online_cmvn == root / "conf" / "online_cmvn.conf"
    (root / "conf" / "online.conf").write_text("--feature-type=plp\n")
    with pytest.raises(InputError, match=r"online\.conf: other features than MFCC"):
        find_model(root)


def test_nothing_is_assumed(tmp_path: Path):
    with pytest.raises(InputError, match=r"no final\.mdl there"):
        find_model(tmp_path)
    touch(tmp_path, "final.mdl")
    with pytest.raises(InputError, match=r"mfcc\.conf: no such file: name the mfcc\.conf"):
        find_model(tmp_path)
    touch(tmp_path, "mfcc.conf")
    with pytest.raises(InputError, match="say what the network takes"):
        find_model(tmp_path)
    with pytest.raises(InputError, match=r"global_cmvn\.stats: no such file"):
        find_model(tmp_path, normalisation="online")
    (tmp_path / "cmvn_opts").write_text("--norm-vars=true")
    with pytest.raises(InputError, match=r"cmvn_opts: --norm-vars=true"):
        find_model(tmp_path)


def test_several_extractors_are_asked_about(tmp_path: Path):
    folder = recipe(tmp_path, "")
    touch(tmp_path, "exp/nnet3_cleaned/extractor/final.ie")
    with pytest.raises(InputError, match="several i-vector extractors"):
        find_model(folder)


def test_the_extractor_of_another_training_is_refused(tmp_path: Path):
    folder = recipe(tmp_path, "")
    extractor = tmp_path / "exp" / "nnet3" / "extractor"
    (folder / "final.ie.id").write_text(hashlib.md5(b"").hexdigest() + "\n")
    assert find_model(folder).extractor == extractor
    (extractor / "final.ie").write_bytes(b"another")
    with pytest.raises(InputError, match=r"extractor: an extractor of id .*final\.ie\.id"):
        find_model(folder)
    (extractor / "final.ie.id").write_text((folder / "final.ie.id").read_text())
    assert find_model(folder).extractor == extractor


def test_a_subsampling_that_is_no_number(tmp_path: Path):
    folder = recipe(tmp_path, "")
    (folder / "frame_subsampling_factor").write_text("three")
    with pytest.raises(InputError, match="a frame-subsampling-factor of three"):
        find_model(folder)
