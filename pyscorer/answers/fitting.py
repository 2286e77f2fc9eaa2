"""Fitting of what encodes answers, in two passes over them, by the training answers alone."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pyscorer.answers.answer_encoder import (
    PHONES,
    SEQUENCES,
    AnswerEncoder,
    Raw,
    relative,
)
from pyscorer.answers.answer_measures import (
    DEEP,
    FLAGS,
    STATES,
    HeardAnswer,
    describe_answer,
    phone_numbers,
    phone_table,
    spread,
    states,
    word_table,
)
from pyscorer.answers.projection import Moments
from pyscorer.errors import InputError, naming
from pyscorer.proficiency.encoders import Scale
from pyscorer.proficiency.expert_features import Inputs

log = logging.getLogger(__name__)


def fit_answers(
    answers: Callable[[], Iterable[HeardAnswer]],
    keys: Sequence[str],
    training: Collection[str],
    kept: Mapping[str, int],
    longest: int,
) -> tuple[AnswerEncoder, dict[str, Inputs]]:
    """The encoder, and the inputs of the answers `keys` by kind, in this order.

    `answers` gives them, in any order, each time it is called: once for what is usual of phones and
    the directions of most variance, of the `training` answers, and once to encode all. `kept` says
    how many directions, by measure; sequences end after `longest` words. Held are the inputs alone.
    Raises InputError for answers that lack what others have, and where no training answer was heard
    and aligned.
    """
    encoder = _usual(answers(), training, kept, longest)
    place = {key: i for i, key in enumerate(keys)}
    rows: list[Raw] = [{}] * len(keys)
    cut = 0
    for answer in answers():
        raw = encoder.raw(answer)
        cut += len(answer.decoded.words) > longest
        rows[place[answer.key]] = {kind: v.astype(np.float32) for kind, v in raw.items()}
    if missing := [key for key, row in zip(keys, rows, strict=True) if not row]:
        raise InputError(f"{len(missing)} answers are not there, first {missing[0]}")
    if cut:
        log.warning("%d answers are longer than %d words: sequences are cut there", cut, longest)
    learnt = [row for key, row in zip(keys, rows, strict=True) if key in training]
    scales = {kind: _scale(kind, [row[kind] for row in learnt]) for kind in encoder.kinds}
    encoder = replace(encoder, scales=scales)
    return encoder, encoder.finish(rows)


def _usual(
    answers: Iterable[HeardAnswer], training: Collection[str], kept: Mapping[str, int], longest: int
) -> AnswerEncoder:
    """The encoder without its scales."""
    names: dict[str, None] = {}
    word_names: dict[str, None] = {}
    moments: dict[str, Moments] = {}
    second = view = False
    for answer in answers:
        if answer.key not in training:
            continue
        second = second or answer.second is not None
        with naming(f"utterance {answer.key}"):
            names |= dict.fromkeys(describe_answer(answer))
            recording, phones = answer.aligned, None
            if recording is not None:
                view = view or recording.view is not None
                numbers, table = phone_numbers(recording.segments), phone_table(recording)
                phones = relative(table, table.values)
                names |= {
                    figure: None
                    for name in phones.names[len(table.names) :]
                    for figure in spread(name, phones.column(name))
                }
                found = {PHONES: table.values, DEEP: states(recording, DEEP)}
                if STATES in recording.measured:
                    found[STATES] = states(recording, STATES)
                for name, values in found.items():
                    moments.setdefault(name, Moments()).add(numbers, values)
            word_names |= dict.fromkeys(word_table(answer, phones).names)
    if not moments:
        raise InputError(
            "no training answer was heard and aligned, so there is nothing for acoustic experts to "
            "learn from"
        )
    projections = {name: found.projection(kept.get(name, 0)) for name, found in moments.items()}
    return AnswerEncoder(tuple(names), tuple(word_names), projections, {}, longest, second, view)


def _scale(kind: str, rows: Sequence[NDArray]) -> Scale:
    """Mean and deviation of what is known; flags keep their 0 and 1."""
    values = np.concatenate(rows) if kind in SEQUENCES else np.stack(rows)
    known = np.isfinite(values)
    counts = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0).astype(np.float64)
    mean = filled.sum(axis=0) / counts
    deviation = np.sqrt((np.where(known, filled - mean, 0) ** 2).sum(axis=0) / counts)
    flags = slice(0, len(FLAGS))
    mean[flags], deviation[flags] = 0, 1
    # What all training answers have alike is nothing to learn from, whatever a new answer has.
    return Scale(mean, np.where(deviation > 1e-6, deviation, np.inf))
