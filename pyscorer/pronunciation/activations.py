"""The TDNN-F cut in two: its lower layers run once, its upper layers can be trained."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pyscorer.chain.acoustic_model import SUBSAMPLING, load_model, network_input
from pyscorer.chain.tdnnf import Tdnnf, pad_edges
from pyscorer.chain.tdnnf_layers import TdnnfLayer
from pyscorer.contract.archives import Matrices, archive_writer
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ActivationOptions:
    """Where the network is cut."""

    upper: int = option(2, "factored layers above the cut", ge=1)
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


class UpperLayers(nn.Module):
    """The last factored layers and `prefinal-l`, on frames 30 ms apart.

    Batch norm stays as the acoustic training left it (evaluation mode), there is no dropout.
    """

    def __init__(self, network: Tdnnf, count: int) -> None:
        super().__init__()
        strides = network.config.time_strides
        if not 0 < count < len(strides) or set(strides[len(strides) - count :]) != {SUBSAMPLING}:
            raise InputError(
                f"--upper {count}: take 1 or more of the network's last layers; they must have a "
                f"stride of {SUBSAMPLING} frames, but the strides are {strides}"
            )
        self.layers = nn.ModuleList(network.factored[len(strides) - count :])
        self.prefinal_l = network.prefinal_l
        self.eval()

    @property
    def margin(self) -> int:
        """Rows that the layers take off at each end."""
        return len(self.layers)

    def frames(self, x: Tensor) -> Tensor:
        """(time, dim) below the cut -> (time - 2 margin, dim), before `prefinal-l`."""
        x = x[None]
        for layer in self.layers:
            assert isinstance(layer, TdnnfLayer)
            x = layer(x, SUBSAMPLING, SUBSAMPLING)
        return x[0]


def lower_activations(network: Tdnnf, features: np.ndarray, upper: int) -> np.ndarray:
    """What enters the last `upper` factored layers: T x 40 MFCC -> ceil(T / 3) + 2 upper rows."""
    with torch.inference_mode():
        x = pad_edges(network_input(features), network.context)[None]
        result: np.ndarray = network.hidden(x, len(network.factored) - upper, SUBSAMPLING)[
            0
        ].numpy()
        return result


@dataclass(frozen=True)
class _Source:
    network: Tdnnf
    features: Matrices
    upper: int


@one_thread()
def _run(source: _Source, key: str) -> tuple[str, np.ndarray]:
    return key, lower_activations(source.network, source.features[key], source.upper)


def activations(
    model: Path, feats: Path, out: Path, options: ActivationOptions = ActivationOptions()
) -> None:
    """Keep what the lower layers of the acoustic model give, so that the upper can be trained.

    `model` is final.pt of train_tdnnf, `feats` a directory of the stage features (kind mfcc40).
    Writes out/lower.scp: for each utterance ceil(T / 3) + 2 `upper` rows, 30 ms apart, the first
    `upper` of them before its first frame. Raises InputError where the layers above the cut do not
    all look 3 frames to each side.
    """
    network = load_model(model).network
    UpperLayers(network, options.upper)  # raises before any work
    source = _Source(network, Matrices(feats / "feats.scp"), options.upper)
    keys = list(source.features)
    with archive_writer(out / "lower.scp") as write:
        results = shared_map(_run, source, keys, options.jobs)
        for key, matrix in progress_bar(results, "activations", len(keys), unit="utt"):
            write(key, matrix)
    log.info("%d utterances, %d layers above the cut, in %s", len(keys), options.upper, out)
