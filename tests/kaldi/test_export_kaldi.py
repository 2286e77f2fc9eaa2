import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.chain.acoustic_model import AcousticModel, chain_scores, load_model, save_model
from pyscorer.chain.export import ExportOptions, export
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.chain.tree import monophone_tree, read_tree, write_tree
from pyscorer.contract.archives import read_matrices, write_archive
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError
from pyscorer.kaldi.export_kaldi import export_kaldi, kaldi_network
from pyscorer.kaldi.import_kaldi import base_phone, import_kaldi
from pyscorer.kaldi.nnet3 import read_nnet3, write_nnet3
from pyscorer.kaldi.outputs import kaldi_posteriors

RECIPES = Path(__file__).parent.parent.parent / "kaldi_recipes"
TREE = monophone_tree(PHONES)
OWNERS = np.repeat(np.arange(1, len(PHONES)), 2).astype(np.int32)
SMALL = {"dim": 8, "bottleneck": 4, "time_strides": (1, 0, 3), "embedding_dim": 4,
         "prefinal_dim": 8, "prefinal_bottleneck": 4}  # fmt: skip


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """final.pt and tree.json, as train_tdnnf and chain_graphs leave them."""
    network = Tdnnf(TdnnfConfig(TREE.num_pdfs, **SMALL)).eval()
    torch.nn.init.normal_(network.output.affine.weight)
    save_model(tmp_path / "final.pt", AcousticModel(network, OWNERS, {"epoch": 3}))
    write_tree(tmp_path / "tree.json", TREE)
    return tmp_path


def test_there_and_back_again(trained: Path):
    export_kaldi(trained / "final.pt", trained, trained / "kaldi")
    import_kaldi(trained / "kaldi" / "final.mdl", trained / "back")
    features = np.random.default_rng(0).normal(size=(20, 40)).astype(np.float32)
    models = [load_model(trained / folder / "final.pt") for folder in ("", "back")]
    one, other = (chain_scores(model, features) for model in models)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(models[1].pdf_to_phone, OWNERS)
    tree = read_tree(trained / "back" / "tree.json")
    assert tree.root == TREE.root
    assert (trained / "back" / "log.csv").read_text() == "epoch,train_objf,valid_objf\n"


def test_kaldi_computes_what_we_compute(trained: Path):
    if shutil.which("nnet3-compute") is None:
        pytest.skip("Kaldi's nnet3-compute is not on PATH")
    export_kaldi(trained / "final.pt", trained, trained / "kaldi")
    model, feats = trained / "kaldi" / "final.mdl", trained / "feats" / "feats.scp"
    rng = np.random.default_rng(0)
    features = {f"u{n}": rng.normal(1, 2, size=(n, 40)).astype(np.float32) for n in (20, 101, 300)}
    features = {key: features[key] for key in sorted(features)}
    write_archive(feats, features.items())
    stem = feats.with_suffix(".utterance")
    run = ["compute-cmvn-stats", f"scp:{feats}", f"ark,scp:{stem}.ark,{stem}.scp"]
    subprocess.run(run, check=True)
    computed = {node: trained / f"{node}.scp" for node in ("output-xent", "prefinal-l")}
    for node, scp in computed.items():
        run = [RECIPES / "export.sh", model, feats, node, "no", scp.with_suffix("")]
        subprocess.run(run, check=True)
    kaldi_posteriors(model, [computed["output-xent"]], [computed["prefinal-l"]], trained / "theirs")
    export(trained / "final.pt", feats.parent, trained / "ours", ExportOptions(jobs=1))
    for name in ("embed.scp", "post.scp"):
        ours = dict(read_matrices(trained / "ours" / name))
        theirs = dict(read_matrices(trained / "theirs" / name))
        assert list(ours) == list(theirs) == list(features)
        for key in features:
            np.testing.assert_allclose(ours[key], theirs[key], atol=1e-3)
    # The chain output, from the file itself with its transition model.
    cmvn = f"ark:apply-cmvn --norm-vars=false scp:{stem}.scp scp:{feats} ark:- |"
    out = trained / "chain.ark"
    subprocess.run(
        ["nnet3-compute", "--use-gpu=no", "--frame-subsampling-factor=3",
         f"nnet3-am-copy --raw=true {model} - |", cmvn, f"ark,scp:{out},{out.with_suffix('.scp')}"],
        check=True,
    )  # fmt: skip
    for key, scores in read_matrices(out.with_suffix(".scp")):
        ours_chain = chain_scores(load_model(trained / "final.pt"), features[key])
        np.testing.assert_allclose(ours_chain, scores, atol=1e-3)


def test_kaldis_own_model_as_acoustic_model(conformance: Path, tmp_path: Path):
    kaldi = tmp_path / "kaldi"
    kaldi.mkdir()
    for name, source in (
        ("final.mdl", "e_tdnnf/final.mdl"),
        ("tree", "d_lfmmi/tree"),
        ("phones.txt", "d_lfmmi/phones.txt"),
    ):
        (kaldi / name).symlink_to(conformance / source)
    import_kaldi(kaldi / "final.mdl", tmp_path / "out")
    assert load_model(tmp_path / "out" / "final.pt").network.config.num_pdfs == 248
    assert read_tree(tmp_path / "out" / "tree.json").num_pdfs == 248
    # And out again: tree and transition model are Kaldi's, byte for byte.
    export_kaldi(tmp_path / "out" / "final.pt", tmp_path / "out", tmp_path / "again")
    assert (tmp_path / "again" / "tree").read_bytes() == (kaldi / "tree").read_bytes()
    start = (kaldi / "final.mdl").read_bytes().index(b"</TransitionModel>")
    one, other = ((p / "final.mdl").read_bytes()[:start] for p in (kaldi, tmp_path / "again"))
    assert one == other


def test_a_tree_of_another_network_is_refused(trained: Path):
    write_tree(trained / "tree.json", monophone_tree(PHONES[:-1]))
    with pytest.raises(InputError, match="the network has 82 pdfs, its tree 80"):
        export_kaldi(trained / "final.pt", trained, trained / "kaldi")


@pytest.fixture
def kaldi(trained: Path) -> Path:
    export_kaldi(trained / "final.pt", trained, trained / "kaldi")
    return trained / "kaldi"


def test_a_kaldi_tree_of_another_model_is_refused(kaldi: Path, conformance: Path):
    (kaldi / "tree").write_bytes((conformance / "d_lfmmi" / "tree").read_bytes())
    with pytest.raises(InputError, match=r"tree: 248 pdfs, where .*final\.mdl has 82"):
        import_kaldi(kaldi / "final.mdl", kaldi / "out")


def test_phones_are_matched_by_name(kaldi: Path):
    assert [base_phone(s) for s in ("AH0_B", "sil", "ZH", "SIL_S", "NSN", "IX")] == [
        "AH", "SIL", "ZH", "SIL", "SPN", None,
    ]  # fmt: skip
    names = [f"{phone.lower()}1_B" if i > 2 else phone for i, phone in enumerate(PHONES)]
    (kaldi / "phones.txt").write_text("".join(f"{p} {i}\n" for i, p in enumerate(names)))
    import_kaldi(kaldi / "final.mdl", kaldi / "out")
    np.testing.assert_array_equal(load_model(kaldi / "out" / "final.pt").pdf_to_phone, OWNERS)
    assert not (kaldi / "out" / "tree.json").exists()  # a lexicon of these phones is not at hand
    (kaldi / "phones.txt").write_text("".join(f"{p}Q {i}\n" for i, p in enumerate(names)))
    with pytest.raises(InputError, match="the model's phone SILQ is none of pyscorer's"):
        import_kaldi(kaldi / "final.mdl", kaldi / "out")


@pytest.mark.parametrize(
    ("text", "message"), [("<eps> 0\nSIL\n", r"txt:2: expected"), ("SIL 1\n", "no phone has id 0")]
)
def test_a_garbled_phones_txt(kaldi: Path, text: str, message: str):
    (kaldi / "phones.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        import_kaldi(kaldi / "final.mdl", kaldi / "out")


def test_a_raw_network_is_refused(kaldi: Path):
    nnet = read_nnet3(kaldi / "final.mdl")
    write_nnet3(kaldi / "net.mdl", type(nnet)(nnet.path, nnet.config, nnet.components, None))
    with pytest.raises(InputError, match="a raw network"):
        import_kaldi(kaldi / "net.mdl", kaldi / "out")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--sample-frequency=8000", r"mfcc\.conf:2: the model expects --sample-frequency=8000"),
        ("--num-ceps=13  # plain", "expects --num-ceps=13"),
        ("--low-freq=x", r"mfcc\.conf:2: --low-freq must be a number"),
        ("--frame-shift=5", "expects --frame-shift=5, where the features here have 10"),
        ("--num_mel_bins=23", r"mfcc\.conf:2: the model expects --num-mel-bins=23"),
        ("--window-type=hamming", "expects --window-type=hamming"),
        ("--use-energy", r"mfcc\.conf:2: the model expects --use-energy=true"),
        ("--snip-edges=false", "expects --snip-edges=false"),
        ("--num-mel-bins=40", r"mfcc\.conf: no line --high-freq, for which Kaldi takes 0"),
        ("--num-mels=40", "option --num-mels is not known"),
        ("--subtract-mean=true", r"mfcc\.conf:2: --subtract-mean=True is not done here"),
    ],
)
def test_a_model_of_other_features_is_refused(kaldi: Path, line: str, message: str):
    (kaldi / "mfcc.conf").write_text("--use-energy=false\n" + line + "\n")
    with pytest.raises(InputError, match=message):
        import_kaldi(kaldi / "final.mdl", kaldi / "out")


def test_garbled_bytes_are_an_input_error_or_harmless(kaldi: Path):
    """A flipped byte may change a weight; it must never end in anything but an InputError."""
    rng = np.random.default_rng(0)
    refused = 0
    for name in ("final.mdl", "tree"):
        whole = (kaldi / name).read_bytes()
        structure = whole.index(b"</TransitionModel>") if name == "final.mdl" else len(whole)
        for _ in range(40):
            garbled = bytearray(whole)
            for at in rng.integers(2, structure, size=2):
                garbled[at] = rng.integers(256)
            (kaldi / name).write_bytes(garbled)
            try:
                import_kaldi(kaldi / "final.mdl", kaldi / "out")
            except InputError:
                refused += 1
        (kaldi / name).write_bytes(whole)
    assert refused > 40


def test_an_untrained_network_for_kaldi(conformance: Path, tmp_path: Path):
    for name in ("a", "b"):
        kaldi_network(conformance / "e_tdnnf" / "final.mdl", tmp_path / name, "small", seed=3)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    nnet = read_nnet3(tmp_path / "a")
    assert nnet.transition_model is None
    assert nnet.components["output.affine"].fields["LinearParams"].shape == (248, 128)
