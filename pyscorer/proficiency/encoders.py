"""All that is needed to encode a new response, in memory and as files that need no trust.

A folder: `text.json` (grammar, words and other keys), `arrays.npz` (the numbers of those keys, in
their order), `units.model` (SentencePiece). What follows from the grammar is made again.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from pyscorer.contract.characters import plain
from pyscorer.contract.classes import Classes, check_classes
from pyscorer.contract.files import atomic_directory, read_json
from pyscorer.contract.weights import load_arrays
from pyscorer.corpora.spoken_call import Grammar, PromptUnit
from pyscorer.errors import InputError
from pyscorer.proficiency import bert, fbk, joined, ngram, units, vectors
from pyscorer.proficiency.edits import candidates

FORMAT = "pyscorer proficiency encoders 2"
TEXT, ARRAYS, UNITS = "text.json", "arrays.npz", "units.model"
Protocol = Literal["ours", "paper"]
"""Ours, or that of Papi et al.: prompts in German, BERT by words with a marker that is none."""


@dataclass(frozen=True)
class Scale:
    """What values are standardised by: mean and deviation of each column."""

    mean: NDArray
    deviation: NDArray

    def standardise(self, values: NDArray) -> NDArray[np.float32]:
        """Values in deviations from the mean, at most 5 either way."""
        scaled = np.clip((values - self.mean) / self.deviation, -5, 5)
        return np.asarray(scaled, np.float32)


@dataclass
class Encoders:
    """All that is needed to encode a new response."""

    classes: Classes
    grammar: Grammar
    """Empty where there is none."""
    references: fbk.References
    models: fbk.LanguageModels
    scale: dict[str, Scale]
    words: list[str]
    idf: NDArray
    vectors: vectors.Vectors
    bert: bert.Encoder | None
    unit_model: bytes
    unit_tokens: dict[str, int]
    known: units.Known
    parts: joined.PartModel
    protocol: Protocol = "ours"

    def prompt_words(self, prompt: str) -> list[str]:
        """The words that stand for a prompt in bags and sequences: of its translation, or its own.

        The paper's vocabulary holds German prompts and English responses.
        """
        return shown_words(prompt) if self.protocol == "paper" else self.english(prompt).split()

    def english(self, prompt: str) -> str:
        """See `english_prompt`."""
        return english_prompt(self.grammar, prompt)


def english_prompt(grammar: Grammar, prompt: str) -> str:
    """The prompt's translation; an unknown prompt stands for itself, without its `Frag:`."""
    unit = grammar.get(prompt)
    return unit.translation if unit else plain(prompt.partition(":")[2] or prompt).lower()


def shown_words(prompt: str) -> list[str]:
    """The words of a prompt as it is shown, in small letters, without punctuation."""
    return "".join(c if c.isalnum() else " " for c in plain(prompt).lower()).split()


def save_encoders(folder: Path, encoders: Encoders) -> None:
    """Write the folder, whole."""
    text: dict[str, Any] = {
        "format": FORMAT,
        "classes": asdict(encoders.classes),
        "grammar": {prompt: asdict(unit) for prompt, unit in encoders.grammar.items()},
        "words": encoders.words,
        "vectors": list(encoders.vectors),
        "unit_tokens": encoders.unit_tokens,
        "scale": list(encoders.scale),
        "models": [],
        "known": {
            p: [" ".join(t) for t in found.texts] for p, (found, _) in encoders.known.items()
        },
        "evidence": {part: list(counts) for part, counts in encoders.parts.evidence.items()},
        "bert": None,
    }
    if encoders.protocol != "ours":
        text["protocol"] = encoders.protocol
    arrays: dict[str, NDArray] = {"idf": encoders.idf}
    if encoders.vectors:
        arrays["vectors"] = np.stack(list(encoders.vectors.values()))
    for kind, scale in encoders.scale.items():
        arrays[f"scale.{kind}.mean"] = scale.mean
        arrays[f"scale.{kind}.deviation"] = scale.deviation
    for i, model in enumerate(encoders.models):
        described: dict[str, Any] = {"order": model.order, "vocabulary": sorted(model.vocabulary)}
        for name in ("log_probability", "log_backoff"):
            values = getattr(model, name)
            described[name] = [" ".join(words) for words in values]
            arrays[f"models.{i}.{name}"] = np.array(list(values.values()), np.float64)
        text["models"].append(described)
    for i, (_, counts) in enumerate(encoders.known.values()):
        arrays[f"known.{i}"] = counts
    for part, evidence in encoders.parts.evidence.items():
        arrays[f"evidence.{part}"] = np.array(list(evidence.values()), np.float64).reshape(
            -1, len(encoders.classes.names)
        )
    if encoders.bert is not None:
        text["bert"] = {k: v for k, v in vars(encoders.bert).items() if k != "weights"}
        for name, tensor in encoders.bert.weights.items():
            arrays[f"bert.{name}"] = tensor.numpy()
    with atomic_directory(folder) as part_folder:
        with (part_folder / TEXT).open("w", encoding="utf-8") as stream:
            json.dump(text, stream, ensure_ascii=False)
        np.savez(part_folder / ARRAYS, **arrays)  # type: ignore[arg-type]
        (part_folder / UNITS).write_bytes(encoders.unit_model)


def load_encoders(folder: Path) -> Encoders:
    """Read the folder that `save_encoders` wrote.

    Nothing in it is run. Raises InputError naming the file that is missing, damaged or foreign.
    """
    text = _read_text(folder / TEXT)
    arrays = _Arrays(folder / ARRAYS)
    unit_model = _read_units(folder / UNITS)
    try:
        return _encoders(text, arrays, unit_model)
    except KeyError as error:
        raise InputError(f"{folder / TEXT}: lacks {error}: run expert_features again") from None
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"{folder / TEXT}: does not fit {folder / ARRAYS} ({error}): run expert_features again"
        ) from None


def _read_text(path: Path) -> dict[str, Any]:
    try:
        text = read_json(path)
    except InputError as error:
        raise InputError(f"{error}: run expert_features again") from None
    if not isinstance(text, dict) or text.get("format") != FORMAT:
        raise InputError(f"{path}: not of the format {FORMAT!r}: run expert_features again")
    return text


class _Arrays(dict[str, NDArray]):
    """The arrays of a file, whose name is in the error where one is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(load_arrays(path, "expert_features"))

    def __missing__(self, name: str) -> NDArray:
        raise InputError(f"{self.path}: lacks {name}: run expert_features again")


def _read_units(path: Path) -> bytes:
    try:
        model = path.read_bytes()
        if not units.load_units(model).get_piece_size():
            raise RuntimeError
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: run expert_features") from None
    except RuntimeError:
        raise InputError(f"{path}: not a SentencePiece model: run expert_features again") from None
    return model


def _encoders(text: dict[str, Any], arrays: Mapping[str, NDArray], unit_model: bytes) -> Encoders:
    found = text["classes"]
    classes = check_classes(Classes(found["kind"], tuple(found["names"])), TEXT)
    grammar = {
        prompt: PromptUnit(unit["translation"], tuple(unit["responses"]))
        for prompt, unit in text["grammar"].items()
    }
    references = fbk.tokenise_grammar(grammar)
    known = {
        prompt: (candidates(tuple(t.split()) for t in texts), arrays[f"known.{i}"])
        for i, (prompt, texts) in enumerate(text["known"].items())
    }
    if any(len(found.texts) != len(counts) for found, counts in known.values()):
        raise ValueError("known responses and their counts differ in number")
    evidence = {
        part: dict(zip(map(_key, keys), arrays[f"evidence.{part}"], strict=True))
        for part, keys in text["evidence"].items()
    }
    return Encoders(
        classes=classes,
        grammar=grammar,
        references=references,
        models=[_ngram_model(m, i, arrays) for i, m in enumerate(text["models"])],
        scale={
            kind: Scale(arrays[f"scale.{kind}.mean"], arrays[f"scale.{kind}.deviation"])
            for kind in text["scale"]
        },
        words=text["words"],
        idf=arrays["idf"],
        vectors=dict(zip(text["vectors"], arrays["vectors"], strict=True))
        if text["vectors"]
        else {},
        bert=_bert_encoder(text["bert"], arrays) if text["bert"] else None,
        unit_model=unit_model,
        unit_tokens=text["unit_tokens"],
        known=known,
        parts=joined.PartModel(classes, joined.prompt_words(references), evidence),
        protocol=text.get("protocol", "ours"),
    )


def _ngram_model(
    text: dict[str, Any], number: int, arrays: Mapping[str, NDArray]
) -> ngram.NgramModel:
    probability, backoff = (
        {
            tuple(words.split(" ")): value
            for words, value in zip(
                text[name], arrays[f"models.{number}.{name}"].tolist(), strict=True
            )
        }
        for name in ("log_probability", "log_backoff")
    )
    return ngram.NgramModel(text["order"], probability, backoff, frozenset(text["vocabulary"]))


def _bert_encoder(text: dict[str, Any], arrays: Mapping[str, NDArray]) -> bert.Encoder:
    weights = {
        name.removeprefix("bert."): torch.from_numpy(values)
        for name, values in arrays.items()
        if name.startswith("bert.")
    }
    return bert.Encoder(weights=weights, **text)


def _key(value: Any) -> Any:
    """Evidence is kept by strings and by tuples, which JSON has as lists."""
    return tuple(map(_key, value)) if isinstance(value, list) else value
