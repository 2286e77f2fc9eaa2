"""The stage prosody on recordings that were made for it: a voice, a whisper, a child's voice."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_speech import aligned

from pyscorer.contract.archives import Matrices, read_matrices
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.files import write_table
from pyscorer.contract.pooled import read_columns, read_pooled
from pyscorer.errors import InputError
from pyscorer.measures.measure_prosody import ProsodyOptions, prosody

RATE, FRAMES = 16000, 98
SEGMENTS = aligned("AH:10 B:10 AW:40 T:10")
ONE = ProsodyOptions(jobs=1)


def sound(hertz: float) -> np.ndarray:
    """A second of harmonics; of 0 Hz noise."""
    if not hertz:
        return 0.05 * np.random.default_rng(0).normal(size=RATE)
    time = np.arange(RATE) / RATE
    waves = [np.sin(2 * np.pi * h * hertz * time) / h for h in range(1, 20)]
    return np.asarray(0.1 * np.sum(waves, axis=0))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Utterances a (200 Hz) and b (100 Hz) of one speaker, c whispered by another."""
    data = tmp_path / "data"
    data.mkdir()
    for key, hertz in (("a", 200), ("b", 100), ("c", 0)):
        soundfile.write(data / f"{key}.wav", sound(hertz), RATE)
    write_table(data / "wav.scp", {key: str(data / f"{key}.wav") for key in "abc"})
    write_table(data / "text", dict.fromkeys("abc", "ABOUT"))
    write_table(data / "utt2spk", {"a": "ann", "b": "ann", "c": "cid"})
    write_table(data / "stress.txt", {"ABOUT": "AH0 B AW1 T"})
    last = SEGMENTS[-1].start + SEGMENTS[-1].length
    phones = [Segment("SIL", 0, 10), *(Segment(s.phone, s.start, s.length) for s in SEGMENTS)]
    phones.append(Segment("SIL", last, FRAMES - last))
    ali = tmp_path / "ali"
    write_ctm(ali / "phones.ctm", [(key, phones) for key in "abc"])
    write_ctm(ali / "words.ctm", [(key, [Segment("ABOUT", 10, last - 10)]) for key in "abc"])
    return tmp_path


def run(corpus: Path, options: ProsodyOptions = ONE) -> dict[str, dict[str, np.ndarray]]:
    """Utterance -> column -> values of its phones."""
    out = corpus / "out"
    prosody(corpus / "data", corpus / "ali", out, options)
    columns = read_columns(out)
    assert read_pooled(out, columns).keys == ["a", "b", "c"]
    return {k: dict(zip(columns, m.T, strict=True)) for k, m in read_matrices(out / "phones.scp")}


def test_a_pooled_directory_and_the_tracks_behind_it(corpus: Path) -> None:
    found = run(corpus)
    tracks = Matrices(corpus / "out" / "tracks.scp")
    assert tracks["a"].shape == (FRAMES, 3)
    assert np.median(tracks["a"][:, 1]) == pytest.approx(200, rel=0.01)
    assert found["a"]["stress"].tolist() == [0, 1, 1, 1]
    assert found["a"]["word_stress_length"][0] == pytest.approx(np.log(4))
    assert found["a"]["voicing"].tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(found["a"]["log_duration"], np.log([10, 10, 40, 10]), rtol=1e-6)


def test_a_whispered_utterance_is_finite_and_named(
    corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = run(corpus)["c"]
    assert all(np.isfinite(values).all() for values in found.values())
    assert not found["utterance_voicing"].any() and not found["pitch_level"].any()
    assert "1 of 3 utterances have no voiced frame" in caplog.text
    assert "the first is c" in caplog.text


def test_the_reference_is_the_recordings_median_or_the_speakers(corpus: Path) -> None:
    own = run(corpus)
    assert own["a"]["pitch_level"] == pytest.approx([0] * 4, abs=0.1)
    assert own["b"]["pitch_level"] == pytest.approx([0] * 4, abs=0.1)
    speakers = run(corpus, replace(ONE, reference="speaker"))
    levels = [speakers[key]["pitch_level"].mean() for key in "ab"]
    # An octave apart, and half of the speaker's frames in each.
    assert levels[0] - levels[1] == pytest.approx(12, abs=0.2)
    assert 0 in np.round(levels)


def test_the_number_of_processes_changes_nothing(corpus: Path) -> None:
    run(corpus)
    before = (corpus / "out" / "phones.ark").read_bytes()
    run(corpus, replace(ONE, jobs=2))
    assert (corpus / "out" / "phones.ark").read_bytes() == before


def test_without_a_lexicons_digits_espeaks_stress_is_taken(corpus: Path) -> None:
    (corpus / "data" / "stress.txt").unlink()
    assert run(corpus)["a"]["stress"].tolist() == [0, 1, 1, 1]


def test_too_short_a_recording_is_named(corpus: Path) -> None:
    soundfile.write(corpus / "data" / "b.wav", np.zeros(200), RATE)
    with pytest.raises(InputError, match=r"utterance b \(.*b\.wav\): .* shorter than one analysis"):
        run(corpus)


def test_a_recording_of_another_length_is_named(corpus: Path) -> None:
    soundfile.write(corpus / "data" / "b.wav", sound(200)[: RATE // 2], RATE)
    with pytest.raises(InputError, match=r"utterance b: tracks\.scp has 48 frames"):
        run(corpus)


def test_a_missing_file_and_a_text_that_was_not_aligned_are_named(corpus: Path) -> None:
    write_table(corpus / "data" / "text", {**dict.fromkeys("abc", "ABOUT"), "b": "ABOUT TO"})
    with pytest.raises(InputError, match="utterance b: 2 words in the text, 1 in the alignment"):
        run(corpus)
    (corpus / "data" / "a.wav").unlink()
    with pytest.raises(InputError, match=r"a\.wav"):
        run(corpus)


def test_an_utterance_without_alignment_is_named(corpus: Path) -> None:
    for name in ("phones.ctm", "words.ctm"):
        path = corpus / "ali" / name
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.startswith("b ")))
    with pytest.raises(
        InputError, match=r"phones\.ctm: 1 of the 3 utterances .* first b; run align"
    ):
        run(corpus)
