"""Networks run as their graph says: small ones by hand, trained ones as Kaldi ran them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.alignment.features import mfcc
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig, pad_edges
from pyscorer.contract.archives import read_matrices
from pyscorer.contract.audio import read_audio
from pyscorer.errors import InputError
from pyscorer.kaldi.ivector_extractor import read_ivector_extractor
from pyscorer.kaldi.ivectors import online_ivectors
from pyscorer.kaldi.nnet3 import Component, Nnet3, read_nnet3, write_nnet3
from pyscorer.kaldi.nnet3_network import compute, context, load_network
from pyscorer.kaldi.nnet3_plan import Window
from pyscorer.kaldi.nnet3_tdnnf import nnet3_from_tdnnf, tdnnf_from_nnet3

NOOP = {"Dim": 1, "BackpropScale": 1.0}
FRAMES = np.array([1, 10, 100, 1000, 10000], dtype=np.float32)[:, None]


def network(*lines: str, dim: int = 1, components: dict[str, Component] | None = None):
    """A network of one input; a component that is not given lets its input through."""
    nodes = [line for line in lines if line.startswith("component-node")]
    names = {line.split("component=")[1].split()[0] for line in nodes}
    noop = {name: Component("NoOpComponent", dict(NOOP)) for name in names}
    config = [f"input-node name=input dim={dim}", *lines]
    return load_network(Nnet3(Path("net.mdl"), config, noop | (components or {}), None))


def output(descriptor: str, **options) -> np.ndarray:
    return compute(network(f"output-node name=output input={descriptor}"), FRAMES, **options)[
        "output"
    ]


def test_times_are_put_side_by_side_and_ends_repeated():
    found = output("Append(Offset(input, -1), input, Offset(input, 2))", subsampling=1)
    assert found[:, 0].tolist() == [1, 1, 10, 100, 1000]
    assert found[:, 2].tolist() == [100, 1000, 10000, 10000, 10000]


def test_sums_scales_and_constants():
    found = output(
        "Sum(Scale(2, input), Scale(-1, Offset(input, 1)), Const(0.5, 1))", subsampling=2
    )
    assert found[:, 0].tolist() == [2 - 10 + 0.5, 200 - 1000 + 0.5, 20000 - 10000 + 0.5]


def test_rounded_times():
    found = output("Round(input, 3)", subsampling=1)
    assert found[:, 0].tolist() == [1, 1, 1, 1000, 1000]


def test_what_is_not_defined_counts_as_nothing():
    found = output("Sum(input, IfDefined(Offset(input, -1)))", subsampling=1)
    assert found[:, 0].tolist() == [1, 11, 110, 1100, 11000]


def test_columns_of_a_node():
    net = network(
        "dim-range-node name=part input-node=input dim-offset=1 dim=2",
        "output-node name=output input=part",
        dim=4,
    )
    features = np.arange(8, dtype=np.float32).reshape(2, 4)
    assert compute(net, features, subsampling=1)["output"].tolist() == [[1, 2], [5, 6]]


@pytest.mark.parametrize(
    ("descriptor", "expected"),
    [
        ("input", (0, 0)),
        ("Append(Offset(input, -3), input)", (3, 0)),
        ("Append(Offset(input, 70), Offset(input, -2))", (2, 70)),
        ("Sum(input, IfDefined(Offset(input, -1)))", (0, 0)),
        ("Round(input, 3)", (2, 0)),
        ("Offset(input, 5)", (0, 5)),
    ],
)
def test_context_is_found_from_the_graph(descriptor: str, expected: tuple[int, int]):
    assert context(network(f"output-node name=output input={descriptor}")) == expected


def test_a_network_without_end_of_context_is_refused():
    net = network("output-node name=output input=Append(input, Offset(input, 900))")
    with pytest.raises(InputError, match="node output: it needs 800 frames"):
        context(net)


def test_context_is_what_kaldi_wrote_into_the_model(conformance: Path, korean: Path):
    for path in (conformance / "e_tdnnf" / "final.mdl", korean / "am" / "final.mdl"):
        nnet = read_nnet3(path)
        assert context(load_network(nnet)) == (nnet.left_context, nnet.right_context)


def test_only_the_times_that_the_output_needs_are_computed():
    net = network(
        "component-node name=a component=a input=Append(Offset(input, -1), Offset(input, 1))",
        "component-node name=b component=b input=Sum(Offset(a, -3), Offset(a, 3))",
        "output-node name=output input=b",
        components={
            "a": Component("LinearComponent", {"Params": np.ones((1, 2), dtype=np.float32)}),
            "b": Component("NoOpComponent", dict(NOOP)),
        },
    )
    times = np.arange(0, 30, 3)
    window = Window(net.nodes, net.components, {"input": np.arange(-4, 34)}, times)
    plan = window.plan(("output",), times)
    assert {step.node.name: step.rows for step in plan.steps} == {"a": 12, "b": 10, "output": 10}
    assert plan.inputs["input"].count == 24


def ivector_network():
    lines = [
        "input-node name=ivector dim=1",
        "output-node name=output input=Append(input, ReplaceIndex(ivector, t, 0))",
    ]
    return network(*lines)


def test_one_ivector_holds_for_the_utterance():
    found = compute(ivector_network(), FRAMES, np.array([[7.0]]), subsampling=1)["output"]
    assert found[:, 0].tolist() == FRAMES[:, 0].tolist()
    assert found[:, 1].tolist() == [7] * 5


def test_a_chunk_sees_the_ivector_of_its_middle():
    features = np.zeros((60, 1), dtype=np.float32)
    ivectors = np.arange(6, dtype=np.float32)[:, None]
    found = compute(ivector_network(), features, ivectors, frames_per_chunk=21)["output"]
    # chunks of 7 outputs at t = 0..18, 21..39, 42..57: middles 9, 30 and 49
    assert found[:, 1].tolist() == [0] * 7 + [3] * 7 + [4] * 6


def test_chunks_change_nothing_else(conformance: Path):
    net = load_network(read_nnet3(conformance / "e_tdnnf" / "final.mdl"))
    features = next(read_matrices(conformance / "e_tdnnf" / "feats.ark"))[1]
    whole, parts = (
        compute(net, features, frames_per_chunk=frames)["output"] for frames in (None, 50)
    )
    np.testing.assert_allclose(whole, parts, atol=1e-4)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def convolution(required: list[int]) -> Component:
    """2 filters to 3, 5 heights to 2 (every other), over three times and heights."""
    offsets = [(time, height) for time in (-1, 0, 1) for height in (-1, 0, 1)]
    return Component(
        "TimeHeightConvolutionComponent",
        {
            "LearningRate": 0.001, "Model": True, "ConvolutionModel": True, "NumFiltersIn": 2,
            "NumFiltersOut": 3, "HeightIn": 5, "HeightOut": 2, "HeightSubsampleOut": 2,
            "Offsets": offsets, "RequiredTimeOffsets": required, "/ConvolutionModel": True,
            "LinearParams": random(3, 18), "BiasParams": random(3), "MaxMemoryMb": 200.0,
            "UseNaturalGradient": True, "NumMinibatchesHistory": 4.0, "AlphaInOut": (4.0, 4.0),
            "RankInOut": (8, 8),
        },
    )  # fmt: skip


def convolved(features: np.ndarray, component: Component, beyond: bool) -> np.ndarray:
    """The convolution, number by number; beyond the ends frames are repeated, or are zeros."""
    weight, bias = component.fields["LinearParams"], component.fields["BiasParams"]
    images = features.reshape(-1, 5, 2)
    found = np.zeros((len(images), 2, 3))
    for t, h, f in np.ndindex(*found.shape):
        found[t, h, f] = bias[f]
        for place, (dt, dh) in enumerate(component.fields["Offsets"]):
            s, g = t + dt, 2 * h + dh
            if beyond:
                s = min(max(s, 0), len(images) - 1)
            if 0 <= s < len(images) and 0 <= g < 5:
                found[t, h, f] += weight[f, 2 * place : 2 * place + 2] @ images[s, g]
    return found.reshape(len(images), 6)


CONVOLVED = (
    "component-node name=cnn component=cnn input=input",
    "output-node name=output input=cnn",
)


@pytest.mark.parametrize("required", [[-1, 0, 1], [0]])
def test_convolution_over_time_and_height(required: list[int]):
    component = convolution(required)
    net = network(*CONVOLVED, dim=10, components={"cnn": component})
    features = random(6, 10)
    assert context(net) == ((1, 1) if len(required) == 3 else (0, 0))
    found = compute(net, features, subsampling=1)["output"]
    expected = convolved(features, component, beyond=len(required) == 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # Kaldi's programs give no frame that the context of the last output does not ask for.
    given = features if len(required) == 3 else features[:4]
    expected = convolved(given, component, beyond=len(required) == 3)
    np.testing.assert_allclose(compute(net, features)["output"], expected[:6:3], atol=1e-5)


def test_convolutions_and_masks_survive_the_way_through_a_file(tmp_path: Path):
    mask = {"Dim": 10, "ZeroedProportion": 0.5, "TimeMaskMaxFrames": 20, "TestMode": True}
    dropout = {
        "Dim": 10, "BlockDim": 10, "TimePeriod": 0, "DropoutProportion": 0.0,
        "SpecAugmentMaxProportion": 0.5, "SpecAugmentMaxRegions": 2, "TestMode": True,
    }  # fmt: skip
    components = {
        "mask": Component("SpecAugmentTimeMaskComponent", mask),
        "dropout": Component("GeneralDropoutComponent", dropout),
        "permute": Component("PermuteComponent", {"ColumnMap": [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]}),
        "cnn": convolution([0]),
    }
    names = list(components)
    config = ["input-node name=input dim=10"]
    for name, source in zip(names, ["input", *names], strict=False):
        config.append(f"component-node name={name} component={name} input={source}")
    config.append("output-node name=output input=cnn")
    write_nnet3(tmp_path / "net.raw", Nnet3(Path("net.mdl"), config, components, None))
    nnet = read_nnet3(tmp_path / "net.raw")
    assert nnet.components["cnn"].fields["Offsets"] == components["cnn"].fields["Offsets"]
    features = random(4, 10)
    found = compute(load_network(nnet), features, subsampling=1)["output"]
    expected = convolved(features[:, ::-1].copy(), components["cnn"], beyond=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("weights_too", [True, False])
def test_attention_over_a_few_times(tmp_path: Path, weights_too: bool):
    """2 heads of 3-dim keys and 2-dim values, over t - 2, t and t + 2; t - 2 need not be there."""
    fields = {
        "NumHeads": 2, "KeyDim": 3, "ValueDim": 2, "NumLeftInputs": 1, "NumRightInputs": 1,
        "TimeStride": 2, "NumLeftInputsRequired": 0, "NumRightInputsRequired": 1,
        "OutputContext": weights_too, "KeyScale": 0.5, "StatsCount": np.float64(0),
        "EntropyStats": np.zeros(0), "PosteriorStats": np.zeros((0, 0)),
    }  # fmt: skip
    config = ["input-node name=input dim=22", *CONVOLVED]
    components = {"cnn": Component("RestrictedAttentionComponent", fields)}
    write_nnet3(tmp_path / "net.raw", Nnet3(Path("net.mdl"), config, components, None))
    net = load_network(read_nnet3(tmp_path / "net.raw"))
    assert context(net) == (0, 2)
    features = random(7, 22)
    found = compute(net, features, subsampling=1)["output"]
    padded = np.concatenate([np.zeros((2, 22)), features, features[-1:], features[-1:]])
    for t in range(7):
        expected = []
        for head in (slice(0, 11), slice(11, 22)):
            around = [padded[t + place][head] for place in (0, 2, 4)]
            query = features[t][head][5:]
            logits = [0.5 * query[:3] @ a[:3] + query[3 + i] for i, a in enumerate(around)]
            weights = np.exp(logits) / np.exp(logits).sum()
            expected += [*sum(w * a[3:5] for w, a in zip(weights, around, strict=True))]
            expected += [*weights] if weights_too else []
        np.testing.assert_allclose(found[t], expected, atol=1e-5)


def test_pairs_in_text(tmp_path: Path):
    text = (
        "<Nnet3>\ninput-node name=input dim=1\n\n<NumComponents> 1\n<ComponentName> c "
        "<TimeHeightConvolutionComponent> <Model> "
        "<ConvolutionModel> <Offsets> [ -1,0 0,-2 ]\n<RequiredTimeOffsets> [ 0 ]\n"
        "</ConvolutionModel> </TimeHeightConvolutionComponent> </Nnet3> "
    )
    (tmp_path / "net.raw").write_text(text)
    fields = read_nnet3(tmp_path / "net.raw").components["c"].fields
    assert (fields["Offsets"], fields["RequiredTimeOffsets"]) == ([(-1, 0), (0, -2)], [0])


def test_batch_norm_in_blocks():
    fields = {
        "Dim": 4, "BlockDim": 2, "Epsilon": 0.0, "TargetRms": 3.0, "TestMode": True, "Count": 9.0,
        "StatsMean": np.array([1, 2], dtype=np.float32),
        "StatsVar": np.array([4, 25], dtype=np.float32),
    }  # fmt: skip
    lines = ("component-node name=n component=n input=input", "output-node name=output input=n")
    net = network(*lines, dim=4, components={"n": Component("BatchNormComponent", fields)})
    found = compute(net, np.array([[1, 7, 3, 2]], dtype=np.float32))["output"]
    np.testing.assert_allclose(found, [[0, 3, 3, 0]])


def test_rows_scaled_to_one_size_in_blocks():
    fields = {"InputDim": 4, "BlockDim": 2, "TargetRms": 2.0, "AddLogStddev": False}
    lines = ("component-node name=n component=n input=input", "output-node name=output input=n")
    net = network(*lines, dim=4, components={"n": Component("NormalizeComponent", fields)})
    found = compute(net, np.array([[3, 4, 0, 0]], dtype=np.float32))["output"]
    size = np.sqrt(12.5)
    np.testing.assert_allclose(found, [[6 / size, 8 / size, 0, 0]], rtol=1e-6)


UNUSABLE = [
    ("NoOpComponent", {"Dim": 2}, "node x: its component takes 2 numbers, its input has 1"),
    ("LinearComponent", {}, "node x: LinearComponent without Params"),
    ("BatchNormComponent", {"StatsMean": FRAMES, "StatsVar": FRAMES}, "node x: .*without Dim"),
    (
        "BatchNormComponent",
        {"Dim": 1, "BlockDim": 1, "Epsilon": 0.1, "TargetRms": 1.0, "Count": 0.0,
         "StatsMean": np.zeros(1), "StatsVar": np.zeros(1)},
        "node x: .*never trained",
    ),
    ("PermuteComponent", {"ColumnMap": [1]}, "node x: .*no permutation"),
    ("LinearComponent", {"Params": np.full((1, 1), np.nan)}, "node x: .*no number"),
    ("LstmNonlinearityComponent", {}, "node x: LstmNonlinearityComponent is read, but not run"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "message"), UNUSABLE)
def test_components_that_cannot_be_run_are_named(kind: str, fields, message: str):
    lines = ("component-node name=x component=x input=input", "output-node name=output input=x")
    with pytest.raises(InputError, match=rf"net\.mdl: {message}"):
        network(*lines, components={"x": Component(kind, fields)})


def test_other_inputs_and_sums_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="node speaker: an input of that name"):
        network("input-node name=speaker dim=1", "output-node name=output input=speaker")
    with pytest.raises(InputError, match="node output: a Sum of 1 and 3 numbers"):
        network("output-node name=output input=Sum(input, Const(1, 3))")


def test_inputs_of_another_dimension_are_refused():
    with pytest.raises(InputError, match=r"features of 5 x 3, where the network .* rows of 1"):
        compute(ivector_network(), random(5, 3), random(1, 1))
    with pytest.raises(InputError, match=r"i-vectors of 100 dimensions.* takes 1"):
        compute(ivector_network(), FRAMES, random(1, 100))
    with pytest.raises(InputError, match=r"i-vectors of no dimensions.* takes 1"):
        compute(ivector_network(), FRAMES)
    with pytest.raises(InputError, match=r"i-vectors of 1 dimensions.* takes none"):
        compute(network("output-node name=output input=input"), FRAMES, random(1, 1))
    with pytest.raises(InputError, match="no node prefinal"):
        compute(network("output-node name=output input=input"), FRAMES, outputs=["prefinal"])


GOLDEN = {
    "output": "output", "output_xent": "output-xent", "prefinal_l": "prefinal-l",
    "mid_tdnn1.batchnorm": "tdnn1.batchnorm", "mid_tdnnf2.noop": "tdnnf2.noop",
    "mid_tdnnf5.noop": "tdnnf5.noop",
}  # fmt: skip


def test_every_node_as_kaldi_computed_it(conformance: Path):
    folder = conformance / "e_tdnnf"
    net = load_network(read_nnet3(folder / "final.mdl"))
    features = dict(read_matrices(folder / "feats.ark"))
    for file, node in GOLDEN.items():
        for key, expected in read_matrices(folder / f"{file}.ark"):
            found = compute(net, features[key], outputs=[*GOLDEN.values()])[node]
            np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=f"{node} {key}")
    for key, expected in read_matrices(folder / "output_fullrate.ark"):
        found = compute(net, features[key], subsampling=1)["output"]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_trainable_network_and_the_graph_agree(conformance: Path):
    nnet = read_nnet3(conformance / "e_tdnnf" / "final.mdl")
    net, tdnnf = load_network(nnet), tdnnf_from_nnet3(nnet)
    for key, features in read_matrices(conformance / "e_tdnnf" / "feats.ark"):
        found = compute(net, features, outputs=["output", "output-xent", "prefinal-l"])
        padded = pad_edges(torch.tensor(features), tdnnf.context)[None]
        with torch.inference_mode():
            embedding = tdnnf.embed(padded)
            chain, posteriors = tdnnf.chain(embedding), tdnnf.log_posteriors(embedding)
        for node, expected in zip(found, (chain, posteriors, embedding), strict=True):
            np.testing.assert_allclose(found[node], expected[0], atol=1e-4, err_msg=f"{key} {node}")


@pytest.mark.parametrize("strides", [(0,), (1, 0, 3)])
def test_made_networks_of_the_trainable_kind_agree_too(strides: tuple[int, ...]):
    torch.manual_seed(3)
    config = TdnnfConfig(
        num_pdfs=5, input_dim=4, dim=6, bottleneck=3, time_strides=strides,
        bypass_scale=0.75, embedding_dim=2, prefinal_dim=7, prefinal_bottleneck=3,
    )  # fmt: skip
    tdnnf = Tdnnf(config).eval()
    torch.nn.init.normal_(tdnnf.output.affine.weight)
    net = load_network(nnet3_from_tdnnf(tdnnf, None))
    assert context(net) == (tdnnf.context, tdnnf.context)
    features = random(17, 4)
    with torch.inference_mode():
        expected, _ = tdnnf(pad_edges(torch.from_numpy(features), tdnnf.context)[None])
    np.testing.assert_allclose(compute(net, features)["output"], expected[0], atol=1e-5)


def test_the_published_network_as_kaldi_ran_it(conformance: Path, korean: Path):
    folder = conformance / "f_ivector"
    net = load_network(read_nnet3(korean / "am" / "final.mdl"))
    assert (net.dims["input"], net.ivector_dim, net.dims["output"]) == (40, 100, 2616)
    assert net.dims["prefinal-l"] == 64
    ivectors = dict(read_matrices(folder / "ivector_utterance.ark"))
    expected = dict(read_matrices(folder / "output.ark"))
    for key, features in read_matrices(folder / "mfcc40.ark"):
        found = compute(net, features, ivectors[key])["output"]
        np.testing.assert_allclose(found, expected[key], atol=1e-4, rtol=0, err_msg=key)


def test_the_published_network_from_the_recording_on(conformance: Path, korean: Path):
    net = load_network(read_nnet3(korean / "am" / "final.mdl"))
    extractor = read_ivector_extractor(korean / "ivector")
    for key, expected in read_matrices(conformance / "f_ivector" / "output.ark"):
        features = mfcc(read_audio(conformance / "wav" / f"{key}.wav"), "mfcc40")
        ivectors, _ = online_ivectors(extractor, features, whole=True)
        found = compute(net, features, ivectors)["output"]
        np.testing.assert_allclose(found, expected, atol=0.05, rtol=0, err_msg=key)
