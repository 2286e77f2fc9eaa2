"""A grader that reads goodness by CTC, in a bundle: a new recording is measured as in the run."""

from pathlib import Path

import pandas as pd
import pytest
import soundfile
from made_huggingface import wav2vec_ctc
from made_models import TEXTS, make_models

from pyscorer.contract.phones import ARPABET
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import bundle_grader, load_bundle
from pyscorer.feedback.grade_recording import grade_recording
from pyscorer.grading.fit_grader import FitOptions
from pyscorer.grading.grader_inputs import SourcePaths
from pyscorer.grading.train_grader import GraderOptions, train_grader
from pyscorer.measures.ctc_gop import ctc_gop
from pyscorer.pretrained.ctc_posteriors import ctc_posteriors


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ctc")
    tokens = ["<pad>", *ARPABET, "ə"]
    model = wav2vec_ctc(root / "model", {token: i for i, token in enumerate(tokens)})
    make_models(root)
    (root / "map.txt").write_text("ə AH\n")
    ctc_posteriors(root / "data", model, root / "ctc", 1)
    for split in ("train", "test"):
        ctc_gop(*(root / name for name in ("data", "ali", "ctc", f"ctc_gop/{split}", "map.txt")))
    train_grader(
        *(root / "data", root / "data", root / "by_ctc"),
        SourcePaths(gop=root / "gop", ctc_gop=root / "ctc_gop"),
        GraderOptions(seeds=1, folds=2, width=16, layers=1, jobs=1),
        FitOptions(epochs=3),
    )
    return root


def bundled(run: Path, out: Path, ctc: Path | None) -> Path:
    bundle_grader(
        *(run / "gmm", run / "lexicon.txt", run / "tdnnf.pt", run / "by_ctc"),
        *(run / "data", run / "ali", run / "pool/train", run / "deep", out),
        ctc=ctc,
        phone_map=run / "map.txt",
    )
    return out


def test_a_recording_is_graded_as_in_the_run(run: Path, tmp_path: Path) -> None:
    bundle = load_bundle(bundled(run, tmp_path / "bundle", run / "model"))
    key, text = "s31-u", TEXTS[1]
    samples, _ = soundfile.read(run / f"{key}.wav", dtype="float32")
    grade = grade_recording(bundle, samples, text)
    table = pd.read_csv(run / "by_ctc/scores_phone.csv")
    wanted = table[table["utterance"] == key]["predicted"].tolist()
    found = [p.score.value for word in grade.words for p in word.phones if p.score]
    assert found == pytest.approx(wanted, abs=5e-3)


def test_a_bundle_without_the_model_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ctc: neither a model directory nor one of"):
        bundled(run, tmp_path / "bundle", None)
