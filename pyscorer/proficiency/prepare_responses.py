"""Stage `prepare_responses`: responses and grammar checked, folds drawn; or a generated sample."""

import json
import logging
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pyscorer.contract.classes import LANGUAGE_MEANING, Classes, write_classes
from pyscorer.contract.files import atomic_directory, read_lines, read_table
from pyscorer.corpora.spoken_call import (
    EDITION_1_TEST,
    Grammar,
    PromptUnit,
    Response,
    close_prompts,
    known_prompt,
    missing_prompts,
    read_responses,
    write_grammar,
)
from pyscorer.errors import InputError
from pyscorer.lexicon.normalise import transcript_text
from pyscorer.options import option
from pyscorer.proficiency.grammar_table import read_any_grammar
from pyscorer.proficiency.pairs import By, Split, build_table
from pyscorer.proficiency.response_file import describe, write_response_file
from pyscorer.proficiency.sample_responses import make_sample
from pyscorer.proficiency.spoken_responses import NO_PATHS, SpokenPaths, check_speakers, read_spoken

FILES = ("scst_train.csv", "scst2_test_annotated.csv", "referenceGrammar_v3.0.0.xml")
"""Training responses, test responses and grammar in a corpus folder."""
SECOND = "scst2_test_second_recogniser.csv"
"""The test responses as a second recogniser heard them, in a corpus folder that has them."""
SAMPLE_SPEAKERS = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResponseOptions:
    """How to prepare prompt-response data."""

    corpus: Path | None = option(
        None, "folder with the task's files; without it, train, test and grammar: a sample"
    )
    train: Path | None = option(None, "training responses (CSV of the task)")
    test: Path | None = option(None, "test responses (CSV of the task)")
    grammar: Path | None = option(
        None, "accepted responses: the task's XML, or a CSV of prompt, response and translation"
    )
    transcripts: tuple[Path, ...] = option(
        (),
        "Kaldi text of recognised responses by id, such as hyp.text of decode for the "
        "train and test recordings, in the place of the files' RecResult",
    )
    generic_text: Path | None = option(
        None,
        "generic English, one sentence a line, for the generic language models; "
        "without it the grammar's accepted responses stand in",
    )
    second_test: Path | None = option(
        None,
        "the test responses as a second recogniser heard them (CSV of the task); the corpus "
        "folder's where it has one; with folds of rows or speakers",
    )
    folds: int = option(
        5,
        "folds of distinct (prompt, transcript) pairs, or of what split names; of recordings, of "
        "speakers",
        ge=2,
    )
    split: Split = option(
        "pairs",
        "what folds are folds of: distinct pairs; rows at random, as papers split; or speakers, "
        "where rows of no known speaker train only",
    )
    untested: str = option(
        EDITION_1_TEST,
        "with folds of rows or speakers, training responses whose id matches this regular "
        "expression train only, such as those that a human transcribed (by default edition 1's "
        "test responses)",
    )
    seed: int = option(1, "seed of the folds and of the sample", ge=0)
    allow_missing_prompts: bool = option(False, "accept prompts that the grammar lacks")
    allow_shared_speakers: bool = option(
        False, "accept test recordings of speakers that also recorded training responses"
    )
    allow_known_speakers: bool = option(
        False, "accept recordings of speakers that acoustic_data has as well"
    )
    read_prompts: bool = option(
        False, "prompts are read aloud: without a grammar, each is the one accepted response to it"
    )


@dataclass(frozen=True)
class Found:
    """Responses as their files have them. names: what to call the files of train and test."""

    train: list[Response]
    test: list[Response]
    grammar: Grammar
    names: dict[str, Path]
    classes: Classes = LANGUAGE_MEANING
    by: By = "pair"
    second: list[Response] = field(default_factory=list)
    """The test responses as a second recogniser heard them."""


def prepare_responses(out: Path, options: ResponseOptions, spoken: SpokenPaths = NO_PATHS) -> None:
    """Read, check and write responses: out/{train.csv,test.csv,classes.json,folds.json}, and
    out/grammar.xml, out/generic.txt and out/second.csv where there is a grammar, a generic text or
    a second recogniser.

    Responses are those of the data directories of `spoken`; else those of the files named, else
    those of the corpus folder (`FILES`); without any a small sample is generated. Raises InputError
    for a corpus folder that is not there, for faulty files (see pyscorer.corpora.spoken_call and
    pyscorer.proficiency.spoken_responses), for responses that none of `transcripts` has, for a
    prompt that the grammar lacks (naming the response) unless allow_missing_prompts is set, for an
    id that is in both training and test rows, where nothing was heard in any training response, for
    recordings with a split of their own, and for a second recogniser whose responses are not the
    test rows.
    """
    try:
        re.compile(options.untested)
    except re.error as error:
        raise InputError(
            f"prepare_responses.untested: {options.untested!r} is no regular expression: {error}"
        ) from None
    found = _typed(options) if spoken == NO_PATHS else _spoken(spoken, options)
    _check(found, options.allow_missing_prompts)
    settings = _folded(found, options)
    with atomic_directory(out) as part:
        _write(part, found, options.generic_text)
        (part / "folds.json").write_text(json.dumps(settings), encoding="utf-8")


def _check(found: Found, allow_missing_prompts: bool) -> None:
    for name, rows in (("train", found.train), ("test", found.test)):
        lacking = missing_prompts(rows, found.grammar) if found.grammar else []
        if lacking and not allow_missing_prompts:
            raise InputError(
                f"{found.names[name]}: response {lacking[0].id}: prompt {lacking[0].prompt!r} is "
                f"not in the grammar ({len(lacking)} such prompts)"
                f"{_close(found.grammar, lacking[0].prompt)}; add it or set allow_missing_prompts"
            )
        for response in lacking:
            log.warning("%s: prompt %r is not in the grammar", response.id, response.prompt)
    shared = {r.id for r in found.train} & {r.id for r in found.test}
    if shared:
        raise InputError(f"{found.names['test']}: id {min(shared)} is also a training response")
    if not any(r.recognised for r in found.train):
        raise InputError(f"{found.names['train']}: no response has a transcript with words")


def _folded(found: Found, options: ResponseOptions) -> dict[str, str | int]:
    """What the folds are made by; they are made here, to be told of, and to be sure that they can
    be."""
    log.info("train: %s", describe(found.train, found.classes))
    settings: dict[str, str | int] = {"by": found.by, "folds": options.folds, "seed": options.seed}
    crossed = found.by == "pair" and options.split != "pairs"
    if crossed:
        settings |= {"split": options.split, "untested": options.untested}
    table = build_table(found.train, found.test, found.second, found.classes, settings)
    if crossed:
        log.info("train only: %d responses", np.count_nonzero(~table.tested))
    told = describe(found.test, found.classes)
    if found.by == "pair":
        told += f"; {table.test_seen.sum()} of seen pairs"
    log.info("test: %s", told)
    return settings


def _write(out: Path, found: Found, generic_text: Path | None) -> None:
    write_response_file(out / "train.csv", found.train, found.classes)
    write_response_file(out / "test.csv", found.test, found.classes)
    write_classes(out, found.classes)
    if found.grammar:
        write_grammar(out / "grammar.xml", found.grammar)
    lines = sorted({r for unit in found.grammar.values() for r in unit.responses})
    if generic_text:
        lines = [line for _, line in read_lines(generic_text)]
    if lines:
        (out / "generic.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if found.second:
        write_response_file(out / "second.csv", found.second, found.classes)


def _typed(options: ResponseOptions) -> Found:
    """Responses of the task's files, or a sample."""
    if options.corpus and not options.corpus.is_dir():
        raise InputError(
            f"prepare_responses.corpus: {options.corpus}: no such folder; without one a sample is "
            "generated"
        )
    given = [options.train, options.test, options.grammar]
    if any(given) and not all(given):
        raise InputError("train, test and grammar go together: give all three or none")
    if options.second_test and options.split == "pairs":
        raise InputError(
            "prepare_responses.second_test: needs folds of rows or speakers: set split to either"
        )
    files = [path for path in given if path]
    second = options.second_test
    if not files and options.corpus and options.split != "pairs" and second is None:
        second = there if (there := options.corpus / SECOND).exists() else None
    if not files and options.corpus:
        files = [options.corpus / name for name in FILES]
    if options.transcripts and not files:
        raise InputError(
            "transcripts need the responses that they are of: give train, test, grammar"
        )
    if not files:
        log.warning("no responses are named: generating a small sample; its figures mean nothing")
        train, test, grammar = make_sample(options.seed)
        if options.split == "speakers":
            train = [replace(r, speaker=f"{i % SAMPLE_SPEAKERS:02d}") for i, r in enumerate(train)]
        return Found(train, test, grammar, {"train": Path("sample"), "test": Path("sample")})
    log.info("responses: %s", ", ".join(map(str, files)))
    heard = _transcripts(options.transcripts) if options.transcripts else None
    train, test = (read_responses(path, heard) for path in files[:2])
    grammar = read_any_grammar(files[2])
    train, test = (_as_in(grammar, rows) for rows in (train, test))
    again = _second(second, test, grammar) if second else []
    return Found(train, test, grammar, {"train": files[0], "test": files[1]}, second=again)


def _second(path: Path, test: list[Response], grammar: Grammar) -> list[Response]:
    """The test rows, in their order, as a second recogniser heard them."""
    log.info("second recogniser: %s", path)
    heard = {r.id: r for r in _as_in(grammar, read_responses(path))}
    ids = {r.id for r in test}
    if different := heard.keys() ^ ids:
        there = "not a test response" if min(different) in heard else "a test response it lacks"
        raise InputError(f"{path}: {len(different)} other ids: {min(different)} is {there}")
    for first in test:
        again = heard[first.id]
        if (again.prompt, again.label) != (first.prompt, first.label):
            raise InputError(
                f"{path}: {first.id}: another prompt or class than the test responses have"
            )
    return [heard[r.id] for r in test]


def _spoken(paths: SpokenPaths, options: ResponseOptions) -> Found:
    """Responses of data directories."""
    typed = {"corpus": options.corpus, "train": options.train, "test": options.test}
    typed["transcripts"] = options.transcripts[0] if options.transcripts else None
    if given := [f"prepare_responses.{name}" for name, path in typed.items() if path]:
        raise InputError(f"{given[0]} and data directories are given: which responses are meant?")
    if options.split != "pairs":
        raise InputError(
            f"prepare_responses.split: {options.split}: folds of recordings are of speakers already"
        )
    train, test, classes = read_spoken(paths)
    check_speakers(train, test, paths, options.allow_shared_speakers, options.allow_known_speakers)
    grammar = read_any_grammar(options.grammar) if options.grammar else {}
    if options.read_prompts and not grammar:
        prompts = sorted({r.prompt for r in (*train, *test)})
        words = {prompt: transcript_text(prompt) for prompt in prompts}
        grammar = {prompt: PromptUnit(read, (read,)) for prompt, read in words.items()}
    train, test = (_as_in(grammar, rows) for rows in (train, test))
    names = {
        name: folder / "prompts"
        for name, folder in (("train", paths.train_data), ("test", paths.test_data))
        if folder
    }
    return Found(train, test, grammar, names, classes, "row")


def _as_in(grammar: Grammar, responses: list[Response]) -> list[Response]:
    """The responses, with prompts spelled as the grammar has them."""
    prompts = {r.prompt: known_prompt(grammar, r.prompt) or r.prompt for r in responses}
    return [replace(r, prompt=prompts[r.prompt]) for r in responses]


def _close(grammar: Grammar, prompt: str) -> str:
    close = close_prompts(grammar, prompt)
    return f", which has {', '.join(map(repr, close))}" if close else ""


def _transcripts(paths: tuple[Path, ...]) -> dict[str, str]:
    heard: dict[str, str] = {}
    for path in paths:
        table = read_table(path)
        if twice := heard.keys() & table.keys():
            raise InputError(f"{path}: {min(twice)} has a transcript in an earlier file as well")
        heard |= table
    return heard
