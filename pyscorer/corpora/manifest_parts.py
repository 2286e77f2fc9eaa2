"""Parts of a manifest: what it says of the files of an own corpus, of its scores and classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pyscorer.contract.classes import ACCEPTED, LANGUAGE_MEANING, Classes, check_classes
from pyscorer.contract.files import shown
from pyscorer.contract.scales import Scales, make_scales
from pyscorer.errors import InputError


@dataclass(frozen=True)
class LabelTable:
    """A table of scores of words, phones or raters: where it lies and what its columns are."""

    path: str
    columns: dict[str, str]
    """What it is -> name of the column."""
    scores: dict[str, str]
    """Aspect -> name of the column."""
    first_index: int = 0


@dataclass(frozen=True)
class OwnSource:
    """What the manifest of anyone's own corpus says of its files, all relative to the folder."""

    table: str | None
    data: dict[str, str]
    """Kaldi data directories by name; one alone has the name "" where it is given none."""
    columns: dict[str, str]
    scores: dict[str, str]
    """Aspect of utterances -> name of the column."""
    tables: dict[str, LabelTable]
    """By level: word, phone, rater."""
    audio: str
    lexicon: str | None

    @property
    def files(self) -> list[str]:
        """What must be there."""
        levels = [table.path for table in self.tables.values()]
        named = [self.table, self.lexicon, *levels, *(f"{d}/wav.scp" for d in self.data.values())]
        return [path for path in named if path]


@dataclass(frozen=True)
class ClassRule:
    """How the class of a response is found: of a score, or of what one or two columns say."""

    classes: Classes
    score: str | None = None
    """The utterance aspect of which a score from `at_least` on is accepted."""
    at_least: float = 0.0
    columns: tuple[str, ...] = ()
    """One, or language and meaning."""
    values: tuple[dict[str, int], ...] = ()
    """Of each column: cell -> its number (of two columns 0 correct, 1 incorrect)."""


def own_source(content: Mapping[str, Any]) -> OwnSource:
    """Of a manifest without reader."""
    data = content.get("data", {})
    tables = {}
    for level in ("word", "phone", "rater"):
        if given := content.get(f"{level}s"):
            columns = dict(given.get("columns", {}))
            scores = {aspect: spec["column"] for aspect, spec in given.get("scores", {}).items()}
            if level == "rater":
                scores = {
                    aspect: columns.pop(aspect, aspect) for aspect in content.get("scores", {})
                }
            tables[level] = LabelTable(given["table"], columns, scores, given.get("first_index", 0))
    return OwnSource(
        table=content.get("table"),
        data={"": data} if isinstance(data, str) else dict(data),
        columns=dict(content.get("columns", {})),
        scores={aspect: spec["column"] for aspect, spec in content.get("scores", {}).items()},
        tables=tables,
        audio=content.get("audio", "."),
        lexicon=content.get("lexicon"),
    )


def make_scales_of(content: Mapping[str, Any], place: str) -> Scales:
    """Of a manifest's `labels`, or of its `scores`. Raises InputError as `make_scales`."""
    published = content.get("labels", {})
    found: dict[str, Any] = {
        level: published.get(level, {}) for level in ("utterance", "word", "phone")
    }
    for level, key in (("utterance", "scores"), ("word", "words"), ("phone", "phones")):
        given = content.get(key, {})
        scores = given if key == "scores" else given.get("scores", {})
        found[level] |= {aspect: spec["range"] for aspect, spec in scores.items()}
    if "child_below" in content:
        found["child_below"] = content["child_below"]
    if "overall" in content:
        found["overall_aspect"] = content["overall"]
    return make_scales(found, place)


def class_rule(content: Mapping[str, Any], place: str) -> ClassRule:
    """Of a manifest's `classes`. Raises InputError for a value that stands for two classes."""
    kind: Literal["accepted", "language_meaning", "levels"] = content["kind"]
    if kind == "accepted" and "score" in content:
        return ClassRule(ACCEPTED, score=content["score"], at_least=content["at_least"])
    if kind == "accepted":
        values = _numbered([content["accepted"], content["rejected"]], place)
        return ClassRule(ACCEPTED, columns=(content["column"],), values=(values,))
    if kind == "language_meaning":
        values = _numbered([content["correct"], content["incorrect"]], place)
        columns = (content["language"], content["meaning"])
        return ClassRule(LANGUAGE_MEANING, columns=columns, values=(values, values))
    classes = check_classes(Classes(kind, tuple(map(str, content["levels"]))), place)
    values = _numbered([[name] for name in classes.names], place)
    return ClassRule(classes, columns=(content["column"],), values=(values,))


def _numbered(groups: list[list[Any]], place: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, cells in enumerate(groups):
        for cell in map(str, cells):
            if found.setdefault(cell, number) != number:
                raise InputError(f"{place}: {shown(cell)} stands for two things")
    return found
