"""A scorer and all that it stands on, made in seconds; its TDNN-F knows the recordings by heart."""

from pathlib import Path

import numpy as np
import torch
from made_models import align_recordings
from torch.nn import functional

from pyscorer.chain.acoustic_model import AcousticModel, network_input, save_model
from pyscorer.chain.export import ExportOptions, export
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig, pad_edges
from pyscorer.contract.archives import read_integers, read_matrices
from pyscorer.contract.phones import PHONES
from pyscorer.feedback.bundle import bundle
from pyscorer.measures.pool import pool
from pyscorer.parallel import one_thread
from pyscorer.pronunciation.module import ModuleConfig, ScoringModule
from pyscorer.pronunciation.scorer import (
    ScorerModule,
    ScorerOptions,
    TrainedScorer,
    save_scorer,
)
from pyscorer.scoring.ensemble import Place

_STEPS = 60


def make_scorer(root: Path) -> Path:
    """From recordings to the directory that `bundle` makes; the scores mean nothing."""
    align_recordings(root, iterations=8, gaussians=200)
    data, ali, deep = root / "data", root / "ali", root / "deep"
    network = learn_alignment(root / "mfcc40", ali)
    owners = np.arange(1, len(PHONES), dtype=np.int32)
    save_model(root / "tdnnf.pt", AcousticModel(network, owners))
    export(root / "tdnnf.pt", root / "mfcc40", deep, ExportOptions(jobs=1))
    pool(data, ali, deep, root / "pool")
    columns = [*(f"deep_{i}" for i in range(256)), "log_duration", "log_posterior"]
    config = ModuleConfig(len(columns))
    state = ScoringModule(config).state_dict()
    scorer = TrainedScorer(
        *(ScorerOptions(seeds=1, one_fold=True), config, columns),
        *(torch.zeros(len(columns)), torch.ones(len(columns))),
        (ScorerModule(Place(0, 0), state),),
    )
    save_scorer(root / "scorer/model.pt", scorer)
    bundle(
        *(root / "gmm", root / "lexicon.txt", root / "tdnnf.pt", root / "scorer"),
        *(root / "pool", deep, root / "bundle"),
    )
    return root / "bundle"


@one_thread()
def learn_alignment(feats: Path, ali: Path) -> Tdnnf:
    """A small network whose outputs say of every frame the phone that the alignment has."""
    sizes = {"dim": 64, "bottleneck": 16, "prefinal_dim": 64, "prefinal_bottleneck": 32}
    network = Tdnnf(TdnnfConfig(len(PHONES) - 1, time_strides=(1, 0, 3), **sizes))
    phones = dict(read_integers(ali / "ali.scp"))
    # One after the other, as if they were one recording, each of a multiple of three frames.
    entering, wanted = [], []
    for key, matrix in read_matrices(feats / "feats.scp"):
        frames = len(matrix) // 3 * 3
        entering.append(network_input(matrix)[:frames])
        wanted.append(torch.from_numpy(phones[key].astype(np.int64).ravel()[:frames:3]) - 1)
    padded, target = pad_edges(torch.cat(entering), network.context)[None], torch.cat(wanted)
    steps = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(_STEPS):
        embedding = network.embed(padded)
        loss = functional.nll_loss(network.log_posteriors(embedding)[0], target)
        loss = loss + functional.cross_entropy(network.chain(embedding)[0], target)
        steps.zero_grad()
        loss.backward()
        steps.step()
    return network.eval()
