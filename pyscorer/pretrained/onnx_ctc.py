"""CTC models in ONNX's format: icefall's, NeMo's and transformers' exports with their tokens."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.files import read_json, read_lines, shown
from pyscorer.errors import InputError
from pyscorer.pretrained.onnx_graph import OnnxGraph, graph_shift, read_graph

_BLANKS = ("<blk>", "<blank>", "<b>", "<pad>", "[PAD]", "<eps>", "<ctc_blank>")
"""Names of the blank, the likeliest first."""


@dataclass(frozen=True)
class OnnxCtc:
    """A graph whose first output is posteriors of tokens, or what a softmax makes them of."""

    graph: OnnxGraph
    tokens: tuple[str, ...]
    blank: int
    frame_shift: float

    def log_posteriors(self, samples: np.ndarray) -> np.ndarray:
        """T x tokens of a recording at 16 kHz. Raises InputError for one that is too short."""
        found = self.graph.run(samples)[0]
        found -= found.max(axis=1, keepdims=True)
        return np.asarray(found - np.log(np.exp(found).sum(axis=1, keepdims=True)), np.float32)


def load_onnx_ctc(model: Path) -> OnnxCtc:
    """Read a graph with the tokens beside it: tokens.txt (`token id` a line) or vocab.json.

    Raises InputError as `read_graph`, and for tokens that are not there, are not as many as the
    columns of the graph's first output, or have no blank among them.
    """
    graph = read_graph(model)
    path, tokens = _tokens(graph.path)
    size = graph.run(np.zeros(16000, np.float32))[0].shape[1]
    if set(tokens) != set(range(size)):
        raise InputError(
            f"{path}: {len(tokens)} tokens, of a model of {size} outputs ({graph.outputs[0]}): not "
            "of the same model, or no CTC model"
        )
    names = tuple(tokens[i] for i in range(size))
    blank = next((names.index(name) for name in _BLANKS if name in names), None)
    if blank is None:
        raise InputError(f"{path}: no blank among the tokens ({', '.join(_BLANKS)})")
    return OnnxCtc(graph, names, blank, graph_shift(graph))


def _tokens(graph: Path) -> tuple[Path, dict[int, str]]:
    path, found = graph.with_name("tokens.txt"), {}
    if not path.exists() and (other := graph.with_name("vocab.json")).exists():
        told = read_json(other)
        if not isinstance(told, dict) or not all(isinstance(i, int) for i in told.values()):
            raise InputError(f"{other}: not the tokens of a model")
        return other, {place: token for token, place in told.items()}
    for number, line in read_lines(path):
        token, _, place = line.rpartition(" ")
        if not place.isdecimal() or int(place) in found:
            raise InputError(f"{path}:{number}: {shown(line)}: not a token and its own number")
        found[int(place)] = token
    return path, found
