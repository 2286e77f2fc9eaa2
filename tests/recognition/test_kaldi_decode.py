"""Kaldi's decoder: its lattices and language models by hand, and its programs stood in for."""

import math
import os
from pathlib import Path
from typing import Any

import pytest

from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.chain.tree import monophone_tree, write_tree
from pyscorer.contract.decoded import Decoded, read_decoded, read_decoder
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError
from pyscorer.kaldi.nnet3 import write_nnet3
from pyscorer.kaldi.nnet3_tdnnf import nnet3_from_tdnnf
from pyscorer.kaldi.transition_model import chain_transition_model
from pyscorer.recognition.const_arpa import number_arpa
from pyscorer.recognition.decoding_graph import GraphOptions, decoding_graph
from pyscorer.recognition.kaldi_decode import KaldiDecodeOptions, kaldi_decode, shares
from pyscorer.recognition.lattice import (
    LatticePath,
    Transcript,
    best_path,
    best_transcripts,
    read_compact_lattice,
)

LATTICE = """0 1 7 1,2,4_4_5
0 2 8 1.5,2,4
1 3 9 0.25,0.5,
2 3 9 0,0,6_6
3 0.5,1,7
""".splitlines()
"""7 9 costs 1 + 2 + .25 + .5 + .5 + 1 = 5.25, 8 9 costs 3.5 + 0 + 1.5 = 5."""


def test_a_compact_lattice_is_one_of_single_rows():
    lattice = read_compact_lattice(LATTICE)
    assert best_path(lattice) == LatticePath((8, 9), 2.0, 3.0, (4, 6, 6, 7))
    assert best_transcripts(lattice, 3) == [
        Transcript((8, 9), 2.0, 3.0), Transcript((7, 9), 1.75, 3.5),
    ]  # fmt: skip


def test_weights_of_nothing_are_left_out_as_kaldi_prints_them():
    lattice = read_compact_lattice(["0 1 3 0.5,0.5,2_1", "1 2 4", "2"])
    assert best_path(lattice) == LatticePath((3, 4), 0.5, 0.5, (2, 1))
    assert best_path(read_compact_lattice([])) is None
    with pytest.raises(ValueError):
        read_compact_lattice(["0 1 3 0.5,2_1", "1"])


def test_a_confidence_is_the_mass_of_the_transcripts_that_have_the_word_there():
    found = [Transcript((5, 6), 1.0, 1.0), Transcript((5, 7, 6), 1.5, 1.5), Transcript((6,), 2, 2)]
    masses = [1, math.exp(-1), math.exp(-2)]
    assert shares((5, 6), found) == pytest.approx([sum(masses[:2]) / sum(masses), 1])
    assert shares((), found) == []


TREE = monophone_tree(PHONES)
TRANSITIONS = chain_transition_model(TREE)
LEXICON = "BEE B IY\nSEE S IY\nThe DH AH\n"
ARPA = """\\data\\
ngram 1=6
ngram 2=4

\\1-grams:
-99 <s> -0.5
-1 </s>
-0.5 see -0.25
-0.75 the -0.125
-1.5 bee
-2 cat -1

\\2-grams:
-0.1 <s> the
-0.2 <s> cat
-0.3 the bee
-0.4 see </s>

\\end\\
"""


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    (tmp_path / "lexicon.txt").write_text(LEXICON)
    (tmp_path / "small.text").write_text("u1 SEE The BEE\n")
    write_tree(tmp_path / "tree.json", TREE)
    texts = [tmp_path / "small.text"]
    options = GraphOptions(order=1)
    decoding_graph(texts, tmp_path / "lexicon.txt", tmp_path / "tree.json", tmp_path / "g", options)
    return tmp_path / "g"


def test_an_arpa_file_in_numbers_of_words_is_without_words_that_cannot_be_heard(
    graph: Path, tmp_path: Path
):
    (tmp_path / "big.arpa").write_text(ARPA)
    assert (graph / "words.txt").read_text().split()[2::2] == [
        "BEE", "SEE", "The", "#0", "<s>", "</s>",
    ]  # fmt: skip
    assert number_arpa(tmp_path / "big.arpa", graph, tmp_path / "n") == (-1, 5, 6)
    head, ones, twos, _ = (tmp_path / "n").read_text().split("\n\n")
    assert head == "\\data\\\nngram 1=5\nngram 2=3"
    assert ones.splitlines() == [
        "\\1-grams:", "-99\t5\t-0.5", "-1\t6\t0", "-0.5\t2\t-0.25", "-0.75\t3\t-0.125",
        "-1.5\t1\t0",
    ]  # fmt: skip
    assert twos.splitlines() == ["\\2-grams:", "-0.1\t5 3", "-0.3\t3 1", "-0.4\t2 6"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-1.5 bee\n", "-1.5 bees\n", r"1 words of .* are not in it: BEE: make the graph"),
        ("-2 cat", "-2 BEE", r"bee and BEE are one word to"),
        ("ngram 2=4", "ngram 2=5", r"4 2-grams, 5 announced"),
    ],
)
def test_a_language_model_that_does_not_fit(
    graph: Path, tmp_path: Path, old: str, new: str, message: str
):
    (tmp_path / "big.arpa").write_text(ARPA.replace(old, new))
    with pytest.raises(InputError, match=message):
        number_arpa(tmp_path / "big.arpa", graph, tmp_path / "n")
    assert not (tmp_path / "n").exists()


def test_an_unknown_word_stands_for_those_that_the_model_lacks(graph: Path, tmp_path: Path):
    (tmp_path / "big.arpa").write_text(
        ARPA.replace("-1.5 bee", "-1.5 <UNK>").replace("the bee", "the <UNK>")
    )
    assert number_arpa(tmp_path / "big.arpa", graph, tmp_path / "n") == (7, 5, 6)
    assert "-0.3\t3 7\n" in (tmp_path / "n").read_text()


def begun(*phones: str) -> str:
    """Transition-ids of phones of two rows each."""
    ids = [
        TRANSITIONS.transition_ids(i, 0, 2 * i - 2, 2 * i - 1) for i in map(PHONES.index, phones)
    ]
    return "_".join(f"{forward}_{loop}" for loop, forward in ids)


def stand_ins(folder: Path, said: Path, lattices: str) -> None:
    """Programs that pipe these lattices through, and note what they were called with."""
    folder.mkdir()
    (folder / "lattices").write_text(lattices)
    note = f'#!/bin/bash\necho "${{0##*/}} $*" >> {said}\n'
    for name in ("lattice-scale", "lattice-lmrescore-const-arpa"):
        (folder / name).write_text(note + "cat\n")
    (folder / "arpa-to-const-arpa").write_text(note + 'cp "${@: -2:1}" "${@: -1}"\n')
    last = '"${@: -1}"'
    (folder / "nnet3-latgen-faster").write_text(
        f'{note}pipe={last}; bash -c "cat {folder}/lattices ${{pipe#ark:}}"\n'
    )
    for program in folder.iterdir():
        program.chmod(0o755)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    network = Tdnnf(
        TdnnfConfig(TREE.num_pdfs, 40, 8, 4, (1,), embedding_dim=4, prefinal_dim=8,
                    prefinal_bottleneck=4)
    )  # fmt: skip
    path = tmp_path / "final.mdl"
    write_nnet3(path, nnet3_from_tdnnf(network, TRANSITIONS, path))
    return path


def decoded(
    graph: Path, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[list[Decoded], str]:
    """What is written of two utterances, the first with a lattice, and what programs were told."""
    for name, text in {
        "text": "u1 SEE BEE\nu2 SEE\n", "utt2spk": "u1 a\nu2 a\n", "spk2utt": "a u1 u2\n",
        "wav.scp": "u1 1.wav\nu2 2.wav\n",
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    see, bee = begun("SIL", "S", "IY"), begun("B", "IY")
    lattice = f"u1 \n0 1 2 1,2,{see}\n1 2 1 0.5,0.25,{bee}\n1 3 2 1,1,{begun('S', 'IY')}\n2\n3\n\n"
    stand_ins(folder / "bin", folder / "said", lattice)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    kaldi_decode(
        folder, model, graph, [folder / "000.scp"], folder / "out",
        KaldiDecodeOptions(jobs=1, **options),
    )  # fmt: skip
    return list(read_decoded(folder / "out")), (folder / "said").read_text()


def test_lattices_of_kaldis_decoder_become_what_every_decoder_writes(
    graph: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (first, second), said = decoded(graph, model, tmp_path, monkeypatch, acoustic_scale=0.5)
    assert second == Decoded("u2", ()) and first.transcript == "SEE BEE"
    assert [(w.start, w.length) for w in first.words] == [(6, 12), (18, 12)]  # three frames a row
    see, bee = (w.confidence for w in first.words)
    assert see == 1 and bee == pytest.approx(1 / (1 + math.exp(-1.25)), abs=1e-3)
    assert [(one.words, one.score) for one in first.alternatives] == [
        (("SEE", "BEE"), -3.75), (("SEE", "SEE"), -5.0),
    ]  # fmt: skip
    assert read_decoder(tmp_path / "out").decoder == "kaldi"
    assert "wer" in (tmp_path / "out" / "wer.csv").read_text()
    assert "--beam=15.0 --max-active=7000 --lattice-beam=8.0 --acoustic-scale=0.5" in said
    assert "lattice-scale --acoustic-scale=0.5" in said and "arpa" not in said
    assert not list((tmp_path / "out").glob("**/*.gz"))


def test_lattices_are_rescored_with_the_larger_model_in_place_of_the_graphs(
    graph: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "big.arpa").write_text(ARPA)
    options = {"rescore_arpa": tmp_path / "big.arpa"}
    found, said = decoded(graph, model, tmp_path, monkeypatch, **options)
    assert found[0].transcript == "SEE BEE"
    made = [line for line in said.splitlines() if line.startswith("arpa-to")]
    assert len(made) == 2 and all(
        "--bos-symbol=5 --eos-symbol=6 --unk-symbol=-1" in m for m in made
    )
    old, new = sorted(line for line in said.splitlines() if line.startswith("lattice-lm"))
    assert "--lm-scale=-1.0" in old and "/old.carpa" in old
    assert "scale" not in new and new.endswith("ark,t:-") and "/new.carpa" in new


def test_a_graph_of_another_tree_is_refused(graph: Path, model: Path, tmp_path: Path):
    (graph / "pdfs.int").write_text("-1\n0\n1\n")
    (tmp_path / "text").write_text("u1 SEE\n")
    (tmp_path / "utt2spk").write_text("u1 a\n")
    (tmp_path / "spk2utt").write_text("a u1\n")
    (tmp_path / "wav.scp").write_text("u1 1.wav\n")
    with pytest.raises(InputError, match=r"g: made with another tree than .*final\.mdl"):
        kaldi_decode(tmp_path, model, graph, [], tmp_path / "out")
