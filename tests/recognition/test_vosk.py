"""Recognition with a trained model: by this package, and by Vosk, which is Kaldi's runtime."""

import csv
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_published import write_extractor

from pyscorer.alignment.features import cmvn_stats, mfcc
from pyscorer.chain.acoustic_model import chain_scores, load_model
from pyscorer.contract.archives import Matrices, read_matrices
from pyscorer.contract.ctm import Segment, read_ctm
from pyscorer.contract.datadir import read_data_dir, read_wav
from pyscorer.contract.decoded import Alternative, Decoded, read_decoded
from pyscorer.errors import InputError
from pyscorer.kaldi.export_kaldi import export_kaldi
from pyscorer.kaldi.import_published import import_published
from pyscorer.kaldi.model_directory import find_model
from pyscorer.kaldi.nnet3 import read_nnet3, write_nnet3
from pyscorer.kaldi.online_cmvn import OnlineCmvn, running_mean
from pyscorer.kaldi.published_model import load_published
from pyscorer.lexicon.words import TranscriptReader
from pyscorer.recognition.decode import DecodeOptions, decode
from pyscorer.recognition.decode_vosk import VoskOptions, as_decoded, decode_vosk
from pyscorer.recognition.decoder import Hypothesis, Recogniser, SearchOptions
from pyscorer.recognition.export_vosk import export_vosk

VOSK_GRAPH_SCALE = 0.9
"""Vosk multiplies graph scores by it before it reports them."""


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


def of_vosk(runtime: Any, samples: np.ndarray) -> dict[str, Any]:
    """The best transcript, with its total log-likelihood as confidence."""
    import vosk

    kaldi = vosk.KaldiRecognizer(runtime, 16000)
    kaldi.SetMaxAlternatives(1)
    kaldi.AcceptWaveform(pcm(samples).tobytes())
    best: dict[str, Any] = json.loads(kaldi.FinalResult())["alternatives"][0]
    return best


def pcm(samples: np.ndarray) -> np.ndarray:
    return np.round(samples * 32768).clip(-32768, 32767).astype("<i2")


def as_vosk_reports(ours: Hypothesis) -> float:
    return VOSK_GRAPH_SCALE * (ours.score - ours.acoustic) + ours.acoustic


def test_vosk_hears_what_we_hear_with_the_same_scores(trained: Path, model: Path):
    vosk = pytest.importorskip("vosk", reason="vosk is not installed: pip install vosk")
    vosk.SetLogLevel(-1)
    loaded, recogniser = load_model(trained / "tdnnf" / "final.pt"), Recogniser(trained / "graph")
    stats = sum(cmvn_stats(matrix) for _, matrix in read_matrices(trained / "mfcc40" / "feats.scp"))
    matrices, runtime = Matrices(trained / "mfcc40" / "feats.scp"), vosk.Model(str(model))
    right = alike = 0
    utterances = list(read_data_dir(trained / "data").utterances.values())[::4]
    for utterance in utterances:
        heard = of_vosk(runtime, read_wav(utterance))
        centred = running_mean(matrices[utterance.key], stats)
        (ours,) = recogniser.decode(chain_scores(loaded, centred, centred=True))
        alike += heard["text"] == " ".join(ours.words)
        assert heard["confidence"] == pytest.approx(as_vosk_reports(ours), abs=0.02)
        right += ours.words == tuple(utterance.words)
    assert right >= 0.8 * len(utterances)
    # Two transcripts may be as likely as each other to a hundredth, by some machines' model.
    assert alike >= len(utterances) - 1


@pytest.mark.parametrize("quiet", ["before", "between", "after"])
def test_vosk_passes_over_quiet_frames_as_we_can(trained: Path, model: Path, quiet: str):
    vosk = pytest.importorskip("vosk", reason="vosk is not installed: pip install vosk")
    vosk.SetLogLevel(-1)
    loaded, recogniser = load_model(trained / "tdnnf" / "final.pt"), Recogniser(trained / "graph")
    stats = sum(cmvn_stats(matrix) for _, matrix in read_matrices(trained / "mfcc40" / "feats.scp"))
    speech = read_wav(next(iter(read_data_dir(trained / "data").utterances.values())))
    noise, nothing = np.random.default_rng(0).normal(0, 1e-4, 16000), np.zeros(16000)
    parts = {
        "before": (noise, speech), "between": (speech, noise, speech), "after": (speech, nothing),
    }  # fmt: skip
    samples = np.concatenate(parts[quiet])
    features = mfcc((pcm(samples) / 32768).astype(np.float32), "mfcc40")
    assert 80 < (features[:, 0] <= 50).sum() < 120
    reported = of_vosk(vosk.Model(str(model)), samples)["confidence"]
    off = []
    for energy in (50.0, None):
        centred = running_mean(features, stats, OnlineCmvn(cmn_min_energy=energy))
        (ours,) = recogniser.decode(chain_scores(loaded, centred, centred=True))
        off.append(abs(reported - as_vosk_reports(ours)))
    assert off[0] < 0.02 and off[1] > 1


@pytest.fixture(scope="module")
def with_ivectors(trained: Path, model: Path) -> Path:
    """The trained network with i-vectors, which count for little, as a Vosk model."""
    folder = shutil.copytree(trained / "kaldi", trained / "with_ivectors" / "model")
    mdl, rng = folder / "final.mdl", np.random.default_rng(1)
    nnet = read_nnet3(mdl)
    first = nnet.components["tdnn1.affine"]
    weights = first.fields["LinearParams"]
    wider = np.concatenate([weights, rng.normal(0, 0.02, (len(weights), 3))], axis=1)
    wide = replace(first, fields=first.fields | {"LinearParams": wider.astype(np.float32)})
    spliced = "Offset(batchnorm0, 1)", "Offset(batchnorm0, 1), ReplaceIndex(ivector, t, 0)"
    config = ["input-node name=ivector dim=3", *(line.replace(*spliced) for line in nnet.config)]
    components = nnet.components | {"tdnn1.affine": wide}
    write_nnet3(mdl, replace(nnet, config=config, components=components))
    lda = np.zeros((2, 81))
    lda[0, [1, 80]], lda[1, 42] = (0.05, 0.3), 0.05
    write_extractor(folder / "ivector", lda)
    (folder / "ivector" / "splice.conf").rename(folder / "ivector" / "splice_opts")
    (folder / "ivector" / "ivector_extractor.conf").write_text("")
    (folder / "cmvn_opts").write_text("--norm-means=true\n")
    import_published(folder, trained / "with_ivectors" / "published")
    out = trained / "with_ivectors" / "vosk"
    export_vosk(
        *(trained / "with_ivectors" / "published", trained / "graph", trained / "mfcc40"),
        *(out, SearchOptions()),
    )
    return out


def test_a_model_with_ivectors_decodes_in_vosk(trained: Path, with_ivectors: Path):
    vosk = pytest.importorskip("vosk", reason="vosk is not installed: pip install vosk")
    vosk.SetLogLevel(-1)
    assert (with_ivectors / "ivector" / "splice.conf").read_text() == (
        "--left-context=1\n--right-context=0\n"
    )
    files = find_model(with_ivectors)
    assert files.normalisation == "online"
    ours, recogniser = load_published(files, max_count=100.0), Recogniser(trained / "graph")
    runtime, alike = vosk.Model(str(with_ivectors)), 0
    utterances = list(read_data_dir(trained / "data").utterances.values())[::6]
    for utterance in utterances:
        samples = read_wav(utterance)
        heard = of_vosk(runtime, samples)
        outputs, _ = ours.hear(samples, ["output"], "online")
        (best,) = recogniser.decode(outputs["output"])
        alike += heard["text"] == " ".join(best.words)
        # Vosk weighs silence down in i-vectors, and a chunk sees the newest
        assert heard["confidence"] == pytest.approx(as_vosk_reports(best), abs=2)
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
    with pytest.raises(InputError, match=r"vosk is not installed .*pip install 'pyscorer\[vosk\]'"):
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
