"""The BERT reader: WordPiece by hand, and the packaged encoder against its published behaviour."""

import json

import numpy as np
import pytest
import torch

from pyscorer.errors import InputError
from pyscorer.proficiency import bert

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "tea", "##s", "pot", "##pot", "a", "?"]
VOCABULARY = {w: i for i, w in enumerate(WORDS)}


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("A teas", ["a", "tea", "##s"]),
        ("teapots?", ["tea", "##pot", "##s", "?"]),
        ("Téa coffee", ["tea", "[UNK]"]),
        ("", []),
    ],
)
def test_word_pieces(text, pieces):
    assert [WORDS[i] for i in bert.word_pieces(text, VOCABULARY)] == pieces


def tiny(tmp_path):
    torch.manual_seed(0)
    n, inner = 8, 16
    weights = {"embeddings.word_embeddings.weight": torch.randn(len(WORDS), n)}
    weights["embeddings.position_embeddings.weight"] = torch.randn(32, n)
    weights["embeddings.token_type_embeddings.weight"] = torch.randn(2, n)

    def linear(name, a, b):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = torch.randn(b, a) / 3, torch.randn(b)

    def norm(name):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = torch.ones(n), torch.zeros(n)

    norm("embeddings.LayerNorm")
    layer = "encoder.layer.0."
    for part in ("self.query", "self.key", "self.value", "output.dense"):
        linear(f"{layer}attention.{part}", n, n)
    norm(layer + "attention.output.LayerNorm")
    linear(layer + "intermediate.dense", n, inner)
    linear(layer + "output.dense", inner, n)
    norm(layer + "output.LayerNorm")
    torch.save({f"bert.{k}": v for k, v in weights.items()}, tmp_path / "pytorch_model.bin")
    config = {"model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": 1}
    config |= {"num_attention_heads": 2, "hidden_size": n, "layer_norm_eps": 1e-12}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    return tmp_path


def test_padding_does_not_change_states_and_the_marker_stands_at_the_separator(tmp_path):
    encoder = bert.load_encoder(tiny(tmp_path))
    alone = bert.contextual_sequences(encoder, ["a tea"], ["teas"])[0]
    both = bert.contextual_sequences(encoder, ["a tea", "a"], ["teas", "a teapot a tea"])[0]
    assert alone.shape == (7, 9)  # [CLS] a tea [SEP] tea ##s [SEP], 8 components and the mark
    assert np.allclose(alone, both, atol=1e-5)
    assert np.flatnonzero(alone[:, -1]).tolist() == [3]


def test_directories_that_are_not_an_encoder(tmp_path):
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        bert.load_encoder(tmp_path)
    tiny(tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(InputError, match=r"neither model\.safetensors"):
        bert.load_encoder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InputError, match="only model_type bert"):
        bert.load_encoder(tmp_path)


def test_the_packaged_encoder_tells_meanings_apart():
    folder = bert.packaged_encoder()
    if folder is None:
        pytest.skip("the extra `bert` is not installed")
    encoder = bert.load_encoder(folder)
    texts = ["where is the station", "how do i get to the station", "i would like a green salad"]
    states = bert.contextual_sequences(encoder, texts, [""] * 3)
    means = [s[:-1, :-1].mean(axis=0) for s in states]
    unit = np.stack([m / np.linalg.norm(m) for m in means])
    similar = unit @ unit.T
    assert similar[0, 1] > 0.6 > 0.3 > similar[0, 2]
