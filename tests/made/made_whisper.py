"""A tiny Whisper of random weights, in CTranslate2's format, with a tokenizer."""

import json
import struct
from pathlib import Path

import numpy as np

DIM, MELS, LAYERS, WORDS = 12, 8, 3, 20


def write_model(folder: Path, arrays: dict[str, np.ndarray], version: int = 6) -> Path:
    """A CTranslate2 model.bin, as ctranslate2/specs/model_spec.py writes it."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    kinds = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}
    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(arrays))
    for name, array in arrays.items():
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        kind = struct.pack("<BI", kinds[str(array.dtype)], array.nbytes)
        data += text(name) + shape + kind + array.tobytes()
    data += (
        struct.pack("<I", 1) + text("decoder/projection/weight") + text("decoder/embeddings/weight")
    )
    folder.mkdir(exist_ok=True)
    (folder / "model.bin").write_bytes(data)
    return folder


def tiny(words: int = WORDS, longest_text: int = 10) -> dict[str, np.ndarray]:
    """Random weights of a tiny Whisper, under CTranslate2's names."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) / 4).astype(np.float32)

    arrays = {
        "encoder/num_heads": np.int16(2).reshape(()),
        "encoder/conv1/weight": draw(DIM, MELS, 3),
        "encoder/conv2/weight": draw(DIM, DIM, 3),
        "encoder/position_encodings/encodings": draw(60, DIM),
        "decoder/position_encodings/encodings": draw(longest_text, DIM),
        "decoder/embeddings/weight": draw(words, DIM),
    }
    arrays |= {f"encoder/conv{i}/bias": draw(DIM) for i in (1, 2)}
    for part in ("encoder", "decoder"):
        norms = [part]
        for layer in (f"{part}/layer_{i}" for i in range(LAYERS)):
            shapes = {
                "self_attention/linear_0": (3 * DIM, DIM),
                "self_attention/linear_1": (DIM, DIM),
            }
            norms += [f"{layer}/self_attention", f"{layer}/ffn"]
            if part == "decoder":
                shapes |= {"attention/linear_0": (DIM, DIM), "attention/linear_1": (2 * DIM, DIM)}
                shapes |= {"attention/linear_2": (DIM, DIM)}
                norms.append(f"{layer}/attention")
            shapes |= {"ffn/linear_0": (4 * DIM, DIM), "ffn/linear_1": (DIM, 4 * DIM)}
            for name, shape in shapes.items():
                arrays |= {
                    f"{layer}/{name}/weight": draw(*shape),
                    f"{layer}/{name}/bias": draw(shape[0]),
                }
        for norm in norms:
            arrays |= {
                f"{norm}/layer_norm/gamma": 1 + draw(DIM),
                f"{norm}/layer_norm/beta": draw(DIM),
            }
    return arrays


JOINED = ("he", "\u0120he", "\u0120a", "an")
"""Pieces that the made tokenizer knows beyond single bytes, in the order of training."""


def write_tokenizer(folder: Path, special: int = 300) -> None:
    """A tokenizer.json: byte pieces, JOINED, and special tokens from number `special` on."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    characters = [*map(chr, own), *(chr(256 + i) for i in range(len(others)))]
    names = ["endoftext", "startoftranscript", "en", "transcribe", "notimestamps"]
    (folder / "tokenizer.json").write_text(
        json.dumps(
            {
                "model": {"vocab": {p: i for i, p in enumerate([*characters, *JOINED])}},
                "added_tokens": [
                    {"id": special + i, "content": f"<|{name}|>"} for i, name in enumerate(names)
                ],
            }
        )
    )
