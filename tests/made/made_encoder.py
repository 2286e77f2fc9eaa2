"""A BERT encoder of one layer and random weights, as a Hugging Face directory."""

import json
from pathlib import Path

import torch

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "tea", "##s", "pot", "##pot", "a", "?"]
SIZE = 8


def write_encoder(folder: Path) -> Path:
    """Write it to `folder`."""
    torch.manual_seed(0)
    n, inner = SIZE, 16
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
    torch.save({f"bert.{k}": v for k, v in weights.items()}, folder / "pytorch_model.bin")
    config = {"model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": 1}
    config |= {"num_attention_heads": 2, "hidden_size": n, "layer_norm_eps": 1e-12}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    return folder
