"""Transcripts by Whisper: by a tiny one of random weights, and by real ones where they are."""

from pathlib import Path

import not_speech
import numpy as np
import pytest
import soundfile
from made_whisper import tiny, write_model, write_tokenizer

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.decoded import read_decoded
from pyscorer.errors import InputError
from pyscorer.lexicon.espeak import Voice, mnemonics, synthesise
from pyscorer.lexicon.words import TranscriptReader
from pyscorer.pretrained import transcribe as stage
from pyscorer.pretrained.beam_search import Candidate, Search
from pyscorer.pretrained.recogniser import Recogniser, load_recogniser
from pyscorer.pretrained.transcribe import TranscribeOptions, hear_recordings, transcribe

LEXICON = {"A": [("AH",)], "T-SHIRT": [("T",)], "I'M": [("AY", "M")]}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stage, "_WINDOW", 1.1)
    folder = write_model(tmp_path / "model", tiny(words=305, longest_text=60))
    write_tokenizer(folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three recordings of noise, of unlike length."""
    made = DataDir()
    rng = np.random.default_rng(1)
    for key, seconds in (("a", 0.5), ("b", 0.3), ("c", 0.9)):
        audio = tmp_path / f"{key}.wav"
        soundfile.write(audio, rng.normal(0, 0.1, round(seconds * SAMPLE_RATE)), SAMPLE_RATE)
        made.utterances[key] = Utterance(key, "s", audio, ("HI",))
    (tmp_path / "data").mkdir()
    write_data_dir(tmp_path / "data", made)
    return tmp_path / "data"


def read(search: Search, recogniser: Recogniser, reader: TranscriptReader, bounds: list[int]):
    return stage._decoded(recogniser, search, np.array(bounds), reader)


def test_words_get_the_times_and_the_likelihood_of_their_tokens(directory: Path):
    recogniser = load_recogniser(directory)
    tokens = recogniser.tokens.encode(" a t-shirt, I'm an")
    likely = np.log(np.linspace(0.5, 1, len(tokens)))
    search = Search((Candidate(tuple(tokens), tuple(likely)),), 0.0)
    bounds = list(range(10, 11 + len(tokens)))
    spaced = [i for i, t in enumerate(tokens) if recogniser.tokens.decode([t])[0] == " "]
    decoded = read(search, recogniser, TranscriptReader(LEXICON), bounds)
    assert decoded.transcript == "A T-SHIRT I'M AN"
    ends = [*spaced[1:], len(tokens)]
    for word, first, last in zip(decoded.words, spaced, ends, strict=True):
        # States of 20 ms, frames of 10 ms.
        assert (word.start, word.end) == (2 * bounds[first], 2 * bounds[last])
        assert word.confidence == pytest.approx(np.exp(sum(likely[first:last])))
    assert decoded.alternatives[0].words == ("A", "T-SHIRT", "I'M", "AN")
    parted = read(search, recogniser, TranscriptReader({"T": [("T",)]}), bounds)
    assert parted.transcript == "A T SHIRT I'M AN"
    t, shirt = parted.words[1:3]
    assert t.end == shirt.start and t.confidence == shirt.confidence
    assert read(search, recogniser, TranscriptReader({}), bounds).transcript == "a t-shirt i'm an"


def test_transcripts_that_differ_in_punctuation_alone_are_one(directory: Path):
    recogniser = load_recogniser(directory)
    texts = [(" a, an", -1.0), (" a an.", -2.0), (" an", -3.0), (" .", -4.0)]
    search = Search(
        tuple(Candidate(tuple(recogniser.tokens.encode(t)), (score,)) for t, score in texts), 0.0
    )
    bounds = list(range(9))
    decoded = read(search, recogniser, TranscriptReader(LEXICON), bounds)
    found = [(" ".join(one.words), one.score) for one in decoded.alternatives]
    assert found == [("A AN", -1.0), ("AN", -3.0), ("", -4.0)]
    nothing = Search(search.candidates[3:], 0.0)
    assert not read(nothing, recogniser, TranscriptReader(LEXICON), bounds).alternatives


@pytest.mark.parametrize(
    "no_speech, likely, silent",
    [(0.7, -0.6, True), (0.7, -0.4, False), (0.5, -3.0, False), (0.0, -3.0, False)],
)
def test_nothing_was_said_where_silence_is_likely_and_the_transcript_is_not(
    no_speech: float, likely: float, silent: bool
):
    search = Search((Candidate((1, 2), (likely, likely)),), no_speech)
    assert stage._is_silence(search, TranscribeOptions()) == silent


def test_the_stage_writes_what_every_decoder_writes(directory: Path, data: Path, tmp_path: Path):
    options = TranscribeOptions(beam=2, batch=2, jobs=1)
    transcribe(data, directory, tmp_path / "out", options)
    found = list(read_decoded(tmp_path / "out"))
    assert [one.key for one in found] == ["a", "b", "c"]
    assert all(one.words and 1 <= len(one.alternatives) <= 2 for one in found)
    assert (tmp_path / "out" / "wer.csv").read_text().splitlines()[-1].startswith("TOTAL,3,")
    transcribe(data, directory, tmp_path / "alone", TranscribeOptions(beam=2, batch=1, jobs=1))
    for name in ("hyp.text", "words.ctm"):
        assert (tmp_path / "alone" / name).read_text() == (tmp_path / "out" / name).read_text()


def test_audio_that_does_not_decode_and_a_recording_that_is_too_long_are_named(
    directory: Path, data: Path, tmp_path: Path
):
    arguments = data, directory, tmp_path / "out", TranscribeOptions(jobs=1)
    soundfile.write(tmp_path / "b.wav", np.full(20000, 0.1), SAMPLE_RATE)
    with pytest.raises(InputError, match=r"utterance b: 1 s of speech; the encoder takes 1 s"):
        transcribe(*arguments)
    (tmp_path / "b.wav").write_bytes(b"RIFF of nothing")
    with pytest.raises(InputError, match=r"utterance b: .*b\.wav"):
        transcribe(*arguments)
    assert not (tmp_path / "out" / "hyp.text").exists()


@pytest.fixture(scope="module")
def real() -> Recogniser:
    try:
        return load_recogniser(Path("tiny.en"))
    except InputError as error:
        pytest.skip(str(error))


def test_sounds_that_are_no_speech_have_no_words(real: Recogniser):
    sounds = [make().astype(np.float32) for make in not_speech.SOUNDS.values()]
    heard = hear_recordings(real, sounds, TranscriptReader({}))
    said = dict(zip(not_speech.SOUNDS, (one.transcript for one in heard), strict=True))
    assert said == dict.fromkeys(not_speech.SOUNDS, "")
    assert not any(one.alternatives for one in heard)


def test_speech_is_heard_where_and_as_it_was_said(real: Recogniser):
    phones = ["OW P AH N", "DH AH", "W IH N D OW"]
    said = [mnemonics(word.split(), 0 if word != "DH AH" else None) for word in phones]
    speech = synthesise(Voice("en-us+f3", 50, 1.0), said, 140, 50)
    silence = np.zeros(SAMPLE_RATE, np.float32)
    samples = np.concatenate([silence, speech, silence, silence])
    lexicon = {word: [("T",)] for word in ("OPEN", "THE", "WINDOW")}
    (heard,) = hear_recordings(real, [samples], TranscriptReader(lexicon))
    assert heard.transcript == "OPEN THE WINDOW"
    assert heard.words[0].start == pytest.approx(100, abs=10)
    assert heard.words[-1].end <= 100 + 100 * len(speech) / SAMPLE_RATE + 30
    assert all(0.2 < word.confidence <= 1 for word in heard.words)
    assert [word.start for word in heard.words] == sorted(word.start for word in heard.words)
