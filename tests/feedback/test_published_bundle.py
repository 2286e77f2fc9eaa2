"""New recordings through a published Kaldi model: scored as the pipeline scores them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from made_models import align_recordings
from made_published import write_published

from pyscorer.cli import main
from pyscorer.contract.phones import PHONES
from pyscorer.contract.pooled import read_pooled
from pyscorer.feedback.bundle import bundle
from pyscorer.kaldi.export_published import export_published
from pyscorer.kaldi.import_published import ImportPublishedOptions, import_published
from pyscorer.kaldi.kaldi_encoder import KaldiEncoder
from pyscorer.measures.pool import pool
from pyscorer.pretrained.registry import copy_encoder, load_encoder
from pyscorer.pronunciation.module import ModuleConfig, ScoringModule
from pyscorer.pronunciation.parameters import parameters
from pyscorer.pronunciation.scorer import (
    ScorerModule,
    ScorerOptions,
    TrainedScorer,
    load_scorer,
    predict_all,
    save_scorer,
)
from pyscorer.scoring.ensemble import Place

COLUMNS = [*(f"deep_{i}" for i in range(4)), "log_duration", "log_posterior"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pipeline makes with a published model of shift 0.04 s, and a bundle of it."""
    root = tmp_path_factory.mktemp("run")
    align_recordings(root, iterations=8, gaussians=200)
    write_published(root / "model", PHONES[1:], subsampling=4)
    import_published(root / "model", root / "published", ImportPublishedOptions(ivectors="online"))
    export_published(root / "data", root / "published", root / "deep", jobs=1)
    pool(root / "data", root / "ali", root / "deep", root / "pool")
    torch.manual_seed(0)
    config = ModuleConfig(len(COLUMNS))
    save_scorer(
        root / "scorer/model.pt",
        TrainedScorer(
            *(ScorerOptions(seeds=1, one_fold=True), config, COLUMNS),
            *(torch.zeros(len(COLUMNS)), torch.ones(len(COLUMNS))),
            (ScorerModule(Place(0, 0), ScoringModule(config).state_dict()),),
        ),
    )
    bundle(
        *(root / "gmm", root / "lexicon.txt", root / "published" / "published.json"),
        *(root / "scorer", root / "pool", root / "deep", root / "bundle"),
    )
    shutil.rmtree(root / "model")
    shutil.rmtree(root / "published")
    return root


def test_a_recording_scores_as_in_the_pipeline(run: Path, capsys: pytest.CaptureFixture[str]):
    pooled = read_pooled(run / "pool", COLUMNS)
    expected = predict_all(load_scorer(run / "scorer/model.pt"), pooled).mean(axis=1)
    texts = dict(line.split(maxsplit=1) for line in (run / "data/text").read_text().splitlines())
    differences = []
    for key, value in zip(pooled.keys, expected, strict=True):
        call = ["score", "--model", str(run / "bundle"), "--wav", str(run / f"{key}.wav")]
        status = main([*call, "--text", texts[key], "--format", "json"])
        printed = capsys.readouterr()
        if status and "the recording is not of this text" in printed.err:
            continue  # the model's posteriors are random
        assert not status, printed.err
        differences.append(json.loads(printed.out)["score"] - value)
    assert len(differences) > 3 and np.abs(differences).max() < 2e-3


def test_parameters_of_a_published_model_are_counted(run: Path, tmp_path: Path):
    parameters(run / "bundle" / "published" / "published.json", tmp_path)
    said = dict(line.split(",") for line in (tmp_path / "parameters.csv").read_text().splitlines())
    pdfs = 2 * 41
    assert int(said["acoustic model (TDNN-F)"]) == 9 * 5 + 5 + 5 * 4 + 2 * (4 * pdfs + pdfs)


def test_an_encoder_is_copied_with_all_that_lies_elsewhere(tmp_path: Path):
    recipe = tmp_path / "s5"
    model = write_published(tmp_path / "made", ["a", "b"])
    shutil.copytree(model / "ivector", recipe / "exp/nnet3/extractor")
    folder = recipe / "exp/chain/tdnn"
    shutil.copytree(model / "am", folder)
    shutil.copytree(model / "conf", recipe / "conf")
    (folder / "cmvn_opts").write_text("--norm-means=true\n")
    (folder / "frame_subsampling_factor").write_text("3\n")
    copy_encoder(folder, tmp_path / "copy")
    noise = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    (expected,), encoder = load_encoder(folder).states([noise], (-1,)), load_encoder(folder)
    assert isinstance(encoder, KaldiEncoder) and encoder.model.files.normalisation == "mean"
    shutil.rmtree(recipe)
    np.testing.assert_array_equal(
        load_encoder(tmp_path / "copy").states([noise], (-1,))[0], expected
    )
