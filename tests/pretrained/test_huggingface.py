"""Encoders of transformers whose configuration does not say how long a frame is."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_huggingface import SIZE, moonshine, parakeet, seamless, w2v_bert

from pyscorer.errors import InputError
from pyscorer.pretrained.frame_shifts import measured_shift
from pyscorer.pretrained.registry import load_encoder

NOISE = np.random.default_rng(0).normal(0, 0.1, 40000).astype(np.float32)


@pytest.mark.parametrize(
    ("made", "shift", "layers", "rows"),
    [
        (w2v_bert, 0.02, 2, 124),
        (parakeet, 0.08, 2, 32),
        (moonshine, 0.024, 2, 102),
        # What its last layer says is given as the adapter makes it, at another frame shift.
        (seamless, 0.02, 1, 124),
    ],
)
def test_frame_shift_and_layers_are_found_from_the_model(
    made: Callable[[Path], Path], shift: float, layers: int, rows: int, tmp_path: Path
) -> None:
    encoder = load_encoder(made(tmp_path))
    assert encoder.frame_shift == pytest.approx(shift, abs=1e-12)
    assert encoder.layers == layers
    wanted = (1, layers)
    states, shorter = encoder.states([NOISE, NOISE[:20000]], wanted)
    assert states.shape == (rows, encoder.dimension(wanted)) == (rows, 2 * SIZE)
    assert states.dtype == np.float32
    assert abs(len(shorter) - 20000 / 16000 / shift) <= 2.5
    (last,) = encoder.states([NOISE], (-1,))
    np.testing.assert_array_equal(last, states[:, SIZE:])


@pytest.mark.parametrize(("window", "stride"), [(400, 160), (400, 320), (895, 384), (25, 1281)])
def test_the_shift_of_windows_is_measured_to_the_sample(window: int, stride: int) -> None:
    def rows(samples: np.ndarray) -> int:
        return (len(samples) - window) // stride + 1

    assert measured_shift(rows, "m") * 16000 == pytest.approx(stride, abs=1e-9)


def test_a_model_that_pads_all_recordings_to_one_length_has_no_frame_shift() -> None:
    with pytest.raises(InputError, match=r"^m: 1500 rows for 1 s .* not a model whose rows follow"):
        measured_shift(lambda samples: 1500, "m")


def test_what_a_model_reads_must_be_said(tmp_path: Path) -> None:
    told = w2v_bert(tmp_path) / "preprocessor_config.json"
    other = json.loads(told.read_text()) | {"sampling_rate": 24000}
    told.write_text(json.dumps(other))
    with pytest.raises(InputError, match="a model of speech at 24000 Hz; 16000 Hz is read"):
        load_encoder(tmp_path)
    told.unlink()
    with pytest.raises(InputError, match=r"no such file; it says which features the model reads"):
        load_encoder(tmp_path)


def test_whether_a_waveform_is_normalised_must_be_said(tmp_path: Path) -> None:
    (moonshine(tmp_path) / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match="does not say whether the waveform is normalised"):
        load_encoder(tmp_path)
