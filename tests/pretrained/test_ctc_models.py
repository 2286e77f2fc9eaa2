"""CTC models as a source of posteriors: Hugging Face's heads, hama, and the stage over a corpus."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from made_ctc import write_corpus
from made_huggingface import moonshine, parakeet, w2v_bert, wav2vec_ctc

from pyscorer.contract.archives import Matrices
from pyscorer.contract.segments import read_frame_shift
from pyscorer.errors import InputError
from pyscorer.pretrained.ctc_posteriors import ctc_posteriors, read_tokens_of
from pyscorer.pretrained.registry import load_ctc, load_encoder

IPA = {"<pad>": 0, "<s>": 1, "ɑː": 2, "t": 3, "ɛɹ": 4}
NOISE = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)


def test_a_head_of_wav2vec2_gives_posteriors_of_its_vocabulary(tmp_path: Path) -> None:
    model = load_ctc(wav2vec_ctc(tmp_path, IPA))
    assert (model.tokens, model.blank, model.frame_shift) == (tuple(IPA), 0, 0.02)
    posteriors = model.log_posteriors(NOISE)
    assert posteriors.shape == (49, 5) and posteriors.dtype == np.float32
    np.testing.assert_allclose(np.exp(posteriors).sum(axis=1), 1, rtol=1e-5)
    # It is normalised as its feature extractor says.
    np.testing.assert_allclose(model.log_posteriors(NOISE * 3 + 1), posteriors, atol=1e-4)
    with pytest.raises(InputError, match="too short for the model"):
        model.log_posteriors(NOISE[:100])


def test_the_same_directory_is_an_encoder_as_well(tmp_path: Path) -> None:
    assert load_encoder(wav2vec_ctc(tmp_path, IPA)).frame_shift == 0.02


def test_where_an_adapter_shortens_the_output_its_frame_shift_is_measured(tmp_path: Path) -> None:
    w2v_bert(tmp_path, "Wav2Vec2BertForCTC", vocab_size=5, pad_token_id=0, add_adapter=True)
    (tmp_path / "vocab.json").write_text(json.dumps(IPA))
    model = load_ctc(tmp_path)
    assert model.frame_shift == pytest.approx(0.04, abs=1e-12)
    assert abs(len(model.log_posteriors(NOISE)) - 25) <= 1


def test_tokens_of_a_tokenizer_file_and_a_blank_without_a_name(tmp_path: Path) -> None:
    pieces = {"model": {"vocab": [[f"p{i}", 0.0] for i in range(6)]}}
    added = [{"id": 6, "content": "<extra>"}]
    (parakeet(tmp_path) / "tokenizer.json").write_text(json.dumps(pieces | {"added_tokens": added}))
    model = load_ctc(tmp_path)
    assert model.tokens == ("p0", "p1", "p2", "p3", "p4", "p5", "<extra>", "<blank>")
    assert (model.blank, round(model.frame_shift, 9)) == (7, 0.08)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (IPA | {"ɹ": 5}, "ɹ is output 5, of a model with 5: not of the same model"),
        ({"<pad>": 0, "t": 3}, "3 of the 5 outputs of the model have no name, first 1"),
        ({"eng": IPA}, "vocabularies of several languages, eng the first"),
        ({"<pad>": "0"}, "<pad>: 0 is no place of a token"),
        ([], "not the tokens of a model"),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_named(
    vocabulary: object, message: str, tmp_path: Path
) -> None:
    wav2vec_ctc(tmp_path, IPA)
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    with pytest.raises(InputError, match=rf"vocab\.json: {message}"):
        load_ctc(tmp_path)


def test_the_blank_must_be_an_output(tmp_path: Path) -> None:
    path = wav2vec_ctc(tmp_path, IPA) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": None}))
    with pytest.raises(InputError, match="pad_token_id None is none of its 5 outputs"):
        load_ctc(tmp_path)


def test_a_model_without_a_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not readable by transformers: .*AutoModelForCTC"):
        load_ctc(moonshine(tmp_path))


def test_a_head_that_was_never_trained_is_not_made_up(tmp_path: Path) -> None:
    w2v_bert(tmp_path, vocab_size=5, pad_token_id=0)
    (tmp_path / "vocab.json").write_text(json.dumps(IPA))
    with pytest.raises(InputError, match=r"no weights lm_head\.bias, .*: not trained as Wav2Vec2B"):
        load_ctc(tmp_path)
    assert load_encoder(tmp_path).frame_shift == pytest.approx(0.02)


def test_whisper_gives_no_posteriors_by_ctc(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(InputError, match="Whisper in CTranslate2's format gives no posteriors"):
        load_ctc(tmp_path)


def test_hama_hears_phones(tmp_path: Path) -> None:
    pytest.importorskip("hama", reason="the extra hama is not installed")
    model = load_ctc(Path("hama"))
    assert (model.frame_shift, model.tokens[model.blank]) == (0.02, "<blank>")
    posteriors = model.log_posteriors(NOISE)
    assert posteriors.shape == (51, len(model.tokens))
    np.testing.assert_allclose(np.exp(posteriors).sum(axis=1), 1, rtol=1e-4)
    with pytest.raises(InputError, match="no samples"):
        model.log_posteriors(NOISE[:0])
    with pytest.raises(InputError, match="hama's recogniser is no encoder"):
        load_encoder(Path("hama"))
    (tmp_path / "asr_waveform.hama").write_bytes(b"other")
    with pytest.raises(InputError, match="not readable by hama"):
        load_ctc(tmp_path)


def test_without_hama_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "asr_waveform.hama").touch()
    monkeypatch.setitem(sys.modules, "hama", None)
    with pytest.raises(InputError, match=r"pip install 'pyscorer\[hama\]'"):
        load_ctc(tmp_path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_stage_writes_posteriors_tokens_and_frame_shift(tmp_path: Path, jobs: int) -> None:
    folder, model = write_corpus(tmp_path), wav2vec_ctc(tmp_path / "model", IPA)
    ctc_posteriors(folder / "data", model, tmp_path / "ctc", jobs)
    matrices = Matrices(tmp_path / "ctc/post.scp")
    assert [matrices[key].shape for key in ("u1", "u2")] == [(49, 5)] * 2
    assert read_tokens_of(tmp_path / "ctc").names == tuple(IPA)
    assert read_frame_shift(tmp_path / "ctc") == 0.02


def test_a_recording_that_is_too_short_is_named(tmp_path: Path) -> None:
    folder, model = write_corpus(tmp_path, samples=50), wav2vec_ctc(tmp_path / "model", IPA)
    with pytest.raises(InputError, match=r"utterance u1: 0\.00 s of speech are too short"):
        ctc_posteriors(folder / "data", model, tmp_path / "ctc", 1)
