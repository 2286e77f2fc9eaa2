from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.chain.orthonormal import constrain_orthonormal, orthonormal_weights
from pyscorer.chain.tdnnf import SIZES, Tdnnf, TdnnfConfig, pad_edges
from pyscorer.chain.tdnnf_layers import TdnnfLayer, idct_matrix
from pyscorer.contract.archives import kaldi_io
from pyscorer.kaldi.nnet3 import read_nnet3
from pyscorer.kaldi.nnet3_tdnnf import tdnnf_from_nnet3

TINY = TdnnfConfig(
    num_pdfs=5,
    dim=12,
    bottleneck=4,
    time_strides=(1, 1, 0, 3, 3),
    embedding_dim=6,
    prefinal_dim=10,
    prefinal_bottleneck=7,
)


def archive(path: Path) -> dict[str, np.ndarray]:
    return dict(kaldi_io.read_mat_ark(str(path)))


@pytest.fixture(scope="module")
def kaldi_model(conformance: Path) -> Tdnnf:
    return tdnnf_from_nnet3(read_nnet3(conformance / "e_tdnnf" / "final.mdl"))


def test_the_conformance_network_has_kaldis_number_of_parameters():
    """network.xconfig: 10 factored layers of 512/80, 248 pdfs; nnet3-info says 2,407,408."""
    assert Tdnnf(TdnnfConfig(num_pdfs=248, **SIZES["medium"])).num_parameters() == 2_407_408


def test_default_network_has_the_papers_size():
    """The paper's has 8,165,047 parameters with an unpublished number of pdfs."""
    assert abs(Tdnnf(TdnnfConfig(num_pdfs=250)).num_parameters() / 8_165_047 - 1) < 0.005


@pytest.mark.parametrize("node", ["output", "output_xent", "prefinal_l"])
def test_outputs_equal_kaldis(conformance: Path, kaldi_model: Tdnnf, node: str):
    expected = archive(conformance / "e_tdnnf" / f"{node}.ark")
    for key, features in archive(conformance / "e_tdnnf" / "feats.ark").items():
        with torch.no_grad():
            x = pad_edges(torch.tensor(features), kaldi_model.context)[None]
            embedding = kaldi_model.embed(x)
            result = {
                "output": kaldi_model.chain,
                "output_xent": kaldi_model.log_posteriors,
                "prefinal_l": torch.nn.Identity(),
            }[node](embedding)[0]
        assert result.shape == (-(-len(features) // 3), expected[key].shape[1])
        np.testing.assert_allclose(result, expected[key], atol=1e-3)


def test_full_rate_output_equals_kaldis(conformance: Path, kaldi_model: Tdnnf):
    ((key, expected),) = archive(conformance / "e_tdnnf" / "output_fullrate.ark").items()
    features = archive(conformance / "e_tdnnf" / "feats.ark")[key]
    with torch.no_grad():
        chain, _ = kaldi_model(pad_edges(torch.tensor(features), kaldi_model.context)[None], 1)
    np.testing.assert_allclose(chain[0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("module", "node"),
    [("tdnn1", "tdnn1.batchnorm"), ("tdnnf2", "tdnnf2.noop"), ("tdnnf5", "tdnnf5.noop")],
)
def test_inner_nodes_equal_kaldis(conformance: Path, kaldi_model: Tdnnf, module: str, node: str):
    ((key, expected),) = archive(conformance / "e_tdnnf" / f"mid_{node}.ark").items()
    features = archive(conformance / "e_tdnnf" / "feats.ark")[key]
    seen: list[torch.Tensor] = []
    hook = kaldi_model.get_submodule(module).register_forward_hook(
        lambda _module, _input, output: seen.append(output)
    )
    with torch.no_grad():
        kaldi_model.embed(pad_edges(torch.tensor(features), kaldi_model.context)[None], 1)
    hook.remove()
    margin = (seen[0].shape[1] - len(features)) // 2
    np.testing.assert_allclose(
        seen[0][0, margin : margin + len(features)][::3], expected, atol=1e-3
    )


def test_idct_equals_kaldis_idct_layer(kaldi_model: Tdnnf):
    torch.testing.assert_close(idct_matrix(40), kaldi_model.idct.weight.data, atol=1e-5, rtol=0)


def test_subsampled_outputs_are_every_third_of_the_full_rate():
    torch.manual_seed(1)
    model = randomised(TINY).eval()
    x = torch.randn(2, 2 * model.context + 31, 40)
    for full, sub in zip(model(x, 1), model(x, 3), strict=True):
        assert sub.shape[1] == 11
        torch.testing.assert_close(sub, full[:, ::3])


def test_an_output_depends_on_its_context_and_on_nothing_else():
    torch.manual_seed(1)
    model = randomised(TINY).eval()
    assert model.context == 9
    x = torch.randn(1, 2 * 9 + 1 + 3, 40, requires_grad=True)
    chain, _ = model(x, 3)
    chain[0, 0].sum().backward()
    reached = x.grad.abs().sum(dim=2)[0] > 0
    assert reached.tolist() == [True] * 19 + [False] * 3


@pytest.mark.parametrize(("stride", "step_in", "step_out"), [(1, 1, 1), (1, 1, 3), (3, 3, 3)])
def test_gradients_are_those_of_finite_differences(stride: int, step_in: int, step_out: int):
    torch.manual_seed(1)
    layer = TdnnfLayer(3, 2, stride, 0.66).double().eval()
    x = torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True)
    weight = layer.linear.weight.detach().clone().requires_grad_()

    def run(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"linear.weight": weight}, (x, step_in, step_out))

    assert torch.autograd.gradcheck(run, (x, weight))


def test_too_short_input_is_refused():
    with pytest.raises(ValueError, match="needs 19"):
        Tdnnf(TINY).embed(torch.zeros(1, 18, 40))


def test_dropout_mask_is_shared_by_all_frames_and_absent_in_evaluation():
    torch.manual_seed(1)
    layer = Tdnnf(TINY).factored[2]
    x = torch.randn(3, 20, 12)
    plain = layer(x, 3, 3)
    layer.dropout = 0.25
    dropped = layer(x, 3, 3)
    mask = (dropped - 0.66 * x) / (plain - 0.66 * x)
    torch.testing.assert_close(mask, mask[:, :1].expand_as(mask), atol=1e-3, rtol=1e-3)
    assert mask.min() >= 0.5 and mask.max() <= 1.5
    assert mask[:, 0].flatten().unique().numel() == 36
    layer.eval()
    torch.testing.assert_close(layer(x, 3, 3), layer(x, 3, 3))


def test_orthonormal_constraint_converges_to_a_scaled_semi_orthogonal_matrix():
    torch.manual_seed(1)
    for shape in ((8, 30), (30, 8)):
        weight = torch.randn(shape)
        size = weight.norm()
        for _ in range(200):
            constrain_orthonormal(weight)
        gram = weight @ weight.t() if shape[0] < shape[1] else weight.t() @ weight
        torch.testing.assert_close(gram / gram[0, 0], torch.eye(8), atol=1e-4, rtol=0)
        # the scale floats: it stays where the matrix was
        assert 0.7 < weight.norm() / size < 1.4


def test_one_orthonormal_step_by_hand():
    """M = diag(1, 2): P = diag(1, 4), alpha^2 = 17/5, ratio 17 x 2 / 25 = 1.36, nu = 1/32."""
    weight = torch.diag(torch.tensor([1.0, 2.0]))
    constrain_orthonormal(weight)
    expected = [1 - 0.125 / 3.4 * (1 - 3.4), 2 - 0.125 / 3.4 * (4 - 3.4) * 2]
    torch.testing.assert_close(weight, torch.diag(torch.tensor(expected)))


def test_constrained_matrices_are_those_of_the_xconfig():
    """One for each factored layer, prefinal-l, and the linear of both prefinal layers."""
    assert len(orthonormal_weights(Tdnnf(TINY))) == 5 + 3


def test_edges_are_repeated():
    padded = pad_edges(torch.tensor([[1.0], [2.0], [3.0]]), 2)
    assert padded[:, 0].tolist() == [1, 1, 1, 2, 3, 3, 3]


def randomised(config: TdnnfConfig) -> Tdnnf:
    """A network whose output layers are not zero."""
    model = Tdnnf(config)
    for head in (model.output, model.output_xent):
        torch.nn.init.normal_(head.affine.weight)
    return model
