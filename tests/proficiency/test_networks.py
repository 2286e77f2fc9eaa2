"""Networks, loss, pseudo-joint, mixture and memory against straightforward counterparts."""

import numpy as np
import pytest
import torch

from pyscorer.proficiency.combine import apply_temperature, pseudo_joint, remember, temperature
from pyscorer.proficiency.loss import expert_loss
from pyscorer.proficiency.mixture import apply_gate, gate_sizes, mix
from pyscorer.proficiency.networks import BatchedLstm, Network


def test_a_batched_lstm_is_torchs_lstm_for_each_member():
    torch.manual_seed(0)
    ours = BatchedLstm(2, 3, 5)
    x, lengths = torch.randn(2, 4, 6, 3), torch.tensor([[6, 2, 1, 4], [3, 6, 5, 1]])
    states = ours(x, lengths)
    for m in range(2):
        theirs = torch.nn.LSTM(3, 5, batch_first=True)
        with torch.no_grad():
            theirs.weight_ih_l0.copy_(ours.input.weight[m].T)
            theirs.weight_hh_l0.copy_(ours.recurrent[m].T)
            theirs.bias_ih_l0.copy_(ours.input.bias[m, 0])
            theirs.bias_hh_l0.zero_()
        for b in range(4):
            expected = theirs(x[m, b : b + 1, : lengths[m, b]])[1][0][0, 0]
            assert torch.allclose(states[m, b], expected, atol=1e-6)


def test_members_do_not_touch_each_other():
    torch.manual_seed(0)
    network = Network(3, (4, 6, 4))
    outputs = network(torch.randn(3, 5, 4))
    assert torch.allclose(outputs.sum(-1), torch.ones(3, 5))
    outputs[1].square().sum().backward()
    gradient = network.layers[0].weight.grad
    assert gradient[1].abs().sum() > 0 and gradient[[0, 2]].abs().sum() == 0


def test_loss_of_gross_false_accepts_is_three_times_the_squared_error():
    outputs = torch.tensor([[[0.7, 0.1, 0.1, 0.1], [0.2, 0.1, 0.1, 0.6]]], dtype=torch.float64)
    weights = torch.ones(1, 2, dtype=torch.float64)
    first = (0.7**2 + 0.1**2 + 0.1**2 + 0.9**2) / 4
    second = (0.2**2 + 0.1**2 + 0.1**2 + 0.4**2) / 4
    gross = torch.tensor([[3, 3]])
    assert expert_loss(outputs, gross, weights, gross=(1, 3)).item() == pytest.approx(
        (3 * first + second) / 2
    )
    assert expert_loss(outputs, gross, weights, 1.0, (1, 3)).item() == pytest.approx(
        (first + second) / 2
    )
    plain = torch.tensor([[2, 2]])
    unweighted = expert_loss(outputs, plain, weights, 1.0, (1, 3))
    assert expert_loss(outputs, plain, weights, 3.0, (1, 3)).item() == pytest.approx(
        unweighted.item()
    )


def test_loss_gradient_checks_and_weights_are_repetitions():
    torch.manual_seed(0)
    logits = torch.randn(2, 6, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 4, (2, 6))
    weights = torch.rand(2, 6, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda z: expert_loss(torch.softmax(z, -1), labels, weights, gross=(1, 3)), (logits,)
    )
    outputs = torch.softmax(logits[:1, :2], -1).detach()
    twice = torch.cat([outputs[:, :1], outputs], dim=1)
    labels = torch.tensor([[3, 0]])
    one = expert_loss(outputs, labels, torch.tensor([[2.0, 1.0]]))
    two = expert_loss(twice, torch.tensor([[3, 3, 0]]), torch.ones(1, 3))
    assert one.item() == pytest.approx(two.item())


def test_pseudo_joint_is_the_product_over_priors():
    priors = np.array([0.4, 0.3, 0.2, 0.1])
    a, b = np.array([[0.5, 0.2, 0.2, 0.1]]), np.array([[0.25, 0.25, 0.25, 0.25]])
    expected = a * b / priors
    assert pseudo_joint([a, b], priors) == pytest.approx(expected / expected.sum())
    assert pseudo_joint([a], priors) == pytest.approx(a)
    assert pseudo_joint([priors[None]] * 5, priors) == pytest.approx(priors[None])
    tiny = np.array([[1.0, 0, 0, 0]])
    assert np.isfinite(pseudo_joint([tiny] * 200, priors)).all()
    with pytest.raises(ValueError, match="at least one"):
        pseudo_joint([], priors)


def test_temperature_undoes_sharpening():
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.ones(4), 400)
    sharp = true**2 / (true**2).sum(1, keepdims=True)
    assert temperature(sharp, true * 100) == pytest.approx(0.5, abs=0.03)
    assert apply_temperature(sharp, 0.5) == pytest.approx(true, abs=0.02)


def test_memory_is_the_mean_of_a_dirichlet():
    p, counts = np.array([[0.7, 0.1, 0.1, 0.1]]), np.array([[0.0, 0, 3, 0]])
    assert remember(p, counts, 2.0) == pytest.approx(np.array([[1.4, 0.2, 3.2, 0.2]]) / 5)
    assert remember(p, 0 * counts, 2.0) == pytest.approx(p)


def test_mixture_is_the_sum_of_credits_times_outputs():
    credits = torch.tensor([[0.25, 0.5]])
    outputs = torch.tensor([[1.0, 0, 0, 0, 0, 0.5, 0, 0.5]])
    assert mix(credits, outputs).tolist() == [[0.25, 0.25, 0, 0.25]]
    assert gate_sizes(4, 4) == (16, 175, 75, 90, 50, 75, 4)
    assert gate_sizes(5, 4) == (20, 512, 126, 256, 126, 126, 5)
    gate = Network(6, gate_sizes(2, 4, [8]), sigmoid=True).eval()
    rng = np.random.default_rng(0)
    outputs = rng.dirichlet(np.ones(4), (3, 7, 2)).reshape(3, 7, 8).astype(np.float32)
    mixed, credits = apply_gate(gate, outputs)
    assert mixed.shape == (3, 2, 7, 4) and credits.shape == (3, 2, 7, 2)
    assert ((credits > 0) & (credits < 1)).all()
    by_hand = credits[1, 0, :, :1] * outputs[1, :, :4] + credits[1, 0, :, 1:] * outputs[1, :, 4:]
    assert mixed[1, 0] == pytest.approx(by_hand, abs=1e-6)
