"""Stage `prepare_responses`: responses and grammar checked, folds drawn; or a generated sample."""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from pyscorer.contract.files import atomic_directory, read_lines, read_table
from pyscorer.corpora.spoken_call import (
    Grammar,
    Response,
    close_prompts,
    describe,
    known_prompt,
    missing_prompts,
    read_grammar,
    read_responses,
    write_grammar,
    write_responses,
)
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.proficiency.pairs import build_pairs
from pyscorer.proficiency.sample_responses import make_sample

FILES = ("scst_train.csv", "scst2_test_annotated.csv", "referenceGrammar_v3.0.0.xml")
"""Training responses, test responses and grammar in a corpus folder."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResponseOptions:
    """How to prepare prompt-response data."""

    corpus: Path | None = option(
        None, "folder with the task's files; without it, train, test and grammar: a sample"
    )
    train: Path | None = option(None, "training responses (CSV of the task)")
    test: Path | None = option(None, "test responses (CSV of the task)")
    grammar: Path | None = option(None, "reference grammar (XML)")
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
    folds: int = option(5, "folds of distinct (prompt, transcript) pairs", ge=2)
    seed: int = option(1, "seed of the folds and of the sample", ge=0)
    allow_missing_prompts: bool = option(False, "accept prompts that the grammar lacks")


def prepare_responses(out: Path, options: ResponseOptions) -> None:
    """Read, check and write responses: out/{train.csv,test.csv,grammar.xml,generic.txt,folds.json}.

    The files are those named, else those of the corpus folder (`FILES`); without either a small
    sample is generated. Raises InputError for a corpus folder that is not there, for faulty files
    (see pyscorer.corpora.spoken_call), for responses that none of `transcripts` has, for a prompt
    that the grammar lacks (naming the response) unless allow_missing_prompts is set, and for an id
    that is in both training and test rows.
    """
    if options.corpus and not options.corpus.is_dir():
        raise InputError(
            f"prepare_responses.corpus: {options.corpus}: no such folder; without one a sample is "
            "generated"
        )
    given = [options.train, options.test, options.grammar]
    if any(given) and not all(given):
        raise InputError("train, test and grammar go together: give all three or none")
    files = [path for path in given if path]
    if not files and options.corpus:
        files = [options.corpus / name for name in FILES]
    if options.transcripts and not files:
        raise InputError(
            "transcripts need the responses that they are of: give train, test, grammar"
        )
    if files:
        log.info("responses: %s", ", ".join(map(str, files)))
        heard = _transcripts(options.transcripts) if options.transcripts else None
        train, test = (read_responses(path, heard) for path in files[:2])
        grammar = read_grammar(files[2])
        train, test = (_as_in(grammar, rows) for rows in (train, test))
        names = {"train": files[0], "test": files[1]}
    else:
        log.warning("no responses are named: generating a small sample; its figures mean nothing")
        train, test, grammar = make_sample(options.seed)
        names = {"train": Path("sample"), "test": Path("sample")}
    for name, rows in (("train", train), ("test", test)):
        lacking = missing_prompts(rows, grammar)
        if lacking and not options.allow_missing_prompts:
            raise InputError(
                f"{names[name]}: response {lacking[0].id}: prompt {lacking[0].prompt!r} is not in "
                f"the grammar ({len(lacking)} such prompts){_close(grammar, lacking[0].prompt)}; "
                "add it or set allow_missing_prompts"
            )
        for response in lacking:
            log.warning("%s: prompt %r is not in the grammar", response.id, response.prompt)
    shared = {r.id for r in train} & {r.id for r in test}
    if shared:
        raise InputError(f"{names['test']}: id {min(shared)} is also a training response")
    table = build_pairs(train, test, options.folds, options.seed)
    log.info("train: %s", describe(train))
    log.info("test: %s; %d of seen pairs", describe(test), int(table.test_seen.sum()))
    with atomic_directory(out) as part:
        write_responses(part / "train.csv", train)
        write_responses(part / "test.csv", test)
        write_grammar(part / "grammar.xml", grammar)
        if options.generic_text:
            lines = [line for _, line in read_lines(options.generic_text)]
        else:
            lines = sorted({r for unit in grammar.values() for r in unit.responses})
        (part / "generic.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        settings = {"folds": options.folds, "seed": options.seed}
        (part / "folds.json").write_text(json.dumps(settings), encoding="utf-8")


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
