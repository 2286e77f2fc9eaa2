"""What encodes a spoken answer for acoustic experts: fitted on training answers, kept as files.

A folder: `answers.json` (names of the figures, sizes) and `arrays.npz` (scales, projections).
Nothing in it is run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscorer.answers.answer_measures import (
    DEEP,
    FLAGS,
    STATES,
    HeardAnswer,
    Table,
    describe_answer,
    phone_numbers,
    phone_table,
    spread,
    states,
    word_means,
    word_table,
)
from pyscorer.answers.projection import Projection
from pyscorer.contract.files import atomic_directory, read_json
from pyscorer.contract.weights import load_arrays
from pyscorer.errors import InputError, naming
from pyscorer.proficiency.encoders import Scale
from pyscorer.proficiency.expert_features import Inputs
from pyscorer.proficiency.vectors import pad

FORMAT = "pyscorer acoustic answers 1"
TEXT, ARRAYS = "answers.json", "arrays.npz"

KINDS = ("acoustic", "deep_words", "states", "states_words")
"""Input kinds. acoustic: the figures of an answer, one vector. deep_words: deep features of its
words, a sequence. states_words: the same of a pretrained encoder's states; states: the figures with
mean and deviation of those states."""
VECTORS, SEQUENCES = {"states": STATES}, {"deep_words": DEEP, "states_words": STATES}
"""Kind -> measure whose states it has."""
PHONES = "phones"
"""Name of the projection of `phone_table`."""

Raw = dict[str, NDArray[np.float64]]
"""Kind -> what an answer has of it before it is scaled: a vector, or words x columns."""


@dataclass(frozen=True)
class AnswerEncoder:
    """Turns an answer into the inputs of the acoustic experts; one object for all recordings.

    Every figure is scaled by the training answers. What an answer does not have is NaN until then
    and their mean (0) after it; FLAGS, which stay 0 or 1, say so. An answer in which nothing was
    heard is a sequence of one step, all zeros, its flags too.
    """

    names: tuple[str, ...]
    """Figures of an answer: the columns of `acoustic`."""
    word_names: tuple[str, ...]
    """Figures of a word: the columns of sequences between FLAGS and the states."""
    projections: Mapping[str, Projection]
    """By measure, and of PHONES."""
    scales: Mapping[str, Scale]
    """By kind."""
    longest: int
    """Words of a sequence, at most; those after them are left out."""
    second: bool
    """Whether another recogniser's transcript is read."""
    view: bool
    """Whether a recogniser's view is read."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which of KINDS it gives."""
        measure = VECTORS | SEQUENCES
        return tuple(k for k in KINDS if k not in measure or measure[k] in self.projections)

    def encode(self, answer: HeardAnswer) -> dict[str, Inputs]:
        """The inputs of one answer by kind: 1 x D, or 1 x T x D with a length.

        Raises InputError naming the utterance and what it lacks that training answers had.
        """
        return self.finish([self.raw(answer)])

    def finish(self, rows: Sequence[Raw]) -> dict[str, Inputs]:
        """The inputs of several answers by kind, in their order, of what `raw` says of each."""
        found = {}
        for kind in self.kinds:
            scaled = [np.nan_to_num(self.scales[kind].standardise(row[kind])) for row in rows]
            vectors = kind not in SEQUENCES
            found[kind] = Inputs(np.stack(scaled)) if vectors else Inputs(*pad(scaled))
        return found

    def raw(self, answer: HeardAnswer) -> Raw:
        """What an answer has of each kind, unscaled, NaN for what it does not have."""
        with naming(f"utterance {answer.key}"):
            if self.second and answer.second is None:
                raise InputError("no second transcript, which the acoustic experts read")
            if self.view and answer.aligned is not None and answer.aligned.view is None:
                raise InputError("no recogniser's view, which the acoustic experts read")
            return self._raw(answer)

    def _raw(self, answer: HeardAnswer) -> Raw:
        recording, phones = answer.aligned, None
        figures, kept = describe_answer(answer), dict[str, NDArray[np.float64]]()
        if recording is not None:
            numbers, table = phone_numbers(recording.segments), phone_table(recording)
            phones = relative(table, self.projections[PHONES](numbers, table.values))
            for name in phones.names[len(table.names) :]:
                figures |= spread(name, phones.column(name))
            for name, projection in self.projections.items():
                if name != PHONES:
                    kept[name] = projection(numbers, states(recording, name))
        vector = np.array([figures.get(name, np.nan) for name in self.names])
        raw = {"acoustic": vector}
        for kind, name in VECTORS.items():
            if name in self.projections:
                size = self.projections[name].size
                of = kept.get(name)
                spreads = [of.mean(axis=0), of.std(axis=0)] if of is not None else [_none(2 * size)]
                raw[kind] = np.concatenate([vector, *spreads])
        words = word_table(answer, phones)
        for kind, name in SEQUENCES.items():
            if name in self.projections:
                means = word_means(recording, kept[name]) if recording is not None else None
                raw[kind] = self._sequence(words, means, self.projections[name].size)
        return raw

    def _sequence(
        self, words: Table, means: NDArray[np.float64] | None, size: int
    ) -> NDArray[np.float64]:
        """Words x (FLAGS, figures, states); one row, its flags 0, where there is no word."""
        number = len(words.values)
        if not number:
            return np.concatenate([np.zeros(len(FLAGS)), _none(len(self.word_names) + size)])[None]
        figures = [
            words.column(name) if name in words.names else np.full(number, np.nan)
            for name in self.word_names
        ]
        flags = np.tile([1.0, float(means is not None)], (number, 1))
        rest = np.full((number, size), np.nan) if means is None else means
        return np.column_stack([flags, *figures, rest])[: self.longest]

    def save(self, folder: Path) -> None:
        """Write the folder, whole."""
        text = {
            "format": FORMAT,
            "names": self.names,
            "word_names": self.word_names,
            "longest": self.longest,
            "second": self.second,
            "view": self.view,
            "projections": list(self.projections),
            "scales": list(self.scales),
        }
        arrays = {}
        for name, projection in self.projections.items():
            arrays[f"projection.{name}.usual"] = projection.usual
            arrays[f"projection.{name}.directions"] = projection.directions
        for kind, scale in self.scales.items():
            arrays[f"scale.{kind}.mean"] = scale.mean
            arrays[f"scale.{kind}.deviation"] = scale.deviation
        with atomic_directory(folder) as part:
            (part / TEXT).write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
            np.savez(part / ARRAYS, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, folder: Path) -> "AnswerEncoder":
        """Read what `save` wrote. Raises InputError naming the file that is not of it."""
        path, again = folder / TEXT, "run answer_features again"
        try:
            text: dict[str, Any] = read_json(path)
        except InputError as error:
            raise InputError(f"{error}: {again}") from None
        if not isinstance(text, dict) or text.get("format") != FORMAT:
            raise InputError(f"{path}: not of the format {FORMAT!r}: {again}")
        arrays = load_arrays(folder / ARRAYS, "answer_features")
        try:
            projections = {
                name: Projection(
                    *(arrays[f"projection.{name}.{a}"] for a in ("usual", "directions"))
                )
                for name in text["projections"]
            }
            scales = {
                kind: Scale(*(arrays[f"scale.{kind}.{a}"] for a in ("mean", "deviation")))
                for kind in text["scales"]
            }
            names, word_names = tuple(text["names"]), tuple(text["word_names"])
            longest, second, view = (text[name] for name in ("longest", "second", "view"))
            encoder = cls(names, word_names, projections, scales, longest, second, view)
            missing = set(encoder.kinds) - scales.keys()
            if missing or PHONES not in projections:
                raise ValueError(f"no scale of {min(missing)}" if missing else f"no {PHONES}")
        except (KeyError, TypeError, ValueError) as error:
            fault = f"does not fit {folder / ARRAYS} ({error})"
            raise InputError(f"{path}: {fault}: {again}") from None
        return encoder


def relative(table: Table, values: NDArray[np.float64]) -> Table:
    """The table, and its columns less what is usual of each phone as relative_*."""
    names = tuple(f"relative_{name}" for name in table.names)
    return Table((*table.names, *names), np.hstack([table.values, values]))


def _none(size: int) -> NDArray[np.float64]:
    return np.full(size, np.nan)
