import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.chain.acoustic_model import AcousticModel, embed_features, load_model, save_model
from pyscorer.chain.egs import Examples
from pyscorer.chain.objectives import cross_entropy
from pyscorer.chain.orthonormal import orthonormal_weights
from pyscorer.chain.tdnnf import SIZES, Tdnnf, TdnnfConfig
from pyscorer.chain.tree import monophone_tree, pdf_to_phone, write_tree
from pyscorer.contract.archives import write_archive
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError
from pyscorer.feedback.likeness import phone_scores
from pyscorer.kaldi.export_kaldi import export_kaldi
from pyscorer.recognition.decode import DecodeOptions, decode

SMALL = TdnnfConfig(num_pdfs=3, **SIZES["small"], chain_output=False)  # type: ignore[arg-type]


def network(seed: int = 0, **changes: object) -> Tdnnf:
    torch.manual_seed(seed)
    made = Tdnnf(replace(SMALL, **changes)).eval()  # type: ignore[arg-type]
    torch.nn.init.normal_(made.output_xent.affine.weight, std=0.1)
    return made


def examples(made: Tdnnf, labels: list[list[int]]) -> Examples:
    frames = 3 * (len(labels[0]) - 1) + 1 + 2 * made.context
    features = np.random.default_rng(0).normal(size=(len(labels), frames, 40))
    return Examples(features.astype(np.float32), [], 3 * len(labels[0]), np.array(labels))


def test_the_loss_is_the_mean_negative_log_posterior_of_the_labels():
    made, labels = network(), [[0, 2], [1, 1]]
    given = examples(made, labels)
    reached = cross_entropy(made, given, None)
    with torch.no_grad():
        posteriors = made.log_posteriors(made.embed(torch.from_numpy(given.features))).exp()
    wanted = [math.log(float(posteriors[b, t, labels[b][t]])) for b in (0, 1) for t in (0, 1)]
    assert float(reached.loss.detach()) == pytest.approx(-sum(wanted) / 4, rel=1e-5)
    assert reached.objective == reached.xent == pytest.approx(sum(wanted), rel=1e-5)
    assert reached.frames == 4


def test_a_network_that_knows_nothing_loses_the_logarithm_of_the_number_of_pdfs():
    made = network()
    torch.nn.init.zeros_(made.output_xent.affine.weight)
    loss = cross_entropy(made, examples(made, [[0, 2]]), None).loss
    assert float(loss.detach()) == pytest.approx(math.log(3), rel=1e-6)


def test_the_gradient_at_the_output_is_posterior_less_label():
    made, labels = network(), [[0, 2, 1]]
    given = examples(made, labels)
    cross_entropy(made, given, None).loss.backward()
    with torch.no_grad():
        posteriors = made.log_posteriors(made.embed(torch.from_numpy(given.features))).exp()[0]
    wanted = (posteriors - torch.eye(3)[labels[0]]).mean(dim=0)
    torch.testing.assert_close(made.output_xent.affine.bias.grad, wanted)


def test_the_gradient_reaches_the_first_layer_as_differences_say():
    made = network()
    given = examples(made, [[0, 2, 1]])
    cross_entropy(made, given, None).loss.backward()
    weight = made.tdnn1.affine.weight
    place = np.unravel_index(int(weight.grad.abs().argmax()), weight.shape)
    losses = []
    for step in (1e-2, -1e-2):
        with torch.no_grad():
            weight[place] += step
            losses.append(float(cross_entropy(made, given, None).loss))
            weight[place] -= step
    assert (losses[0] - losses[1]) / 2e-2 == pytest.approx(float(weight.grad[place]), rel=0.05)


def test_it_has_no_chain_branch_and_all_else():
    both, alone = Tdnnf(replace(SMALL, chain_output=True)), Tdnnf(SMALL)
    branch = set(both.state_dict()) - set(alone.state_dict())
    assert {name.split(".")[0] for name in branch} == {"prefinal_chain", "output"}
    assert set(alone.state_dict()) < set(both.state_dict())
    assert len(orthonormal_weights(alone)) == len(orthonormal_weights(both)) - 1


def test_it_is_saved_and_gives_the_outputs_that_scoring_reads(tmp_path: Path):
    made = network(num_pdfs=len(pdf_to_phone(monophone_tree(PHONES))))
    save_model(tmp_path / "final.pt", AcousticModel(made, pdf_to_phone(monophone_tree(PHONES))))
    model = load_model(tmp_path / "final.pt")
    features = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)
    deep, posteriors = embed_features(model, features)
    assert deep.shape == (17, 256)
    assert np.exp(posteriors).sum(axis=1) == pytest.approx(np.ones(17), abs=1e-4)
    scores = phone_scores(model, deep)  # of each phone its likelier pdf's, so no more than both
    assert (scores <= posteriors + 1e-5).all()
    assert (scores >= posteriors - math.log(2) - 1e-5).all()


def test_it_is_not_exported_to_kaldi(tmp_path: Path):
    tree = monophone_tree(PHONES)
    save_model(
        tmp_path / "final.pt", AcousticModel(network(num_pdfs=tree.num_pdfs), pdf_to_phone(tree))
    )
    (tmp_path / "graphs").mkdir()
    write_tree(tmp_path / "graphs" / "tree.json", tree)
    with pytest.raises(InputError, match="no chain output, which export_kaldi needs"):
        export_kaldi(tmp_path / "final.pt", tmp_path / "graphs", tmp_path / "out")


def test_it_does_not_decode(tmp_path: Path):
    data = DataDir({"u": Utterance("u", "s", Path("none.wav"), ("A",))})
    write_data_dir(tmp_path / "data", data)
    write_archive(tmp_path / "feats" / "feats.scp", [("u", np.zeros((9, 40)))])
    owners = pdf_to_phone(monophone_tree(PHONES))
    save_model(tmp_path / "final.pt", AcousticModel(network(num_pdfs=len(owners)), owners))
    given = (tmp_path / "data", tmp_path / "feats", tmp_path / "final.pt", tmp_path / "graph")
    with pytest.raises(InputError, match="no chain output, which decode needs: train another with"):
        decode(*given, tmp_path / "out", DecodeOptions(jobs=1))
