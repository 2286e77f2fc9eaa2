"""Damaged model files: an answer or an InputError; libraries in C++ never see what ends them."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kaldifst
import numpy as np
import pytest
import torch
from hypothesis import given
from made_whisper import tiny, write_model
from mutations import fuzz, mutated, survives

from pyscorer.alignment.gmm_model import Gmm, initial_gmm, kaldi_model, topology_text
from pyscorer.chain.fst import Acceptor, read_fst, read_vector_fst, write_fst
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.chain.tree import monophone_tree, read_tree, write_tree
from pyscorer.contract.phones import PHONES
from pyscorer.contract.weights import load_array, load_arrays, load_weights, save_weights
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import import_kaldi
from pyscorer.kaldi.import_kaldi_gmm import import_kaldi_gmm
from pyscorer.kaldi.nnet3 import read_nnet3, write_nnet3
from pyscorer.kaldi.nnet3_tdnnf import nnet3_from_tdnnf, tdnnf_from_nnet3
from pyscorer.kaldi.transition_model import chain_transition_model
from pyscorer.kaldi.tree_file import read_kaldi_tree, write_kaldi_tree
from pyscorer.pretrained.safetensors import read_tensors
from pyscorer.pretrained.whisper_models import load_whisper
from pyscorer.proficiency.units import load_units, train_units
from pyscorer.proficiency.vectors import read_vectors
from pyscorer.recognition.decoder import Recogniser
from pyscorer.recognition.decoding_graph import decoding_graph
from pyscorer.recognition.language_model import read_arpa, write_arpa
from pyscorer.scoring.trees import Trees, boost

TREE = monophone_tree(PHONES)
NETWORK = TdnnfConfig(
    TREE.num_pdfs, dim=4, bottleneck=2, time_strides=(1,), embedding_dim=3, prefinal_dim=4,
    prefinal_bottleneck=2,
)  # fmt: skip
Read = Callable[[Path], Any]


def spoil(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any], read: Read
) -> None:
    """Make a file, spoil it in many ways, and read each."""
    path = factory.mktemp("models") / name
    make(path)
    valid = path.read_bytes()
    read(path)

    @fuzz
    @given(mutated(valid))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        survives(lambda: read(path))

    check()


def acceptor(path: Path) -> None:
    arcs = [np.array(c) for c in ([0, 1, 1], [1, 1, 2], [1, 2, 3], [-0.5, -1.0, -2.0])]
    write_fst(path, Acceptor(0, *arcs, np.array([-np.inf, -1, 0])))


@pytest.mark.parametrize("read", [read_fst, read_vector_fst])
def test_fsts(tmp_path_factory, read: Read) -> None:
    def used(path: Path) -> None:
        fst = read(path)
        if isinstance(fst, kaldifst.StdVectorFst):
            kaldifst.arcsort(fst, "olabel")
            kaldifst.connect(fst)

    spoil(tmp_path_factory, "x.fst", acceptor, used)


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    (folder / "lexicon.txt").write_text("SEE S IY\nBEE B IY\nA AH\n")
    (folder / "text").write_text("u1 SEE A BEE\nu2 A BEE\n")
    write_tree(folder / "tree.json", TREE)
    decoding_graph(
        [folder / "text"], folder / "lexicon.txt", folder / "tree.json", folder / "graph"
    )
    return folder / "graph"


@pytest.mark.parametrize("name", ["HCLG.fst", "words.txt", "pdfs.int"])
def test_decoding_graphs(graph: Path, name: str) -> None:
    valid = (graph / name).read_bytes()
    scores = np.random.default_rng(0).normal(size=(12, TREE.num_pdfs)).astype(np.float32)

    def read() -> None:
        recogniser = Recogniser(graph)
        if recogniser.num_pdfs == TREE.num_pdfs:
            recogniser.decode(scores)

    @fuzz
    @given(mutated(valid))
    def check(content: bytes) -> None:
        (graph / name).write_bytes(content)
        survives(read)

    check()
    (graph / name).write_bytes(valid)


def test_trees(tmp_path_factory) -> None:
    spoil(tmp_path_factory, "tree.json", lambda path: write_tree(path, TREE), read_tree)


def as_text(path: Path) -> None:
    path.write_text(
        "ContextDependency 2 1 ToPdf TE 1 4 ( NULL SE -1 [ 0 ]\n{ CE 0 CE 1 } \nSE 0 [ 0 1 ]\n"
        "{ CE 2 CE 3 } \nCE 4 ) \nEndContextDependency "
    )


@pytest.mark.parametrize("make", [as_text, lambda path: write_kaldi_tree(path, TREE)])
def test_kaldis_trees(tmp_path_factory, make) -> None:
    spoil(tmp_path_factory, "tree", make, lambda path: read_kaldi_tree(path, PHONES))


def mdl(path: Path) -> None:
    torch.manual_seed(0)
    nnet = nnet3_from_tdnnf(Tdnnf(NETWORK), chain_transition_model(TREE))
    write_nnet3(path, nnet)


def test_networks_of_kaldi(tmp_path_factory) -> None:
    spoil(tmp_path_factory, "final.mdl", mdl, lambda path: import_kaldi(path, path.parent / "out"))


TEXT_NETWORK = """<Nnet3>
input-node name=input dim=2
component-node name=affine component=affine input=input
output-node name=output input=affine objective=linear

<NumComponents> 1
<ComponentName> affine <NaturalGradientAffineComponent> <MaxChange> 0.75 <LinearParams>  [
  1 2
  3 4 ]
<BiasParams>  [ 7 8 ]
<RankIn> 20 <TimeOffsets> [ 0 1 ]
</NaturalGradientAffineComponent>
</Nnet3> """


@pytest.mark.parametrize("name", ["net.raw", "net.raw.gz"])
def test_networks_as_text(tmp_path_factory, name: str) -> None:
    def make(path: Path) -> None:
        text = TEXT_NETWORK.encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)

    def read(path: Path) -> None:
        nnet = read_nnet3(path)
        with pytest.raises(InputError):
            tdnnf_from_nnet3(nnet)

    spoil(tmp_path_factory, name, make, read)


GMM = """<TransitionModel>
{topology}
<Triples> {count}
{triples}</Triples>
<LogProbs>
 [ {log_probs} ]
</LogProbs>
</TransitionModel>
<DIMENSION> 39 <NUMPDFS> {pdfs} {gaussians}"""


def kaldi_gmm(path: Path) -> None:
    """The monophones of `initial_gmm` as gmm-init-mono writes them in text, and their tree."""
    gmm = initial_gmm(np.zeros(39), np.ones(39))
    states = [(p, s) for p in range(1, len(PHONES)) for s in range(5 if p < 3 else 3)]
    row = " ".join(["0"] * 39)
    one = " ".join(["1"] * 39)
    mixture = (
        f"<DiagGMM>\n<WEIGHTS>  [ 1 ]\n<MEANS_INVVARS>  [\n  {row} ]\n<INV_VARS>  [\n  {one} ]\n"
        "</DiagGMM>\n"
    )
    path.write_text(
        GMM.format(
            topology=topology_text(),
            count=len(states),
            triples="".join(f"{p} {s} {i}\n" for i, (p, s) in enumerate(states)),
            log_probs=" ".join(f"{x:.6f}" for x in gmm.log_probs),
            pdfs=len(states),
            gaussians=mixture * len(states),
        )
    )


def _integer(number: int) -> bytes:
    return struct.pack("<bi", 4, number)


def monophone_tree_file(path: Path) -> None:
    """The tree of those monophones, binary."""
    out = [b"\0BContextDependency ", _integer(1), _integer(0), b"ToPdf TE ", _integer(0)]
    out += [struct.pack("<bI", -4, len(PHONES)), b"( NULL "]
    pdf = 0
    for phone in range(1, len(PHONES)):
        count = 5 if phone < 3 else 3
        out += [b"TE ", _integer(-1), struct.pack("<bI", -4, count), b"( "]
        out += [b"CE " + _integer(pdf + i) for i in range(count)] + [b") "]
        pdf += count
    path.write_bytes(b"".join([*out, b") EndContextDependency "]))


def test_gmms_of_kaldi(tmp_path_factory) -> None:
    tree = tmp_path_factory.mktemp("tree") / "tree"
    monophone_tree_file(tree)
    read = lambda path: import_kaldi_gmm(path, tree, path.parent / "out")  # noqa: E731
    spoil(tmp_path_factory, "final.mdl", kaldi_gmm, read)


def test_trees_of_gmms(tmp_path_factory) -> None:
    model = tmp_path_factory.mktemp("model") / "final.mdl"
    kaldi_gmm(model)
    read = lambda path: import_kaldi_gmm(model, path, path.parent / "out")  # noqa: E731
    spoil(tmp_path_factory, "tree", monophone_tree_file, read)


def test_gmms(tmp_path_factory) -> None:
    gmm = initial_gmm(np.zeros(3), np.ones(3))
    spoil(tmp_path_factory, "final.npz", gmm.save, lambda path: kaldi_model(Gmm.load(path)))


def trees() -> Trees:
    x = np.random.default_rng(0).normal(size=(60, 3))
    return boost(x, x[:, 0], 0, max_iter=3)


def test_weights_that_come_back_are_those_that_were_saved(tmp_path_factory) -> None:
    # Trees above all: treelite hangs on bytes that are not its own.
    whole, rows = {"trees": trees().as_tensor(), "kind": "x"}, np.eye(3)
    expected = Trees.from_tensor(whole["trees"])(rows)

    def build(found: dict[str, Any]) -> np.ndarray:
        return Trees.from_tensor(found["trees"])(rows)

    def read(path: Path) -> None:
        np.testing.assert_array_equal(load_weights(path, "a model", "train", build), expected)

    spoil(tmp_path_factory, "model.pt", lambda path: save_weights(path, whole), read)


def test_arrays(tmp_path_factory) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)

    def read(path: Path) -> None:
        for name, found in load_arrays(path, "train").items():
            np.testing.assert_array_equal(found, {"a": array, "b": array[0]}[name])

    spoil(tmp_path_factory, "x.npz", lambda path: np.savez(path, a=array, b=array[0]), read)
    spoil(
        tmp_path_factory,
        "x.npy",
        lambda path: np.save(path, array),
        lambda path: load_array(path, "train"),
    )


def test_language_models(tmp_path_factory) -> None:
    spoil(
        tmp_path_factory,
        "lm.arpa",
        lambda path: write_arpa(path, [["A", "B"], ["B"]], 2),
        read_arpa,
    )


def safetensors(path: Path) -> None:
    header = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    header["b"] = {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(32))


def test_tensors_of_hugging_face(tmp_path_factory) -> None:
    read = lambda path: read_tensors(path.parent)  # noqa: E731
    spoil(tmp_path_factory, "model.safetensors", safetensors, read)


def test_whisper(tmp_path_factory) -> None:
    read = lambda path: load_whisper(path.parent)  # noqa: E731
    spoil(tmp_path_factory, "model.bin", lambda path: write_model(path.parent, tiny()), read)


@pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.txt.gz"])
def test_word_vectors(tmp_path_factory, name: str) -> None:
    def make(path: Path) -> None:
        content = b"2 3\ntea 1 2 3\ncup -1 0.5 1e-3\n"
        if name == "v.bin":
            content = b"2 3\ntea " + struct.pack("<3f", 1, 2, 3) + b"cup " + bytes(12)
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)

    spoil(tmp_path_factory, name, make, lambda path: read_vectors(path, {"tea", "cup"}))


def test_units(tmp_path_factory) -> None:
    units = train_units(["the tea is hot", "a cup of tea"], 30)

    def read(path: Path) -> None:
        try:
            load_units(path.read_bytes()).encode("tea is it", out_type=str)
        except RuntimeError as error:  # as encoders._read_units takes it
            raise InputError(str(error)) from None

    spoil(tmp_path_factory, "units.model", lambda path: path.write_bytes(units), read)
