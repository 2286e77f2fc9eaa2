"""Recognition with a trained model: by this package, and by Vosk, which is Kaldi's runtime."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pyscorer.alignment.features import cmvn_stats
from pyscorer.chain.acoustic_model import chain_scores, load_model
from pyscorer.contract.archives import Matrices, read_matrices
from pyscorer.contract.ctm import Segment, read_ctm
from pyscorer.contract.datadir import read_data_dir, read_wav
from pyscorer.contract.decoded import Alternative, Decoded, read_decoded
from pyscorer.errors import InputError
from pyscorer.kaldi.export_kaldi import export_kaldi
from pyscorer.lexicon.words import TranscriptReader
from pyscorer.recognition.decode import DecodeOptions, decode
from pyscorer.recognition.decode_vosk import VoskOptions, as_decoded, decode_vosk
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
    right = alike = 0
    utterances = list(read_data_dir(trained / "data").utterances.values())[::4]
    for utterance in utterances:
        recording = np.round(read_wav(utterance) * 32768).clip(-32768, 32767).astype("<i2")
        kaldi = vosk.KaldiRecognizer(runtime, 16000)
        kaldi.SetMaxAlternatives(1)
        kaldi.AcceptWaveform(recording.tobytes())
        heard = json.loads(kaldi.FinalResult())["alternatives"][0]
        centred = running_mean(matrices[utterance.key], stats)
        (ours,) = recogniser.decode(chain_scores(loaded, centred, centred=True))
        alike += heard["text"] == " ".join(ours.words)
        graph = ours.score - ours.acoustic
        assert heard["confidence"] == pytest.approx(
            VOSK_GRAPH_SCALE * graph + ours.acoustic, abs=0.02
        )
        right += ours.words == tuple(utterance.words)
    assert right >= 0.8 * len(utterances)
    # Two transcripts may be as likely as each other to a hundredth, by some machines' model.
    assert alike >= len(utterances) - 1


BEST = {
    "result": [
        {"word": "the", "start": 0.1, "end": 0.2, "conf": 0.75},
        {"word": "t-shirt", "start": 0.2, "end": 0.2, "conf": 1.0},
    ]
}
OTHERS = {
    "alternatives": [
        {"text": "a t-shirt", "confidence": 31.5},
        {"text": "the t-shirt", "confidence": 30.25},
        {"text": "a t shirt", "confidence": 28.0},
    ]
}


def test_the_answers_of_vosk_by_hand():
    reader = TranscriptReader({"THE": [("DH", "AH")], "SHIRT": [("T",)]})
    decoded = as_decoded("u", BEST, OTHERS, reader)
    # The second word has no time of its own, and is two in the lexicon.
    assert decoded.words == (
        Segment("THE", 10, 10, 0.75), Segment("T", 20, 1, 1.0), Segment("SHIRT", 21, 1, 1.0),
    )  # fmt: skip
    # The transcript first, though not the likeliest; A T SHIRT is there once.
    assert decoded.alternatives == (
        Alternative(("THE", "T", "SHIRT"), 30.25), Alternative(("A", "T", "SHIRT"), 31.5),
    )  # fmt: skip
    alone = as_decoded("u", BEST, {}, reader)
    assert alone.alternatives == (Alternative(("THE", "T", "SHIRT"), 0.0),)
    assert as_decoded("u", {"text": ""}, OTHERS, reader) == Decoded("u", ())


def test_vosk_writes_what_every_decoder_writes(trained: Path, model: Path, tmp_path: Path):
    pytest.importorskip("vosk", reason="vosk is not installed: pip install vosk")
    decode_vosk(trained / "data", model, tmp_path / "vosk", VoskOptions(nbest=5, jobs=2))
    utterances = read_data_dir(trained / "data").utterances
    found = list(read_decoded(tmp_path / "vosk"))
    assert [one.key for one in found] == list(utterances)
    with (tmp_path / "vosk" / "wer.csv").open() as stream:
        assert float(list(csv.DictReader(stream))[-1]["wer"]) < 0.15
    assert max(len(one.alternatives) for one in found) > 1
    confidences = [word.confidence for one in found for word in one.words]
    assert all(0 <= c <= 1 for c in confidences) and np.mean(confidences) > 0.8
    decode_vosk(trained / "data", model, tmp_path / "one", VoskOptions(nbest=1, jobs=1))
    for name in ("hyp.text", "words.ctm"):
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "vosk" / name).read_text()


def test_what_is_no_vosk_model_is_refused(trained: Path, tmp_path: Path):
    pytest.importorskip("vosk", reason="vosk is not installed: pip install vosk")
    arguments = tmp_path / "model", tmp_path / "out", VoskOptions(jobs=1)
    with pytest.raises(InputError, match=r"model: no Vosk model: it has neither am/final\.mdl"):
        decode_vosk(trained / "data", *arguments)
    (tmp_path / "model" / "am").mkdir(parents=True)
    (tmp_path / "model" / "am" / "final.mdl").write_bytes(b"\0B")
    with pytest.raises(InputError, match=r"model: Vosk does not load it .*: copy the model again"):
        decode_vosk(trained / "data", *arguments)


def test_without_vosk_another_decoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "vosk", None)
    with pytest.raises(InputError, match=r"vosk is not installed .*pip install pyscorer\[vosk\]"):
        decode_vosk(tmp_path, tmp_path, tmp_path / "out", VoskOptions())


def test_words_are_recognised_when_they_are_said(trained: Path, tmp_path: Path):
    decode(
        trained / "data", trained / "mfcc40", trained / "tdnnf" / "final.pt", trained / "graph",
        tmp_path, DecodeOptions(jobs=1),
    )  # fmt: skip
    aligned = dict(read_ctm(trained / "ali" / "words.ctm"))
    right = wrong = 0
    offsets: list[int] = []
    sure: dict[bool, list[float]] = {True: [], False: []}
    for decoded in read_decoded(tmp_path):
        said = [word.label for word in aligned[decoded.key]]
        if decoded.transcript.split() != said:
            wrong += 1
            sure[False].append(min(word.confidence or 0 for word in decoded.words))
            continue
        right += 1
        sure[True].append(min(word.confidence or 0 for word in decoded.words))
        for word, other in zip(decoded.words, aligned[decoded.key], strict=True):
            offsets += [abs(word.start - other.start), abs(word.end - other.end)]
    assert right > wrong
    assert np.median(offsets) <= 4  # of 10 ms; the two models differ in what belongs to a phone
    assert not wrong or np.mean(sure[False]) < np.mean(sure[True])
