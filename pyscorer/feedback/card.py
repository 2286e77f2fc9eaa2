"""The card of a bundle: what it learned from, how good it is, and where its limits lie."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pyscorer import __version__
from pyscorer.contract.scales import Scales, told
from pyscorer.corpora.manifests import Manifest
from pyscorer.errors import InputError
from pyscorer.pretrained.packaged import PACKAGED
from pyscorer.shipped import CHECKOUT

CARD = "card.md"
_FIGURES = ("level", "aspect", "pcc", "mse", "coverage", "interval_width")


@dataclass(frozen=True)
class Contents:
    """What there is to say of a bundle."""

    recordings: int
    """Of the train split."""
    speakers: int
    modules: int
    """Networks of the ensemble."""
    pretrained: tuple[str, ...]
    """Models that it reads and that packages bring."""
    halved: tuple[str, ...]
    """Files whose networks have 16 bits a number."""
    change: float
    """Of any score by that, at most."""
    tried: int
    """Recordings that this was tried on."""
    files: dict[str, int]
    """Bytes by name."""


def read_figures(path: Path, name: str) -> list[dict[str, Any]]:
    """What evaluate_grader found of the grader `name`: a row a level and aspect.

    Raises InputError if the table or the grader is not in it.
    """
    if not path.exists():
        raise InputError(f"{path}: no such table; run evaluate_grader")
    table = pd.read_csv(path)
    own = table[table["grader"] == name]
    if own.empty:
        known = ", ".join(dict.fromkeys(table["grader"]))
        raise InputError(f"{path}: no grader {name}; it has {known}")
    return [dict(zip(_FIGURES, row, strict=True)) for row in own[[*_FIGURES]].to_numpy()]


def write_card(
    path: Path, corpus: Manifest, of: Contents, figures: list[dict[str, Any]], scales: Scales
) -> None:
    """Write the card as Markdown."""
    needs = ", ".join(
        f"Whisper {name}" if PACKAGED[name][0].startswith("whisper") else name
        for name in of.pretrained
    )
    megabytes = sum(of.files.values()) / 1e6
    ranges = "; ".join(
        f"{level}s: {', '.join(f'{a} {told(own)}' for a, own in scales.shown(level).items())}"
        for level in ("utterance", "word", "phone")
        if scales.shown(level)
    )
    lines = [
        f"# A grader of read English, {megabytes:.1f} MB",
        "",
        f"- **Data**: {corpus.title}{f' ({corpus.homepage})' if corpus.homepage else ''}, "
        f"{of.recordings} recordings of {of.speakers} speakers of its train split. "
        f"{corpus.citation.strip().rstrip('.')}.",
        f"- **Licence**: of the data {corpus.licence}: who passes this on names them as above; of "
        "the code Apache-2.0.",
        f"- **Made by**: `make bundle`, pyscorer {__version__}{_commit()}.",
        f"- **Holds**: {of.modules} networks with their trees, a GMM, a TDNN-F and a lexicon"
        + (f"; reads {needs}, which packages bring." if needs else "; needs no other model."),
        "- **Format**: numpy's arrays and JSON in zip archives: nothing in it is run. With 16 bits "
        f"a number: {', '.join(of.halved) or 'nothing'}, which changes no score or interval of "
        f"{of.tried} recordings of the test split by more than {of.change:.4f}.",
        f"- **Scores**: {ranges}.",
        "",
        "On the test split, whose speakers nothing here has heard (`evaluate_grader`):",
        "",
        "| of | score | PCC with the experts | mean squared error | in the 90 % interval | width |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {f['level']} | {f['aspect']} | {_figure(f['pcc'])} | {f['mse']:.3f} "
            f"| {f['coverage']:.0%} | {f['interval_width']:.2f} |"
            for f in figures
        ),
        "",
        "**Limits.** It has learnt what experts say of sentences read aloud by the speakers of "
        "these data, and holds recordings against those: other first languages, spontaneous "
        "speech, other microphones and rooms were not measured. One recording's score is an "
        "estimate with the interval told beside it; it is no examination, and nobody's future "
        "should hang on it. Recordings are at most 30 s long. Words outside the lexicon are "
        "pronounced by rule, and marked.",
        "",
        "| file | MB |",
        "| --- | --- |",
        *(f"| {name} | {size / 1e6:.2f} |" for name, size in of.files.items()),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _figure(value: float) -> str:
    """Empty where experts gave but one score."""
    return "" if pd.isna(value) else f"{value:.3f}"


def _commit() -> str:
    """The commit of the checkout, and whether something was changed since."""
    if CHECKOUT is None:
        return ""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return f", commit {found.stdout.strip()}" if found.returncode == 0 else ""
