"""Spoken CALL Shared Task: prompts, transcripts of responses, labels, reference grammar.

Baur et al., SLaTE 2017 (edition 1) and Interspeech 2018 (edition 2). The official files are tab
separated with every field in double quotes; the grammar is XML. Two label layouts exist:
`language` and `meaning` (training data), `FullyAcceptable` and `MeaningAcceptable` (test data).
"""

import csv
import difflib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from pyscorer.contract.characters import fold, plain
from pyscorer.contract.files import atomic_open, opened_text, shown
from pyscorer.contract.markup import read_xml
from pyscorer.errors import InputError, naming
from pyscorer.lexicon.normalise import transcript_text

LABEL_COLUMNS = (("language", "meaning"), ("FullyAcceptable", "MeaningAcceptable"))
LABEL_VALUES = ("correct", "incorrect")
EDITION_1_TEST = r"^(35[7-9]\d|3[6-9]\d\d|4[0-6]\d\d|470[01])$"
"""Ids (3570 to 4701) of edition 1's test responses, whose `RecResult` a human wrote."""


@dataclass(frozen=True)
class Response:
    """One answer: the prompt, the recogniser's transcript of the answer, the number of its class.

    Of the task the classes are `LANGUAGE_MEANING`.
    """

    id: str
    prompt: str
    recognised: str
    label: int
    speaker: str = ""
    """Who gave it; where nobody is named, the id tells (`speaker_of`)."""

    @property
    def pair(self) -> tuple[str, str]:
        """What decides whether two rows are the same item: (prompt, transcript)."""
        return self.prompt, self.recognised


@dataclass(frozen=True)
class PromptUnit:
    """What the grammar knows of a prompt: its English translation and accepted responses."""

    translation: str
    responses: tuple[str, ...]


Grammar = dict[str, PromptUnit]


def translation_words(text: str) -> str:
    """The words of a translated prompt without the marks of its alternatives: `? | ( ) :`."""
    return transcript_text(re.sub(r"[?|():]", " ", text))


def known_prompt(grammar: Collection[str], prompt: str) -> str | None:
    """`prompt` as the grammar has it, whatever its case and punctuation; None if it has none.

    Raises InputError for a prompt that differs from several of the grammar by those alone.
    """
    if prompt in grammar:
        return prompt
    found = [known for known in grammar if _letters(known) == _letters(prompt)]
    if len(found) > 1:
        raise InputError(f"prompt {prompt!r} may be any of {found}: write it as one of them")
    return found[0] if found else None


def close_prompts(grammar: Collection[str], prompt: str) -> list[str]:
    """Up to three prompts of the grammar that look most like `prompt`."""
    return difflib.get_close_matches(plain(prompt), grammar, 3)


@lru_cache(maxsize=4096)
def _letters(prompt: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in fold(prompt)).split())


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields), raising InputError on wrong quoting."""
    number = 0
    try:
        with opened_text(path, newline="") as stream:
            reader = csv.reader(stream, delimiter="\t", quotechar='"', strict=True)
            while True:
                number = reader.line_num + 1
                try:
                    fields = next(reader)
                except StopIteration:
                    return
                if any("\n" in field for field in fields):
                    raise InputError(
                        f"{path}:{number}: a quoted field runs over the end of the line: "
                        "close the quote or double the quotes inside the field"
                    )
                yield number, fields
    except csv.Error as error:
        raise InputError(
            f"{path}:{number}: wrong quoting ({error}): fields are tab separated, a field in "
            "double quotes ends at its closing quote, quotes inside are doubled"
        ) from None


def _label(language: str, meaning: str) -> int:
    return 2 * (language == "incorrect") + (meaning == "incorrect")


def read_responses(path: Path, transcripts: Mapping[str, str] | None = None) -> list[Response]:
    """Read a training or test file of the shared task.

    The transcript is `RecResult`, or that of the response's id in `transcripts`; `RecResult` need
    not be there then. The human `Transcription` is not read. With the test layout, a response that
    is not fully acceptable counts as incorrect in language. Rules: field order is free, further
    columns are ignored, `RecResult` may be empty, a file of only a header is an error.

    Raises InputError naming file and line for a missing column, wrong quoting, a wrong number of
    fields, a header line in the data, a label other than correct/incorrect, a response fully
    acceptable but wrong in meaning, an empty or repeated id, an empty prompt; and naming the
    responses that `transcripts` lacks.
    """
    records = _records(path)
    _, header = next(records, (0, []))
    needed = ("Id", "Prompt", "RecResult") if transcripts is None else ("Id", "Prompt")
    missing = [c for c in needed if c not in header]
    labels = next((pair for pair in LABEL_COLUMNS if set(pair) <= set(header)), None)
    if labels is None:
        missing.append("language and meaning, or FullyAcceptable and MeaningAcceptable")
    if missing or labels is None:
        found = shown(str(header), 300)
        raise InputError(f"{path}:1: missing column: {', '.join(missing)}; found {found}")
    full = labels[0] == "FullyAcceptable"
    seen: dict[str, int] = {}
    responses = []
    for number, fields in records:
        if not fields:
            raise InputError(f"{path}:{number}: empty line")
        if len(fields) != len(header):
            raise InputError(
                f"{path}:{number}: {len(fields)} fields where the header has {len(header)}"
            )
        if fields == header:
            raise InputError(f"{path}:{number}: a second header line among the data: remove it")
        row = dict(zip(header, fields, strict=True))
        for column in labels:
            if row[column] not in LABEL_VALUES:
                raise InputError(
                    f"{path}:{number}: {column} is {shown(row[column])!r}, not one of "
                    f"{LABEL_VALUES}"
                )
        if full and row[labels[0]] == "correct" and row[labels[1]] == "incorrect":
            raise InputError(f"{path}:{number}: fully acceptable, yet incorrect in meaning")
        heard = row["RecResult"] if transcripts is None else transcripts.get(row["Id"], "")
        with naming(f"{path}:{number}"):
            identifier, prompt, transcript = row["Id"], plain(row["Prompt"]), transcript_text(heard)
        if not identifier or not prompt:
            raise InputError(f"{path}:{number}: empty {'prompt' if identifier else 'id'}")
        if identifier in seen:
            raise InputError(
                f"{path}:{number}: id {shown(identifier)} already stands in line {seen[identifier]}"
            )
        seen[identifier] = number
        label = _label(row[labels[0]], row[labels[1]])
        responses.append(Response(identifier, prompt, transcript, label))
    if not responses:
        raise InputError(f"{path}: no responses")
    if transcripts is not None and (unheard := [key for key in seen if key not in transcripts]):
        raise InputError(
            f"{path}: {len(unheard)} responses without a transcript: {' '.join(unheard[:10])}"
        )
    return responses


def read_grammar(path: Path) -> Grammar:
    """Read the reference grammar.

    Prompts that occur in several units get the union of their responses and the first translation
    (the published file has 7 whose lists differ). Raises InputError naming file and line or unit
    if the XML is not well-formed or a unit lacks prompt or responses.
    """
    root = read_xml(path)
    translations: dict[str, str] = {}
    responses: dict[str, dict[str, None]] = {}
    for number, unit in enumerate(root.iter("prompt_unit"), 1):
        with naming(f"{path}: prompt_unit {number}"):
            prompt = plain(unit.findtext("prompt") or "")
            accepted = [transcript_text(r.text or "") for r in unit.findall("response")]
            translation = translation_words(unit.findtext("translated_prompt") or "")
        if not prompt:
            raise InputError(f"{path}: prompt_unit {number} has no prompt")
        if not any(accepted):
            raise InputError(f"{path}: prompt_unit {number} ({shown(prompt)}) accepts no response")
        translations.setdefault(prompt, translation)
        responses.setdefault(prompt, {}).update(dict.fromkeys(a for a in accepted if a))
    if not responses:
        raise InputError(f"{path}: no prompt_unit found: is this the reference grammar?")
    return {p: PromptUnit(translations[p], tuple(sorted(responses[p]))) for p in responses}


def missing_prompts(responses: list[Response], grammar: Grammar) -> list[Response]:
    """The first response of every prompt that the grammar lacks."""
    first: dict[str, Response] = {}
    for response in responses:
        if response.prompt not in grammar:
            first.setdefault(response.prompt, response)
    return list(first.values())


def read(folder: Path, split: str) -> NoReturn:
    """Refuse: the corpus comes without audio, so there is no Kaldi data directory to make."""
    raise InputError(
        f"{folder}: {split}: spoken_call has transcripts only: use `pyscorer prepare_responses`"
    )


def write_grammar(path: Path, grammar: Grammar) -> None:
    """Write a grammar as XML in the task's layout."""
    root = ElementTree.Element("grammar")
    for prompt, unit in grammar.items():
        element = ElementTree.SubElement(root, "prompt_unit")
        ElementTree.SubElement(element, "prompt").text = prompt
        ElementTree.SubElement(element, "translated_prompt").text = unit.translation
        for response in unit.responses:
            ElementTree.SubElement(element, "response").text = response
    ElementTree.indent(root)
    with atomic_open(path, "wb") as stream:
        ElementTree.ElementTree(root).write(stream, encoding="utf-8", xml_declaration=True)
