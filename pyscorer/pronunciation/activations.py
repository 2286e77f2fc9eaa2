"""The TDNN-F cut in two: its lower layers run once, its upper layers, or all, can be trained."""

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

    upper: int = option(2, "factored layers above the cut; 0: all layers", ge=0)
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


class UpperLayers(nn.Module):
    """The last `count` factored layers and `prefinal-l`; 0: all layers, from the MFCCs on.

    Batch norm stays as the acoustic training left it (evaluation mode), there is no dropout.
    """

    def __init__(self, network: Tdnnf, count: int) -> None:
        super().__init__()
        strides = network.config.time_strides
        self.whole = count == 0
        above = strides[len(strides) - count :]
        if not self.whole and (count >= len(strides) or set(above) != {SUBSAMPLING}):
            raise InputError(
                f"--upper {count}: take 1 or more of the network's last layers, or 0 for all; the "
                f"last ones must have a stride of {SUBSAMPLING} frames, but the strides are "
                f"{strides}"
            )
        self.first = nn.ModuleList([network.tdnn1] if self.whole else [])
        self.layers = nn.ModuleList(network.factored[0 if self.whole else -count :])
        self.prefinal_l = network.prefinal_l
        self._hidden, self._sides = network.hidden, network.context
        self.width = network.config.input_dim if self.whole else network.config.dim
        """Columns that enter."""
        self.eval()

    @property
    def stride(self) -> int:
        """Rows that enter for one that leaves."""
        return SUBSAMPLING if self.whole else 1

    @property
    def context(self) -> int:
        """Rows that enter before and after those of an utterance's own frames, a whole number of
        strides."""
        if self.whole:
            return SUBSAMPLING * -(-2 * self._sides // SUBSAMPLING)
        return 2 * len(self.layers)

    def frames(self, x: Tensor) -> Tensor:
        """What enters (time, width) -> frames 30 ms apart, before `prefinal-l`.

        `x` is utterances one after the other, each as `lower_activations` gives it, so that their
        frames stay in step; (time - context) / stride rows are of the last one's end.
        """
        x = x[None]
        if self.whole:
            return self._hidden(x, len(self.layers), SUBSAMPLING)[0]
        for layer in self.layers:
            assert isinstance(layer, TdnnfLayer)
            x = layer(x, SUBSAMPLING, SUBSAMPLING)
        return x[0]


def lower_activations(network: Tdnnf, features: np.ndarray, upper: int) -> np.ndarray:
    """What enters the last `upper` factored layers: T x 40 MFCC -> ceil(T / 3) + 2 upper rows.

    With `upper` 0 what enters the network: 3 ceil(T / 3) rows 10 ms apart, and as many more as the
    layers look to both sides (UpperLayers.context), the first and last repeated.
    """
    with torch.inference_mode():
        entering = network_input(features)
        if upper == 0:
            length, sides = len(entering), network.context
            context = UpperLayers(network, 0).context
            after = -length % SUBSAMPLING + context - sides
            places = torch.arange(-sides, length + after).clamp(0, length - 1)
            return entering[places].numpy()
        x = pad_edges(entering, network.context)[None]
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
    `upper` of them before its first frame; with `upper` 0 what enters the whole network, 10 ms
    apart. Raises InputError where the layers above the cut do not all look 3 frames to each side.
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
