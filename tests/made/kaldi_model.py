"""Kaldi's golden monophone model, read from its text form."""

import gzip
from pathlib import Path

import numpy as np

from pyscorer.alignment.gmm_model import Gmm


def read_text_model(path: Path) -> Gmm:
    """Kaldi's final.mdl in text form."""
    tokens = gzip.decompress(path.read_bytes()).decode().split()

    def numbers(marker: str, start: int) -> tuple[np.ndarray, int]:
        opening = tokens.index(marker, start) + 1
        closing = tokens.index("]", opening)
        return np.array(tokens[opening + 1 : closing], dtype=float), closing

    log_probs, at = numbers("<LogProbs>", 0)
    weights, means, variances, pdf = [], [], [], []
    for index in range(127):
        weight, at = numbers("<WEIGHTS>", at)
        scaled, at = numbers("<MEANS_INVVARS>", at)
        inverse, at = numbers("<INV_VARS>", at)
        inverse = inverse.reshape(len(weight), -1)
        weights.append(weight)
        means.append(scaled.reshape(inverse.shape) / inverse)
        variances.append(1 / inverse)
        pdf += [index] * len(weight)
    return Gmm(
        np.concatenate(weights),
        np.concatenate(means),
        np.concatenate(variances),
        np.array(pdf),
        log_probs.astype(np.float32),
    )
