"""Recognition with a trained model: by this package, and by Vosk, which is Kaldi's runtime."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pyscorer.alignment.features import cmvn_stats
from pyscorer.chain.acoustic_model import chain_scores, load_model
from pyscorer.contract.archives import Matrices, read_matrices
from pyscorer.contract.datadir import read_data_dir, read_wav
from pyscorer.errors import InputError
from pyscorer.kaldi.export_kaldi import export_kaldi
from pyscorer.recognition.decode import DecodeOptions, decode
from pyscorer.recognition.decoder import Recogniser, SearchOptions
from pyscorer.recognition.export_vosk import export_vosk, running_mean

VOSK_GRAPH_SCALE = 0.9
"""Vosk multiplies graph scores by it before it reports them."""


def test_the_running_mean_by_hand():
    features = np.array([[2.0], [4.0], [12.0]])
    stats = np.array([[300.0, 100.0], [0.0, 0.0]])  # mean 3
    expected = [2 - (2 + 600) / 201, 4 - (6 + 600) / 202, 12 - (18 + 600) / 203]
    np.testing.assert_allclose(running_mean(features, stats)[:, 0], expected, rtol=1e-6)


def test_the_running_mean_forgets_after_600_frames():
    features = np.concatenate([np.full((600, 1), 100.0), np.zeros((600, 1))])
    found = running_mean(features, np.array([[0.0, 1.0], [0.0, 0.0]]))
    # From the 401st frame on the training mean is added for less than 200 frames.
    assert found[399, 0] == pytest.approx(100 - 100 * 400 / 600)
    assert found[499, 0] == pytest.approx(100 - 100 * 500 / 600)
    assert found[599, 0] == pytest.approx(0) and found[-1, 0] == pytest.approx(0)


def test_speech_that_was_trained_on_is_recognised(trained: Path):
    decode(
        trained / "data", trained / "mfcc40", trained / "tdnnf" / "final.pt", trained / "graph",
        trained / "decode", DecodeOptions(jobs=1),
    )  # fmt: skip
    with (trained / "decode" / "wer.csv").open() as stream:
        total = list(csv.DictReader(stream))[-1]
    assert total["utterance"] == "TOTAL" and float(total["wer"]) < 0.1


@pytest.fixture(scope="module")
def model(trained: Path) -> Path:
    export_kaldi(trained / "tdnnf" / "final.pt", trained / "graphs", trained / "kaldi")
    export_vosk(
        trained / "kaldi", trained / "graph", trained / "mfcc40", trained / "vosk", SearchOptions()
    )
    return trained / "vosk"


def test_a_graph_of_another_tree_is_refused(trained: Path, model: Path, tmp_path: Path):
    ids = (trained / "graph" / "pdfs.int").read_text().split()
    (tmp_path / "pdfs.int").write_text("-1\n" + "0\n1\n" * (len(ids) // 2))
    for name in ("HCLG.fst", "words.txt"):
        (tmp_path / name).symlink_to(trained / "graph" / name)
    with pytest.raises(InputError, match="made with a tree of 2 pdfs"):
        export_vosk(
            trained / "kaldi", tmp_path, trained / "mfcc40", tmp_path / "out", SearchOptions()
        )


def test_vosk_hears_what_we_hear_with_the_same_scores(trained: Path, model: Path):
    vosk = pytest.importorskip("vosk", reason="vosk is not installed: pip install vosk")
    vosk.SetLogLevel(-1)
    loaded, recogniser = load_model(trained / "tdnnf" / "final.pt"), Recogniser(trained / "graph")
    stats = sum(cmvn_stats(matrix) for _, matrix in read_matrices(trained / "mfcc40" / "feats.scp"))
    matrices, runtime = Matrices(trained / "mfcc40" / "feats.scp"), vosk.Model(str(model))
    right = 0
    utterances = list(read_data_dir(trained / "data").utterances.values())[::4]
    for utterance in utterances:
        recording = np.round(read_wav(utterance) * 32768).clip(-32768, 32767).astype("<i2")
        kaldi = vosk.KaldiRecognizer(runtime, 16000)
        kaldi.SetMaxAlternatives(1)
        kaldi.AcceptWaveform(recording.tobytes())
        heard = json.loads(kaldi.FinalResult())["alternatives"][0]
        centred = running_mean(matrices[utterance.key], stats)
        (ours,) = recogniser.decode(chain_scores(loaded, centred, centred=True))
        assert heard["text"] == " ".join(ours.words)
        graph = ours.score - ours.acoustic
        assert heard["confidence"] == pytest.approx(
            VOSK_GRAPH_SCALE * graph + ours.acoustic, abs=0.02
        )
        right += ours.words == tuple(utterance.words)
    assert right >= 0.8 * len(utterances)
