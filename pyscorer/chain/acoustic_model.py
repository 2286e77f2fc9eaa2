"""A trained acoustic model as a file: the network, and which phone each of its pdfs belongs to."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig, pad_edges
from pyscorer.contract.phones import PHONES
from pyscorer.contract.weights import load_weights, save_weights
from pyscorer.errors import InputError

SUBSAMPLING = 3
"""Input frames of 10 ms from one output frame to the next."""


@dataclass(frozen=True)
class AcousticModel:
    """A network in evaluation mode."""

    network: Tdnnf
    pdf_to_phone: np.ndarray
    """Phone id (of phones.PHONES) of each pdf."""
    training: dict[str, Any] = field(default_factory=dict)
    """How it was trained: options, objective, epoch; empty for a model from Kaldi."""


def save_model(path: Path, model: AcousticModel) -> None:
    """Write `model`; read it with `load_model`."""
    content = {
        "config": asdict(model.network.config),
        "state": {k: v.cpu() for k, v in model.network.state_dict().items()},
        "pdf_to_phone": model.pdf_to_phone.tolist(),
        "training": model.training,
    }
    save_weights(path, content)


def load_model(path: Path) -> AcousticModel:
    """Read a file of `save_model`.

    Raises InputError if the file is missing, damaged or Kaldi's (import_kaldi makes a final.pt of
    it), or if its phones are not those of `phones.PHONES` in number.
    """
    if path.suffix == ".mdl":
        raise InputError(f"{path}: Kaldi's: make a final.pt of it with import_kaldi, and give that")
    model = load_weights(path, "an acoustic model", "train_tdnnf", _model_of)
    phones = model.pdf_to_phone
    if len(phones) != model.network.config.num_pdfs or not 0 < phones.max() < len(PHONES):
        raise InputError(
            f"{path}: {len(phones)} pdfs of phones up to {phones.max()}; expected "
            f"{model.network.config.num_pdfs} pdfs of phones up to {len(PHONES) - 1}"
        )
    return model


def _model_of(content: dict[str, Any]) -> AcousticModel:
    config = content["config"] | {"time_strides": tuple(content["config"]["time_strides"])}
    network = Tdnnf(TdnnfConfig(**config))
    network.load_state_dict(content["state"])
    phones = np.array(content["pdf_to_phone"], dtype=np.int32)
    return AcousticModel(network.eval(), phones, content["training"])


def need_chain_output(model: AcousticModel, path: Path, what: str) -> None:
    """Raise InputError if `model`, read from `path`, has no chain output, which `what` needs."""
    if not model.network.config.chain_output:
        raise InputError(
            f"{path}: trained by cross-entropy alone, so it has no chain output, which {what} "
            "needs: train another with train_tdnnf --objective lfmmi"
        )


def network_input(features: np.ndarray) -> torch.Tensor:
    """MFCCs (frames x coefficients) with the utterance mean removed: what the network takes."""
    tensor = torch.from_numpy(np.array(features, dtype=np.float32))
    return tensor - tensor.mean(dim=0)


def _embed(model: AcousticModel, features: np.ndarray, centred: bool = False) -> torch.Tensor:
    network = model.network
    if features.ndim != 2 or len(features) == 0 or features.shape[1] != network.config.input_dim:
        raise InputError(
            f"features of shape {features.shape}; the network takes frames x "
            f"{network.config.input_dim}"
        )
    device = network.prefinal_l.weight.device
    entering = torch.from_numpy(features) if centred else network_input(features)
    padded = pad_edges(entering, network.context).to(device)
    return network.embed(padded[None], SUBSAMPLING)


def embed_features(model: AcousticModel, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Deep features and phone log-posteriors of one utterance.

    `features` is T x 40 (raw MFCC). Returns ceil(T / 3) x 256 and ceil(T / 3) x 41: row i is
    computed at input frame 3 i; column p - 1 is phone id p, its pdfs' posteriors (cross-entropy
    branch) summed.
    """
    with torch.inference_mode():
        embedding = _embed(model, features)
        pdfs = model.network.log_posteriors(embedding)[0].exp()
        phones = pdfs.new_zeros(len(pdfs), len(PHONES) - 1)
        owner = torch.from_numpy(model.pdf_to_phone - 1).long().to(pdfs.device)
        phones.index_add_(1, owner, pdfs)
        # a floor keeps log finite where float32 underflows
        return embedding[0].cpu().numpy(), phones.clamp_min(1e-20).log().cpu().numpy()


def chain_scores(model: AcousticModel, features: np.ndarray, centred: bool = False) -> np.ndarray:
    """Chain output of one utterance: ceil(T / 3) x pdfs, pseudo log-likelihoods of each pdf.

    `features` is T x 40, raw MFCC unless `centred`, which says that a mean has been removed from
    them; row i is computed at input frame 3 i.
    """
    with torch.inference_mode():
        scores: np.ndarray = model.network.chain(_embed(model, features, centred))[0].cpu().numpy()
        return scores


def pdf_log_posteriors(model: AcousticModel, features: np.ndarray) -> np.ndarray:
    """Log-posteriors of the pdfs (cross-entropy branch): T x 40 raw MFCC -> ceil(T / 3) x pdfs."""
    with torch.inference_mode():
        embedding = _embed(model, features)
        posteriors: np.ndarray = model.network.log_posteriors(embedding)[0].cpu().numpy()
        return posteriors
