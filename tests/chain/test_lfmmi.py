"""The LF-MMI loss: against Kaldi's own values, brute force, and finite differences."""

import gzip
import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.chain.denominator import (
    DenominatorGraph,
    denominator_forward_backward,
    initial_probabilities,
)
from pyscorer.chain.fst import Acceptor, write_fst
from pyscorer.chain.lfmmi import lfmmi_loss, numerator_forward_backward
from pyscorer.chain.supervision import NumeratorGraph, batch_numerators
from pyscorer.errors import InputError

NUM_PDFS = 3


def random_graph(rng: np.random.Generator, states: int = 3) -> Acceptor:
    """A connected graph with several arcs into each state, some of equal pdf, some parallel."""
    source, destination = np.divmod(np.arange(states * states), states)
    extra = rng.integers(0, states, (2, states))
    source, destination = np.append(source, extra[0]), np.append(destination, extra[1])
    label = rng.integers(1, NUM_PDFS + 1, len(source))
    return Acceptor(
        0, source, destination, label, np.log(rng.uniform(0.05, 0.4, len(source))), np.zeros(states)
    )


def random_numerator(rng: np.random.Generator, frames: int) -> NumeratorGraph:
    """Two states a frame, all arcs between neighbouring frames with random pdfs and weights."""
    layers = [[0]] + [[2 * t + 1, 2 * t + 2] for t in range(frames)]
    arcs = [(t, a, b) for t in range(frames) for a in layers[t] for b in layers[t + 1]]
    frame, source, destination = np.array(arcs).T
    final = np.full(2 * frames + 1, -np.inf)
    final[layers[-1]] = rng.normal(size=2)
    pdf = rng.integers(0, NUM_PDFS, len(arcs))
    return NumeratorGraph(
        frames, frame, source, destination, pdf, rng.normal(size=len(arcs)), final
    )


def numerator_by_enumeration(graph: NumeratorGraph, output: np.ndarray) -> float:
    by_frame = [np.flatnonzero(graph.frame == t) for t in range(graph.frames)]
    total = 0.0
    for path in itertools.product(*by_frame):
        state, score = 0, 0.0
        for t, arc in enumerate(path):
            if graph.source[arc] != state:
                break
            state, score = graph.destination[arc], score + graph.weight[arc]
            score += output[t, graph.pdf[arc]]
        else:
            total += np.exp(score + graph.final[state])
    return float(np.log(total))


def denominator_by_enumeration(graph: Acceptor, output: np.ndarray, leaky: float) -> float:
    """Sum over every path: before the first and after every frame it may leap to any state."""
    initial = initial_probabilities(graph)
    arcs = list(
        zip(graph.source, graph.destination, graph.label, np.exp(graph.weight), strict=True)
    )
    leaps = [None, *range(graph.num_states)]

    def walk(state: int, t: int) -> float:
        total = 0.0
        for leap in leaps:
            here = state if leap is None else leap
            factor = 1.0 if leap is None else leaky * initial[leap]
            if t == len(output):
                total += factor
                continue
            total += factor * sum(
                p * np.exp(output[t, label - 1]) * walk(end, t + 1)
                for start, end, label, p in arcs
                if start == here
            )
        return total

    return float(np.log(sum(initial[s] * walk(s, 0) for s in range(graph.num_states))))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("leaky", [0.1, 1e-5])
def test_denominator_is_the_sum_over_all_paths(seed: int, leaky: float) -> None:
    rng = np.random.default_rng(seed)
    graph, output = random_graph(rng), rng.normal(size=(3, NUM_PDFS))
    den = DenominatorGraph.from_acceptor(graph, NUM_PDFS, torch.float64)
    log_probability, _, ok = denominator_forward_backward(torch.tensor(output)[None], den, leaky)
    assert ok.all()
    expected = denominator_by_enumeration(graph, output, leaky)
    assert log_probability.item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_numerator_is_the_sum_over_all_paths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph, output = random_numerator(rng, 4), rng.normal(size=(4, NUM_PDFS))
    log_probability, posterior = numerator_forward_backward(
        torch.tensor(output)[None], batch_numerators([graph])
    )
    expected = numerator_by_enumeration(graph, output)
    assert log_probability.item() == pytest.approx(expected, rel=1e-10)
    assert posterior.sum(2) == pytest.approx(1.0)


def small_problem(
    seed: int, sequences: int = 3, frames: int = 4
) -> tuple[torch.Tensor, list[NumeratorGraph], DenominatorGraph]:
    rng = np.random.default_rng(seed)
    output = torch.tensor(rng.normal(size=(sequences, frames, NUM_PDFS)), requires_grad=True)
    numerators = [random_numerator(rng, frames) for _ in range(sequences)]
    den = DenominatorGraph.from_acceptor(random_graph(rng, 4), NUM_PDFS, torch.float64)
    return output, numerators, den


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("leaky", [0.1, 1e-5])
def test_gradient_agrees_with_finite_differences(seed: int, leaky: float) -> None:
    output, numerators, den = small_problem(seed)
    batch = batch_numerators(numerators)
    assert torch.autograd.gradcheck(
        lambda y: lfmmi_loss(y, batch, den, leaky, l2_regularize=0.01).objective, (output,)
    )


def test_a_batch_is_its_sequences_one_by_one() -> None:
    output, numerators, den = small_problem(0)
    together = lfmmi_loss(output, batch_numerators(numerators), den)
    together.objective.backward()
    assert output.grad is not None
    for b, graph in enumerate(numerators):
        alone = output[b : b + 1].detach().requires_grad_()
        result = lfmmi_loss(alone, batch_numerators([graph]), den)
        result.objective.backward()
        assert alone.grad is not None
        assert together.numerator[b].item() == pytest.approx(result.numerator.item())
        assert together.denominator[b].item() == pytest.approx(result.denominator.item())
        assert torch.allclose(output.grad[b], alone.grad[0])
        assert torch.allclose(together.posterior[b], result.posterior[0])


def test_without_gradient_the_values_are_the_same() -> None:
    output, numerators, den = small_problem(1)
    batch = batch_numerators(numerators)
    assert torch.equal(
        lfmmi_loss(output.detach(), batch, den).per_sequence,
        lfmmi_loss(output, batch, den).per_sequence,
    )


def test_a_constant_added_to_a_frame_changes_nothing() -> None:
    output, numerators, den = small_problem(2)
    batch = batch_numerators(numerators)
    before = lfmmi_loss(output.detach(), batch, den)
    shifted = output.detach() + torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)[:, None]
    after = lfmmi_loss(shifted, batch, den)
    assert torch.allclose(after.per_sequence, before.per_sequence)
    assert torch.allclose(after.numerator, before.numerator + 2.5)


def test_a_sequence_with_nan_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    output, numerators, den = small_problem(3)
    spoilt = output.detach().clone()
    spoilt[1, 2, 0] = torch.nan
    spoilt.requires_grad_()
    with caplog.at_level(logging.WARNING):
        result = lfmmi_loss(spoilt, batch_numerators(numerators), den)
    result.objective.backward()
    assert "1 of 3 sequences" in caplog.text
    assert result.ok.tolist() == [True, False, True]
    assert result.per_sequence[1] == -10 * 4
    assert spoilt.grad is not None and torch.isfinite(spoilt.grad).all()
    assert (spoilt.grad[1] == 0).all() and (result.posterior[1] == 0).all()
    untouched = lfmmi_loss(output, batch_numerators(numerators), den)
    assert torch.equal(result.per_sequence[::2], untouched.per_sequence[::2])


def test_outputs_beyond_30_are_pulled_back() -> None:
    output, numerators, den = small_problem(4, sequences=1)
    batch = batch_numerators(numerators)
    far = output.detach().clone()
    far[0, 1, 2], far[0, 3, 0] = 35.0, -32.0
    gradients = []
    for scale in (0.0, 0.01):
        y = far.clone().requires_grad_()
        lfmmi_loss(y, batch, den, out_of_range_regularize=scale).objective.backward()
        assert y.grad is not None
        gradients.append(y.grad)
    expected = torch.zeros_like(far)
    expected[0, 1, 2], expected[0, 3, 0] = -0.05, 0.02
    assert torch.allclose(gradients[1] - gradients[0], expected)


def test_the_denominator_clips_outputs_at_30() -> None:
    output, _, den = small_problem(5, sequences=1)
    far = output.detach().clone()
    far[0, 0, 0] = 50.0
    near = far.clamp(-30, 30)
    values = [denominator_forward_backward(y, den, 0.1)[0] for y in (far, near)]
    assert torch.equal(*values)


def test_initial_probabilities_of_a_cycle_are_even() -> None:
    none = np.full(2, -np.inf)
    cycle = Acceptor(0, np.array([0, 1]), np.array([1, 0]), np.array([1, 2]), np.zeros(2), none)
    assert initial_probabilities(cycle) == pytest.approx([0.5, 0.5])
    chain = Acceptor(0, np.array([0, 1]), np.array([1, 1]), np.array([1, 2]), np.zeros(2), none)
    assert initial_probabilities(chain) == pytest.approx([0.01, 0.99])


def test_shapes_that_do_not_fit_are_refused() -> None:
    output, numerators, den = small_problem(6)
    batch = batch_numerators(numerators)
    with pytest.raises(InputError, match=r"shape \(3, 3, 3\), graphs want \(3, 4, 3\)"):
        lfmmi_loss(output[:, :3], batch, den)
    with pytest.raises(InputError, match="leaky"):
        lfmmi_loss(output, batch, den, leaky=0.0)


def test_a_graph_of_another_tree_is_refused(tmp_path: Path) -> None:
    write_fst(tmp_path / "den.fst", random_graph(np.random.default_rng(0)))
    with pytest.raises(InputError, match=r"den.fst: label 3 is not a pdf \+ 1 of a tree with 2"):
        DenominatorGraph.from_fst(tmp_path / "den.fst", 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_agrees_with_cpu() -> None:
    output, numerators, den = small_problem(7)
    batch = batch_numerators(numerators)
    here = lfmmi_loss(output, batch, den)
    there = lfmmi_loss(output.detach().cuda(), batch.to("cuda"), den.to("cuda"))
    assert torch.allclose(here.per_sequence, there.per_sequence.cpu())


def read_text_egs(path: Path) -> Iterator[tuple[str, NumeratorGraph]]:
    """The supervision FSTs of nnet3-chain-copy-egs's text form."""
    key, lines, frames = "", None, 0
    with gzip.open(path, "rt") as stream:
        for line in stream:
            if "<Nnet3ChainEg>" in line:
                key = line.split("<Nnet3ChainEg>")[0].split()[-1]
            if "<Supervision>" in line:
                frames, lines = int(line.split("<FramesPerSeq>")[1].split()[0]), []
            elif "</Supervision>" in line:
                assert lines is not None
                yield key, graph_of_lines(lines, frames)
                lines = None
            elif lines is not None and line.strip():
                lines.append(line.split())


def graph_of_lines(lines: list[list[str]], frames: int) -> NumeratorGraph:
    """Lines `source destination label label [cost]` and `state [cost]`; states in order of time."""
    arcs = [line for line in lines if len(line) > 2]
    source, destination, label = (np.array([int(a[i]) for a in arcs]) for i in range(3))
    weight = np.array([-float(a[4]) if len(a) > 4 else 0.0 for a in arcs])
    time = np.zeros(max(destination) + 1, dtype=int)
    for a, b in zip(source, destination, strict=True):
        time[b] = time[a] + 1
    final = np.full(len(time), -np.inf)
    for line in lines:
        if len(line) <= 2:
            final[int(line[0])] = -float(line[1]) if len(line) == 2 else 0.0
    order = np.argsort(time[source], kind="stable")
    columns = (time[source], source, destination, label - 1, weight)
    return NumeratorGraph(frames, *(column[order] for column in columns), final)


@pytest.mark.parametrize("leaky", ["0.1", "1e-05"])
def test_values_and_derivatives_are_kaldis(conformance: Path, leaky: str) -> None:
    from pyscorer.contract.archives import kaldi_io

    folder = conformance / "d_lfmmi"
    den = DenominatorGraph.from_fst(folder / "den.fst", 248)
    outputs, num_derivs, derivs = (
        dict(kaldi_io.read_mat_ark(str(folder / name)))
        for name in ("nnet_output.ark", "num_deriv.ark", "total_deriv.ark")
    )
    golden = {}
    for line in (folder / f"objf_leaky{leaky}.txt").read_text().splitlines()[1:]:
        key, *numbers = line.split()
        golden[key] = [float(number) for number in numbers]
    graphs = dict(read_text_egs(folder / "egs16.txt.gz"))
    assert len(golden) == 16 and set(golden) == set(graphs)
    for key, graph in graphs.items():
        output = torch.tensor(outputs[key])[None].requires_grad_()
        result = lfmmi_loss(
            output, batch_numerators([graph]), den, float(leaky), out_of_range_regularize=0.0
        )
        _, frames, numerator, denominator, objective, per_frame, _ = golden[key]
        assert result.frames == frames
        assert result.numerator.item() == pytest.approx(numerator, rel=1e-4)
        assert result.denominator.item() == pytest.approx(denominator, rel=1e-4)
        assert result.per_sequence.item() == pytest.approx(objective, rel=1e-4)
        assert result.per_sequence.item() / frames == pytest.approx(per_frame, rel=1e-4)
        np.testing.assert_allclose(result.posterior[0], num_derivs[key], rtol=0, atol=1e-3)
        if leaky == "0.1":  # the golden derivatives' coefficient
            result.objective.backward()
            assert output.grad is not None
            np.testing.assert_allclose(output.grad[0], derivs[key], rtol=0, atol=1e-3)
