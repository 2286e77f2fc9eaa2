"""Tiny graphs of random weights in ONNX's format, with the inputs of those that users have."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

SIZE = 5


def modules() -> tuple[Any, Any]:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    onnx = pytest.importorskip("onnx", reason="onnx, which makes graphs, is not installed")
    return onnx, onnx.helper


def _write(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], metadata: dict[str, str]
) -> Path:
    onnx, helper = modules()
    graph = helper.make_graph(nodes, "g", inputs, outputs, _constants(onnx))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def _constants(onnx: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    arrays = {
        "wave_weights": rng.normal(size=(SIZE, 1, 400)).astype(np.float32),
        "mel_weights": rng.normal(size=(SIZE, 8, 3)).astype(np.float32),
        **{"one": np.array([1]), "three": np.array(3), "four": np.array(4), "first": np.array(1)},
    }
    return [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]


def waveform(path: Path, **metadata: str) -> Path:
    """`input_values` (N x samples) -> `logits`, a row every 320 samples, by windows of 400."""
    onnx, h = modules()
    kind = onnx.TensorProto.FLOAT
    nodes = [
        h.make_node("Unsqueeze", ["input_values", "one"], ["x"]),
        h.make_node("Conv", ["x", "wave_weights"], ["y"], strides=[320]),
        h.make_node("Transpose", ["y"], ["logits"], perm=[0, 2, 1]),
    ]
    ins = [h.make_tensor_value_info("input_values", kind, ["N", "T"])]
    outs = [h.make_tensor_value_info("logits", kind, ["N", "R", SIZE])]
    return _write(path, nodes, ins, outs, metadata)


def features(path: Path, nemo: bool = False, mels: Any = 8, **metadata: str) -> Path:
    """Features and their lengths -> log-posteriors of every fourth frame, and how many count."""
    onnx, h = modules()
    kind, whole = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    names = ("audio_signal", "length") if nemo else ("x", "x_lens")
    shape = ["N", mels, "T"] if nemo else ["N", "T", mels]
    nodes = [
        *([] if nemo else [h.make_node("Transpose", ["x"], ["turned"], perm=[0, 2, 1])]),
        h.make_node("Conv", [names[0] if nemo else "turned", "mel_weights"], ["y"], strides=[4]),
        h.make_node("Transpose", ["y"], ["z"], perm=[0, 2, 1]),
        h.make_node("LogSoftmax", ["z"], ["log_probs"], axis=2),
        h.make_node("Sub", [names[1], "three"], ["a"]),
        h.make_node("Div", ["a", "four"], ["b"]),
        h.make_node("Add", ["b", "first"], ["log_probs_len"]),
    ]
    ins = [
        h.make_tensor_value_info(names[0], kind, shape),
        h.make_tensor_value_info(names[1], whole, ["N"]),
    ]
    outs = [
        h.make_tensor_value_info("log_probs", kind, ["N", "R", SIZE]),
        h.make_tensor_value_info("log_probs_len", whole, ["N"]),
    ]
    return _write(path, nodes, ins, outs, metadata)


def streaming(path: Path) -> Path:
    """A chunk of features and a state -> the next state and rows."""
    onnx, h = modules()
    kind = onnx.TensorProto.FLOAT
    nodes = [
        h.make_node("Identity", ["x"], ["encoder_out"]),
        h.make_node("Identity", ["cached"], ["new_cached"]),
    ]
    ins = [h.make_tensor_value_info(n, kind, ["N", 16, 8]) for n in ("x", "cached")]
    outs = [h.make_tensor_value_info(n, kind, ["N", 16, 8]) for n in ("encoder_out", "new_cached")]
    return _write(path, nodes, ins, outs, {})
