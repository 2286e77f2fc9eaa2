"""A model trained on a few generated recordings: what it has heard it knows by heart."""

from pathlib import Path

import pytest

from pyscorer.alignment.align import AlignOptions, align
from pyscorer.alignment.features import FeatureOptions, features
from pyscorer.alignment.train_gmm import GmmOptions, train_gmm
from pyscorer.chain.chain_graphs import GraphOptions, chain_graphs
from pyscorer.chain.schedule import TrainingOptions
from pyscorer.chain.train_tdnnf import train_tdnnf
from pyscorer.corpora.prepare import PrepareOptions, prepare
from pyscorer.corpora.sample import generate
from pyscorer.corpora.synthesis import SampleOptions
from pyscorer.recognition.decoding_graph import decoding_graph


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with data, mfcc40, graphs, tdnnf and graph."""
    folder = tmp_path_factory.mktemp("trained")
    generate(folder / "sample", SampleOptions(speakers=12, natives=6, utterances=6))
    data, lexicon = folder / "data", folder / "data" / "lexicon.txt"
    prepare("sample", "native", data, PrepareOptions(), folder)
    for kind in ("mfcc13", "mfcc40"):
        features(data, folder / kind, FeatureOptions(kind=kind, jobs=1))
    options = GmmOptions(iterations=15, gaussians=200, jobs=1)
    train_gmm(data, folder / "mfcc13", lexicon, folder / "gmm", options)
    align(
        data=data,
        feats=folder / "mfcc13",
        lexicon=lexicon,
        model=folder / "gmm",
        out=folder / "ali",
        options=AlignOptions(jobs=1),
    )
    graphs = folder / "graphs"
    chain_graphs(graphs, GraphOptions(num_leaves=100), [folder / "ali"], [folder / "mfcc13"])
    train_tdnnf(
        graphs,
        folder / "tdnnf",
        TrainingOptions(
            network="small", epochs=14, minibatch=8, weight_decay=0.1, dropout="0",
            warp=0.0, frequency_mask=0.0, time_mask=0.0, heldout=0.1, threads=1,
        ),
        (data,),
        (folder / "mfcc40",),
        (folder / "ali",),
    )  # fmt: skip
    decoding_graph([data / "text"], lexicon, graphs / "tree.json", folder / "graph")
    return folder
