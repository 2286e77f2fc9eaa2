"""Speech models in Hugging Face's format: reading them, and how a recording enters one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.files import read_json, shown
from pyscorer.errors import InputError

_UNUSED = ("masked_spec_embed",)
"""Weights that are read in training alone."""
WAVEFORM = "input_values"
"""transformers' name of the input of models of waveforms."""


def read_model(directory: Path, auto: str) -> Any:
    """The model of a directory by transformers' class `auto`, from files alone, for inference.

    Raises InputError if transformers is not installed, cannot read it, or would make up weights
    that the files do not have: the head of a model that was not trained for CTC.
    """
    transformers = import_transformers(directory)
    transformers.utils.logging.disable_progress_bar()
    try:
        model, info = getattr(transformers, auto).from_pretrained(
            directory, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{directory}: not readable by transformers: {error}") from None
    lacking = sorted(name for name in info["missing_keys"] if not name.endswith(_UNUSED))
    if lacking:
        kind = type(model).__name__
        raise InputError(f"{directory}: no weights {', '.join(lacking[:3])}: not trained as {kind}")
    return model.eval().requires_grad_(False)


def import_transformers(directory: Path) -> Any:
    """The package. Raises InputError, naming the directory that wants it, if it is not there."""
    try:
        import transformers
    except ImportError:
        raise InputError(
            f"{directory}: a model that is read by transformers: pip install 'pyscorer[hf]'"
        ) from None
    return transformers


@dataclass(frozen=True)
class ModelInput:
    """How a recording enters a model of transformers."""

    normalises: bool = False
    """Whether a waveform is to have mean 0 and variance 1."""
    extractor: Any = None
    """transformers' feature extractor, of models of features."""

    def __call__(self, samples: np.ndarray) -> Mapping[str, torch.Tensor]:
        """The inputs of the model, by name, as a batch of one recording at 16 kHz."""
        if self.extractor is not None:
            found = self.extractor(
                np.asarray(samples, np.float32), sampling_rate=SAMPLE_RATE, return_tensors="pt"
            )
            return dict(found)
        if self.normalises:
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        return {WAVEFORM: torch.from_numpy(np.asarray(samples, np.float32))[None]}

    def run(self, model: Any, samples: np.ndarray, **options: Any) -> Any:
        """What `model` says of a recording. Raises InputError for one that is too short for it."""
        try:
            with torch.inference_mode():
                inputs = {name: value.to(model.device) for name, value in self(samples).items()}
                return model(**inputs, **options)
        except (RuntimeError, ValueError, IndexError):
            if len(samples) >= SAMPLE_RATE:  # long enough for any
                raise
            raise InputError(
                f"{len(samples) / SAMPLE_RATE:.2f} s of speech are too short for the model"
            ) from None


def model_input(directory: Path, model: Any) -> ModelInput:
    """How recordings enter `model`, by its preprocessor_config.json.

    Raises InputError where neither that file nor the configuration says so, and for a model of
    another sampling rate or of something else than speech.
    """
    path = directory / "preprocessor_config.json"
    told: dict[str, Any] = dict(read_json(path, ())) if path.exists() else {}
    rate = told.get("sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise InputError(f"{path}: a model of speech at {rate} Hz; {SAMPLE_RATE} Hz is read")
    if model.main_input_name == WAVEFORM:
        norm = getattr(model.config, "feat_extract_norm", None)
        if not path.exists() and norm is None:
            raise InputError(
                f"{path}: no such file, and config.json does not say whether the waveform is "
                "normalised: copy it from where the model is from"
            )
        return ModelInput(bool(told.get("do_normalize", False)) if told else norm == "layer")
    if not model.main_input_name.startswith("input_features"):
        kind = model.config.model_type
        raise InputError(f"{directory}: {kind} is no model of speech: it reads input_ids")
    if not path.exists():
        raise InputError(
            f"{path}: no such file; it says which features the model reads: copy it from where the "
            "model is from"
        )
    try:
        auto = import_transformers(directory).AutoFeatureExtractor
        return ModelInput(extractor=auto.from_pretrained(directory, local_files_only=True))
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise InputError(f"{path}: no features of speech: {shown(str(error))}") from None
