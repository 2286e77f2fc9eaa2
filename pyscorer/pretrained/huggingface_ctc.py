"""Models with a CTC head in Hugging Face's format: wav2vec 2.0, w2v-BERT 2.0, HuBERT, Parakeet."""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.files import read_json, shown
from pyscorer.errors import InputError
from pyscorer.pretrained.frame_shifts import measured_shift
from pyscorer.pretrained.huggingface_models import ModelInput, model_input, read_model


@dataclass(frozen=True)
class HuggingFaceCtc:
    """A model of transformers for CTC."""

    model: Any
    inputs: ModelInput
    tokens: tuple[str, ...]
    blank: int
    frame_shift: float

    def log_posteriors(self, samples: np.ndarray) -> np.ndarray:
        """T x tokens of a recording at 16 kHz. Raises InputError for one that is too short."""
        logits = self.inputs.run(self.model, samples).logits[0]
        return np.asarray(logits.float().log_softmax(dim=1).numpy(), np.float32)


def load_huggingface_ctc(directory: Path) -> HuggingFaceCtc:
    """Read a model that transformers knows as one for CTC, from files alone.

    The blank is the padding token of its configuration. Raises InputError if transformers is not
    installed, for another model, and for a vocabulary that does not name every output.
    """
    model = read_model(directory, "AutoModelForCTC")
    config, inputs = model.config, model_input(directory, model)
    blank, size = config.pad_token_id, config.vocab_size
    if not isinstance(blank, int) or not 0 <= blank < size:
        raise InputError(
            f"{directory}/config.json: pad_token_id {blank} is none of its {size} outputs; it says "
            "which is the blank"
        )
    tokens = _tokens(directory, size, blank)

    def rows(samples: np.ndarray) -> int:
        return len(inputs.run(model, samples).logits[0])

    if hasattr(config, "conv_stride") and not getattr(config, "add_adapter", False):
        shift = prod(config.conv_stride) / SAMPLE_RATE
    else:
        shift = measured_shift(rows, str(directory))
    return HuggingFaceCtc(model, inputs, tokens, blank, shift)


def _tokens(directory: Path, size: int, blank: int) -> tuple[str, ...]:
    """Names of the outputs, by vocab.json or tokenizer.json; the blank may have none."""
    path = directory / "vocab.json"
    if not path.exists():
        path = directory / "tokenizer.json"
    places = _places(path)
    added = directory / "added_tokens.json"
    if added.exists():
        places |= _checked(read_json(added), added)
    if beyond := [token for token, place in places.items() if place >= size]:
        raise InputError(
            f"{path}: {shown(beyond[0])} is output {places[beyond[0]]}, of a model with {size}: "
            "not of the same model"
        )
    names = {place: token for token, place in places.items()}
    names.setdefault(blank, "<blank>")
    if unnamed := [place for place in range(size) if place not in names]:
        raise InputError(
            f"{path}: {len(unnamed)} of the {size} outputs of the model have no name, first "
            f"{unnamed[0]}: not of the same model"
        )
    return tuple(names[place] for place in range(size))


def _places(path: Path) -> dict[str, int]:
    if path.name == "vocab.json":
        return _checked(read_json(path), path)
    whole = read_json(path)  # raises with its name where neither is there
    try:
        vocabulary, added = whole["model"]["vocab"], whole.get("added_tokens") or []
        if isinstance(vocabulary, list):  # pieces with their scores
            vocabulary = {piece: place for place, (piece, _) in enumerate(vocabulary)}
        return _checked({**vocabulary, **{t["content"]: t["id"] for t in added}}, path)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the tokens of a model: {error!r}") from None


def _checked(found: Any, path: Path) -> dict[str, int]:
    if not isinstance(found, dict) or not found:
        raise InputError(f"{path}: not the tokens of a model")
    for token, place in found.items():
        if isinstance(place, dict):
            raise InputError(
                f"{path}: vocabularies of several languages, {shown(token)} the first: leave that "
                "of one language in the file, and its adapter's weights in the model"
            )
        if not isinstance(place, int) or isinstance(place, bool) or place < 0:
            raise InputError(f"{path}: {shown(token)}: {shown(str(place))} is no place of a token")
    return dict(found)
