"""What prosody says of tracks that are written down, by hand."""

import numpy as np
import pytest
from made_speech import aligned, flat_tracks

from pyscorer.contract.recording import Frames, Recording
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.measures.contours import CONTOUR, Contours, describe, normalised
from pyscorer.measures.prosody import PROSODY_COLUMNS, Prosody

ABOUT = "AH:10 B:10 AW:20 T:10"
STRESSES = {"ABOUT": [("AH0", "B", "AW1", "T")]}


def measured(
    segments: list[PhoneSegment],
    tracks: np.ndarray,
    words: tuple[str, ...],
    reference: float | None = None,
) -> dict[str, np.ndarray]:
    recording = Recording("u", segments, len(tracks), words, {"tracks": Frames(tracks)})
    matrix = Prosody(STRESSES, reference)(recording)
    assert np.isfinite(matrix).all()
    return dict(zip(PROSODY_COLUMNS, matrix.T, strict=True))


def test_a_contour_by_hand() -> None:
    pitch = np.array([0.0, 0.0, 1.0, 2.0, 3.0, 0.0])
    voiced = np.array([False, False, True, True, True, False])
    contours = Contours(pitch, voiced, np.array([0.0, 1.0, 2.0, 3.0, 4.0, 8.0]))
    rows = describe(contours, np.array([1, 0]), np.array([5, 2]))
    first = dict(zip(CONTOUR, rows[0], strict=True))
    assert first["voicing"] == 0.75
    assert (first["pitch_level"], first["pitch_range"], first["pitch_peak"]) == (2, 2, 3)
    assert first["pitch_slope"] == 60  # one semitone in 10 ms is 100 a second, cut
    assert first["pitch_peak_place"] == 3.5 / 4
    assert (first["loudness_level"], first["loudness_peak"]) == (2.5, 4)
    np.testing.assert_array_equal(rows[1], [0, 0, 0, 0, 0, 0.5, 0.5, 1])


def test_pitch_is_in_semitones_from_the_median_of_the_speech_or_the_speakers() -> None:
    tracks = flat_tracks(9)
    tracks[:3, 1], tracks[6:, 1] = 100, 400
    speech = np.ones(9, dtype=bool)
    np.testing.assert_allclose(normalised(tracks, speech).pitch[[0, 4, 8]], [-12, 0, 12])
    speech[3:6] = False
    octave_up = normalised(tracks, speech, 12 * np.log2(200)).pitch
    np.testing.assert_allclose(octave_up[[0, 4, 8]], [-12, 0, 12], atol=1e-6)


def test_loudness_is_in_deviations_within_the_speech_alone() -> None:
    tracks = flat_tracks(6)
    tracks[:, 2] = [-90, -40, -20, -40, -20, -90]
    speech = np.array([False, True, True, True, True, False])
    np.testing.assert_allclose(normalised(tracks, speech).loudness, [-6, -1, 1, -1, 1, -6])


def test_the_stressed_syllable_is_held_against_the_other() -> None:
    tracks = flat_tracks(70)
    tracks[20:60, 1] = 200 * 2 ** (3 / 12)  # B AW T: three semitones higher
    tracks[20:60, 2] = -20
    found = measured(aligned(ABOUT), tracks, ("ABOUT",))
    assert found["stress"].tolist() == [0, 1, 1, 1]
    assert found["word_syllables"][0] == 2 and found["word_stress_known"][0] == 1
    assert found["word_stress_pitch"][0] == pytest.approx(3)
    assert found["word_stress_length"][0] == pytest.approx(np.log(20 / 10))
    assert found["word_stress_loudness"][0] > 0
    assert found["utterance_stress_pitch"][0] == pytest.approx(3)
    assert found["syllable_pitch_level"].tolist() == pytest.approx([-3, 0, 0, 0])
    # Vowels are 10 and 20 frames: log lengths less their mean.
    assert found["length"][[0, 2]] == pytest.approx([-np.log(2) / 2, np.log(2) / 2])
    assert found["length"][[1, 3]] == pytest.approx([0, 0])


def test_one_syllable_and_unknown_words_have_no_stress_to_keep() -> None:
    segments = aligned("G:10 OW:20", "S:5 IH:5 Z:5 AH:5")
    found = measured(segments, flat_tracks(80), ("GO", "\u5b57"))
    assert not found["stress"].any() and not found["word_stress_known"].any()
    assert not found["utterance_stress_length"].any()
    assert found["word_syllables"].tolist() == [1, 1, 2, 2, 2, 2]


def test_a_falling_utterance_declines_and_ends_low() -> None:
    segments = aligned("G:10 OW:40", "G:10 OW:40")
    tracks = flat_tracks(120)
    tracks[:, 1] = 200 * 2 ** (-4 * np.arange(120) / 100 / 12)  # four semitones a second
    found = measured(segments, tracks, ("GO", "GO"))
    assert found["utterance_declination"][0] == pytest.approx(-4, rel=1e-3)
    assert found["utterance_final_pitch"][0] == pytest.approx(-1, abs=0.05)
    assert found["utterance_final_slope"][0] == pytest.approx(-4, rel=1e-2)
    assert found["utterance_pitch_steps"][0] == pytest.approx(2, abs=0.05)
    assert found["utterance_loudness_range"][0] == 0


def test_octave_errors_are_cut() -> None:
    tracks = flat_tracks(70)
    tracks[10:15, 1] = 30000
    assert measured(aligned(ABOUT), tracks, ("ABOUT",))["pitch_peak"][0] == 18


@pytest.mark.parametrize("loudness", [-100.0, -40.0])
def test_whispering_has_lengths_and_no_pitch(loudness: float) -> None:
    tracks = flat_tracks(70, loudness=loudness)
    tracks[:, 0] = 0.1
    found = measured(aligned(ABOUT), tracks, ("ABOUT",))
    assert not any(found[name].any() for name in ("voicing", "utterance_voicing"))
    names = [n for n in PROSODY_COLUMNS if "pitch" in n and not n.endswith("peak_place")]
    assert not any(found[name].any() for name in names)
    assert found["word_stress_length"][0] == pytest.approx(np.log(2))


def test_speech_to_the_last_frame_and_a_frame_beyond() -> None:
    measured(aligned(ABOUT, start=0), flat_tracks(50), ("ABOUT",))
    segments = aligned(ABOUT, start=0)
    recording = Recording("u", segments, 50, ("ABOUT",), {"tracks": Frames(flat_tracks(48))})
    assert np.isfinite(Prosody({})(recording)).all()


def test_another_text_is_refused() -> None:
    with pytest.raises(InputError, match="utterance u: 2 words in the text, 1 in the alignment"):
        measured(aligned(ABOUT), flat_tracks(70), ("ABOUT", "TO"))
