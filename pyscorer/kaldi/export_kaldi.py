"""Stages `export_kaldi` and `kaldi_network`: networks as Kaldi's programs and Vosk read them."""

import logging
from pathlib import Path
from typing import Any, Literal, cast

import torch

from pyscorer.chain.acoustic_model import load_model, need_chain_output
from pyscorer.chain.tdnnf import SIZES, Tdnnf, TdnnfConfig
from pyscorer.chain.tree import read_tree
from pyscorer.contract.files import atomic_directory
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import pdf_owners
from pyscorer.kaldi.nnet3 import write_nnet3
from pyscorer.kaldi.nnet3_inputs import with_dropout, with_ivectors
from pyscorer.kaldi.nnet3_tdnnf import nnet3_from_tdnnf
from pyscorer.kaldi.stream import KaldiReader
from pyscorer.kaldi.transition_model import chain_transition_model, read_transition_model
from pyscorer.kaldi.tree_file import write_kaldi_tree

log = logging.getLogger(__name__)

MFCC_CONF = """--use-energy=false
--dither=0
--sample-frequency=16000
--num-mel-bins=40
--num-ceps=40
--low-freq=20
--high-freq=-400
"""
"""Options of compute-mfcc-feats that give what the stage `features` (kind mfcc40) computes."""


def export_kaldi(model: Path, graphs: Path, out: Path) -> None:
    """Write a trained network as Kaldi's files.

    `model` is the `final.pt` of train_tdnnf, `graphs` the directory of chain_graphs that it was
    trained with. Writes `out/final.mdl` (transition model and network, binary), `out/tree`,
    `out/phones.txt`, `out/mfcc.conf` (compute-mfcc-feats) and `out/frame_subsampling_factor`. The
    network's input is MFCC-40 with the mean of the utterance removed:

        compute-mfcc-feats --config=mfcc.conf scp:wav.scp ark:- |
          apply-cmvn --norm-vars=false scp:cmvn.scp ark:- ark:- |
          nnet3-compute --frame-subsampling-factor=3 final.mdl ark:- ark:output.ark

    with cmvn.scp of compute-cmvn-stats, one entry an utterance. Raises InputError if the tree is
    not the network's, or the network has no chain output.
    """
    trained, tree = load_model(model), read_tree(graphs / "tree.json")
    need_chain_output(trained, model, "export_kaldi")
    transitions = chain_transition_model(tree)
    nnet = nnet3_from_tdnnf(trained.network, transitions, model)
    owners = pdf_owners(graphs / "tree.json", transitions, tree.phones)
    if owners.tolist() != trained.pdf_to_phone.tolist():
        raise InputError(
            f"{graphs / 'tree.json'}: its pdfs belong to other phones than those of {model}: the "
            "network was trained with another tree"
        )
    with atomic_directory(out) as part:
        write_nnet3(part / "final.mdl", nnet)
        write_kaldi_tree(part / "tree", tree)
        phones = "".join(f"{phone} {i}\n" for i, phone in enumerate(tree.phones))
        (part / "phones.txt").write_text(phones)
        (part / "mfcc.conf").write_text(MFCC_CONF)
        (part / "frame_subsampling_factor").write_text("3\n")
    log.info("%s: %d pdfs, %d transitions", out, transitions.num_pdfs, len(transitions.log_probs))


def kaldi_network(
    transitions: Path,
    out: Path,
    network: Literal["paper", "medium", "small"] = "paper",
    seed: int = 0,
    dropout: bool = False,
    ivector_dim: int = 0,
) -> None:
    """Write an untrained network for nnet3-chain-train, as train_tdnnf begins with.

    `transitions` is the transition model of the chain system (copy-transition-model), whose number
    of pdfs the network gets. `dropout`: a component for it after each factored layer, with
    proportion 0. `ivector_dim`: i-vectors of this dimension go into the first layer beside the
    features; 0: none. Writes a raw nnet3 network to `out`.
    """
    pdfs = read_transition_model(KaldiReader(transitions)).num_pdfs
    torch.manual_seed(seed)
    made = Tdnnf(TdnnfConfig(pdfs, **cast(dict[str, Any], SIZES[network])))
    nnet = nnet3_from_tdnnf(made, None)
    if ivector_dim:
        nnet = with_ivectors(nnet, ivector_dim)
    write_nnet3(out, with_dropout(nnet) if dropout else nnet)
