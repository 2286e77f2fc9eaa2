"""A published Kaldi model in small: two MFCC, i-vectors of three, and phones of its own."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyscorer.kaldi.nnet3 import Component, Nnet3, write_nnet3
from pyscorer.kaldi.transition_model import TransitionModel, chain_topology

MEANS = np.array([[1.0, 0.0], [-1.0, 1.0]])
VARIANCES = np.array([[1.0, 2.0], [0.5, 1.0]])
WEIGHTS = np.array([0.25, 0.75])
M = np.array([[[0.5, 1, 0], [0, 1, 2]], [[-0.5, 2, 1], [0.5, 0, 1]]])
SIGMA_INV = np.array([[[2, 0.5], [0.5, 1]], [[1, 0], [0, 3.0]]])
LDA = np.array([[0.5, 0, 0.5, 0, 0.25], [0, 1, 0, 0, -0.5]])
"""Over a frame and its left neighbour, of two features each, and an offset."""


def text(array: np.ndarray) -> str:
    """A matrix in Kaldi's text."""
    rows = np.atleast_2d(array)
    return "[\n" + "\n".join(" ".join(map(repr, map(float, row))) for row in rows) + " ]\n"


def _triangle(array: np.ndarray) -> str:
    return (
        "[ " + "\n".join(" ".join(str(x) for x in r[: i + 1]) for i, r in enumerate(array)) + " ]\n"
    )


def _vector(array: np.ndarray) -> str:
    return "[ " + " ".join(map(str, array)) + " ]\n"


def write_extractor(folder: Path, lda: np.ndarray = LDA) -> Path:
    """An extractor's directory, in text; `lda` is over a frame and its left neighbour."""
    dim = lda.shape[1] // 2
    folder.mkdir(parents=True)
    inv = 1 / VARIANCES
    files = {
        "final.mat": text(lda),
        "final.dubm": f"<DiagGMM> <WEIGHTS> {_vector(WEIGHTS)}<MEANS_INVVARS> {text(MEANS * inv)}"
        f"<INV_VARS> {text(inv)}</DiagGMM> ",
        "final.ie": f"<IvectorExtractor> <w> [ ]\n<w_vec> {_vector(WEIGHTS)}<M> 2 {text(M[0])}"
        f"{text(M[1])}<SigmaInv> {_triangle(SIGMA_INV[0])}{_triangle(SIGMA_INV[1])}"
        "<IvectorOffset> 10 </IvectorExtractor> ",
        "global_cmvn.stats": text(np.array([[0.0] * dim + [100], [100.0] * dim + [0]])),
        "online_cmvn.conf": "# nothing but defaults\n",
        "splice.conf": "--left-context=1\n--right-context=0\n",
        "ivector_extractor.conf": "--ivector-period=4\n--min-post=0.0\n--posterior-scale=0.5\n"
        "--lda-matrix=/somewhere/else/final.mat\n--use_most_recent_ivector=true\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def transitions(pdfs: Sequence[tuple[int, int]]) -> TransitionModel:
    """Of phones 1, 2, ...: forward and self-loop pdf of each."""
    tuples = np.array([(i, 0, *pair) for i, pair in enumerate(pdfs, 1)], dtype=np.int64)
    log_probs = np.full(2 * len(tuples) + 1, math.log(0.5), dtype=np.float32)
    log_probs[0] = 0
    return TransitionModel(tuples, log_probs, chain_topology(range(1, len(tuples) + 1)))


def write_published(
    folder: Path,
    phones: Sequence[str],
    pdfs: Sequence[tuple[int, int]] | None = None,
    outputs: Sequence[str] = ("output", "output-xent"),
    bottleneck: str = "prefinal-l",
    subsampling: int = 3,
) -> Path:
    """A model in Vosk's layout with phones 1, 2, ... of these names, of two pdfs each or `pdfs`.

    The network's layers: `hidden` (of three frames and the i-vector, 5 numbers), `relu`,
    `bottleneck` (4 numbers), and an affine transform for each output.
    """
    own = pdfs or [(2 * i, 2 * i + 1) for i in range(len(phones))]
    count = max(map(max, own)) + 1
    rng = np.random.default_rng(0)

    def affine(rows: int, columns: int) -> Component:
        fields = {
            "LinearParams": rng.normal(0, 0.3, (rows, columns)).astype(np.float32),
            "BiasParams": rng.normal(0, 0.1, rows).astype(np.float32),
        }
        return Component("AffineComponent", fields)

    nodes = {"hidden": affine(5, 9), "relu": Component("RectifiedLinearComponent", {"Dim": 5})}
    nodes[bottleneck] = Component(
        "LinearComponent", {"Params": rng.normal(0, 0.5, (4, 5)).astype(np.float32)}
    )
    spliced = "Append(Offset(input, -1), input, Offset(input, 1), ReplaceIndex(ivector, t, 0))"
    config = ["input-node name=ivector dim=3", "input-node name=input dim=2"]
    for name, source in (("hidden", spliced), ("relu", "hidden"), (bottleneck, "relu")):
        config.append(f"component-node name={name} component={name} input={source}")
    for name in outputs:
        nodes[f"{name}.affine"] = affine(count, 4)
        config += [
            f"component-node name={name}.affine component={name}.affine input={bottleneck}",
            f"output-node name={name} input={name}.affine",
        ]
    for place in ("am", "conf", "graph"):
        (folder / place).mkdir(parents=True)
    mdl = folder / "am" / "final.mdl"
    write_nnet3(mdl, Nnet3(mdl, config, nodes, transitions(own)))
    (folder / "conf" / "mfcc.conf").write_text("--use-energy=false\n--num-ceps=2\n")
    (folder / "conf" / "model.conf").write_text(f"--frame-subsampling-factor={subsampling}\n")
    symbols = ["<eps>", *phones, "#0"]
    lines = (f"{symbol} {i}\n" for i, symbol in enumerate(symbols))
    (folder / "graph" / "phones.txt").write_text("".join(lines))
    write_extractor(folder / "ivector")
    return folder
