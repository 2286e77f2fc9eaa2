"""Whisper out of a CTranslate2 directory: reading, encoding, what cannot be read."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from made_whisper import DIM, LAYERS, MELS, WORDS, tiny, write_model

from pyscorer.contract.archives import read_matrices
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.errors import InputError
from pyscorer.pretrained.ctranslate2 import read_weights
from pyscorer.pretrained.encode import EncodeOptions, encode
from pyscorer.pretrained.whisper import Decoding, log_mel
from pyscorer.pretrained.whisper_encoder import WhisperEncoder
from pyscorer.pretrained.whisper_models import load_whisper


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", tiny())


def test_sizes_come_from_the_weights(directory: Path):
    config = load_whisper(directory).config
    assert (config.mels, config.dim, config.heads) == (MELS, DIM, 2)
    assert (config.encoder_layers, config.decoder_layers) == (LAYERS, LAYERS)
    assert (config.vocabulary, config.longest, config.longest_text) == (WORDS, 60, 10)


def test_half_precision_and_int8_are_read_as_numbers(tmp_path: Path):
    arrays = tiny()
    weight = arrays["encoder/conv1/weight"]
    halved = write_model(tmp_path / "half", {n: a.astype(np.float16) for n, a in arrays.items()})
    np.testing.assert_allclose(
        read_weights(halved / "model.bin")[1]["encoder/conv1/weight"], weight, atol=1e-3
    )
    scale = np.full(DIM, 100, np.float32)
    quantised = {"w": (weight * 100).round().astype(np.int8), "w_scale": scale}
    quantised["decoder/embeddings/weight"] = weight
    read = read_weights(write_model(tmp_path / "int8", quantised) / "model.bin")[1]
    np.testing.assert_allclose(read["w"], weight, atol=0.006)
    assert "w_scale" not in read


def test_the_decoder_looks_at_earlier_tokens_alone(directory: Path):
    model = load_whisper(directory)
    encoded = model.encode(torch.randn(1, 40, MELS))[-1]
    one, other = (
        model.decode(torch.tensor([tokens]), Decoding(model.memories(encoded)))
        for tokens in ([1, 2, 3], [1, 2, 4])
    )
    torch.testing.assert_close(one[:, :2], other[:, :2])
    assert not torch.allclose(one[:, 2], other[:, 2])


def test_tokens_decoded_one_by_one_give_what_they_give_together(directory: Path):
    model = load_whisper(directory)
    encoded = model.encode(torch.randn(2, 40, MELS))[-1]
    tokens = torch.tensor([[1, 2, 3, 4], [5, 1, 7, 0]])
    together = model.decode(tokens, Decoding(model.memories(encoded)))
    decoding = Decoding(model.memories(encoded))
    parts = [model.decode(part, decoding) for part in tokens.split([2, 1, 1], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), together)


def test_states_do_not_depend_on_the_batch(directory: Path):
    model = load_whisper(directory)
    mel = torch.randn(3, 40, MELS)
    together = model.encode(mel)
    assert [s.shape for s in together] == [(3, 20, DIM)] * LAYERS
    torch.testing.assert_close(model.encode(mel[1:2])[0], together[0][1:2])


def test_an_encoder_alone_has_the_states_of_the_whole_model(directory: Path):
    whole, alone = load_whisper(directory), load_whisper(directory, decoder=False)
    mel = torch.randn(1, 40, MELS)
    assert all(map(torch.equal, alone.encode(mel), whole.encode(mel)))
    assert set(alone.state_dict()) == {
        name for name in whole.state_dict() if not name.startswith(("decoder", "embedding"))
    }
    arrays = {n: a for n, a in tiny().items() if n != "decoder/layer_0/ffn/linear_0/weight"}
    lacking = write_model(directory.with_name("lacking"), arrays)
    load_whisper(lacking, decoder=False)  # what it does not need is not read
    with pytest.raises(InputError, match="not the Whisper that is known"):
        load_whisper(lacking)


@pytest.mark.parametrize("frames", [39, 26, 7])
def test_a_shorter_recording_in_a_batch_has_the_states_it_has_alone(directory: Path, frames: int):
    model = load_whisper(directory)
    mel = torch.randn(2, 40, MELS)
    mel[1, frames:] = 0
    together = model.encode(mel, torch.tensor([40, frames]))
    for batched, alone in zip(together, model.encode(mel[1:, :frames]), strict=True):
        torch.testing.assert_close(batched[1:, : alone.shape[1]], alone)


def test_the_stage_writes_a_row_every_20_ms(directory: Path, tmp_path: Path):
    data = DataDir()
    rng = np.random.default_rng(1)
    for key, seconds in (("a", 0.5), ("b", 0.333)):
        audio = tmp_path / f"{key}.wav"
        soundfile.write(audio, rng.normal(0, 0.1, round(seconds * 16000)), 16000)
        data.utterances[key] = Utterance(key, "s", audio, ("HI",))
    (tmp_path / "data").mkdir()
    write_data_dir(tmp_path / "data", data)
    encode(tmp_path / "data", [directory], tmp_path / "out", EncodeOptions(layers=(1, 3), jobs=1))
    states = dict(read_matrices(tmp_path / "out" / "embed.scp"))
    assert {k: v.shape for k, v in states.items()} == {"a": (25, 2 * DIM), "b": (17, 2 * DIM)}
    assert (tmp_path / "out" / "frame_shift").read_text() == "0.02\n"
    model = load_whisper(directory)
    samples = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    (last,) = WhisperEncoder(model).states([samples], (3,))
    np.testing.assert_allclose(last, states["a"][:, DIM:], atol=1e-5)
    # A device by another name: what is moved there and back is the same.
    moved = EncodeOptions(layers=(1, 3), device="cpu:0")
    encode(tmp_path / "data", [directory, directory], tmp_path / "moved", moved)
    for key, twice in read_matrices(tmp_path / "moved" / "embed.scp"):
        np.testing.assert_array_equal(twice, np.hstack([states[key]] * 2))
    with pytest.raises(InputError, match="no encoder layer 4; it has 1 to 3"):
        encode(tmp_path / "data", [directory], tmp_path / "out", EncodeOptions(layers=(4,)))


def test_a_recording_that_is_too_long_or_empty_is_refused(directory: Path):
    model = load_whisper(directory)
    with pytest.raises(InputError, match="2 s of speech; the encoder takes 1 s"):
        WhisperEncoder(model).states([np.zeros(32000, np.float32)], (1,))
    with pytest.raises(InputError, match="no speech"):
        log_mel(np.zeros(0, np.float32), MELS, pad=0.0)


def test_what_is_no_such_model_is_refused_by_name(directory: Path, tmp_path: Path):
    path = directory / "model.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"model\.bin: cut off at byte"):
        load_whisper(directory)
    path.write_bytes(struct.pack("<I", 77) + whole[4:])
    with pytest.raises(InputError, match="it says 77"):
        load_whisper(directory)
    with pytest.raises(InputError, match="a CTranslate2 directory has it"):
        load_whisper(tmp_path)
    lacking = {n: a for n, a in tiny().items() if n != "encoder/layer_1/ffn/linear_0/bias"}
    with pytest.raises(InputError, match="not the Whisper that is known"):
        load_whisper(write_model(tmp_path / "lacking", lacking))
