"""A published Kaldi model, from a recording to what any node of its network says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscorer.errors import InputError
from pyscorer.kaldi.ivector_extractor import (
    IvectorExtractor,
    read_cmvn_stats,
    read_ivector_extractor,
    read_online_cmvn,
)
from pyscorer.kaldi.ivectors import SpeakerState, online_ivectors
from pyscorer.kaldi.mfcc_conf import mfcc_as, read_mfcc_conf
from pyscorer.kaldi.model_directory import ModelFiles
from pyscorer.kaldi.nnet3 import Nnet3, read_nnet3
from pyscorer.kaldi.nnet3_network import Network, compute, load_network
from pyscorer.kaldi.online_cmvn import OnlineCmvn, running_mean
from pyscorer.pretrained.encoder_layers import Ivectors


@dataclass(frozen=True, eq=False)
class PublishedModel:
    """A model ready to listen."""

    files: ModelFiles
    nnet: Nnet3
    network: Network
    mfcc: Mapping[str, Any]
    """Options of its features, by Kaldi's names."""
    extractor: IvectorExtractor | None
    cmvn: OnlineCmvn | None
    cmvn_stats: np.ndarray | None
    """With online CMVN: what the running mean begins with."""

    @property
    def sample_rate(self) -> int:
        """Of the recordings that it takes, in Hz."""
        return int(self.mfcc["sample-frequency"])

    @property
    def frame_shift(self) -> float:
        """Seconds from one output to the next."""
        return float(self.mfcc["frame-shift"]) / 1000 * self.files.subsampling

    def features(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """MFCC of a recording (mono, in [-1, 1)): raw, and as the network takes them."""
        raw = mfcc_as(self.mfcc, samples)
        if self.files.normalisation == "mean":
            return raw, raw - raw.mean(axis=0, dtype=np.float64).astype(np.float32)
        if self.cmvn is None or self.cmvn_stats is None:
            return raw, raw
        return raw, running_mean(raw, self.cmvn_stats, self.cmvn)

    def hear(
        self,
        samples: np.ndarray,
        nodes: Sequence[str] = ("output",),
        mode: Ivectors = "utterance",
        state: SpeakerState | None = None,
    ) -> tuple[dict[str, np.ndarray], SpeakerState | None]:
        """What `nodes` say of a recording, rows x dim each, and the speaker's state after it.

        `mode` is that of the stage `ivectors`: one i-vector from the whole recording, or as a
        stream has them, for chunks of 51 frames as Kaldi's decoders. `state` comes from the
        speaker's recording before this.
        """
        raw, features = self.features(samples)
        ivectors, period = None, 10
        if self.extractor is not None:
            ivectors, state = online_ivectors(self.extractor, raw, state, mode == "utterance")
            period = self.extractor.extraction.ivector_period
        found = compute(
            self.network, features, ivectors, nodes, self.files.subsampling, period,
            None if mode == "utterance" else CHUNK,
        )  # fmt: skip
        return found, state


CHUNK = 51
"""Frames that share an i-vector: Kaldi's default of 50, as a multiple of its subsampling of 3."""


def load_published(files: ModelFiles, **changes: Any) -> PublishedModel:
    """Make a model ready to listen; `changes` are those of `read_ivector_extractor`.

    Raises InputError naming what is missing, damaged or cannot be run, features of another
    dimension than the network's input, and an extractor of another dimension.
    """
    nnet = read_nnet3(files.mdl)
    network = load_network(nnet)
    mfcc = read_mfcc_conf(files.mfcc_conf)
    if mfcc["num-ceps"] != network.dims.get("input"):
        raise InputError(
            f"{files.mfcc_conf}: --num-ceps={mfcc['num-ceps']}, where the network {files.mdl} "
            f"takes {network.dims.get('input')}: they do not belong together"
        )
    extractor = None
    if network.ivector_dim:
        if files.extractor is None:
            raise InputError(
                f"{files.mdl}: the network takes i-vectors of {network.ivector_dim}, and no "
                "extractor is beside it: name the extractor's directory"
            )
        extractor = read_ivector_extractor(files.extractor, **changes)
        if extractor.dim != network.ivector_dim or extractor.feature_dim != mfcc["num-ceps"]:
            raise InputError(
                f"{files.extractor}: i-vectors of {extractor.dim} from {extractor.feature_dim} "
                f"features, where the network {files.mdl} takes {network.ivector_dim} beside "
                f"{mfcc['num-ceps']}: the extractor is another network's"
            )
    cmvn = stats = None
    if files.normalisation == "online" and files.global_cmvn is not None:
        cmvn = read_online_cmvn(files.online_cmvn) if files.online_cmvn else OnlineCmvn()
        stats = read_cmvn_stats(files.global_cmvn, mfcc["num-ceps"])
    return PublishedModel(files, nnet, network, mfcc, extractor, cmvn, stats)
