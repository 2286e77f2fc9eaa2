"""Stage `init`: a new project, which takes the installed workflow as a Snakemake module."""

import logging
import os
from pathlib import Path
from string import Template
from typing import Annotated

from pydantic import Field

from pyscorer.contract.files import atomic_open, read_text, shown
from pyscorer.corpora.manifests import load_manifest
from pyscorer.errors import InputError
from pyscorer.paths import not_writable, unusable
from pyscorer.shipped import CONFIG, MANIFESTS, PACKAGE, PROFILES

TEMPLATE = PACKAGE / "project" / "template"
_HIDDEN = {"gitignore": ".gitignore"}
"""Names that would mean something in this repository."""


def init(
    folder: Path,
    /,
    corpus: Annotated[str, Field(description="what the configuration names")] = "sample",
) -> None:
    """Lay down a project: an experiment of one's own, without a clone of the repository.

    `folder` (made if need be) gets a configuration with comments (`config.yaml`) that names
    `corpus`, a manifest to fill in for a corpus of one's own, a Snakefile that takes the installed
    workflow as a module, profiles, and the package's own runs (`config/`) to lay over that
    configuration. `snakemake --cores 2` in it runs, and keeps all that it makes there.

    Raises InputError where something of that name is there already, where the folder may not be
    written into, and for a corpus that pyscorer does not know, or that has no scores to learn from.
    """
    if fault := unusable(str(folder)) or not_writable(folder):
        raise InputError(fault)
    known = [path.stem for path in sorted(MANIFESTS.glob("*.yaml")) if _is_scored(path.stem)]
    if corpus not in known:
        raise InputError(
            f"--corpus: {shown(corpus)} is none with scores of people: {', '.join(known)}. A "
            "corpus of your own gets its manifest and its name in the project"
        )
    files = project_files(corpus)
    tops = sorted({Path(name).parts[0] for name in files})
    if there := [name for name in tops if os.path.lexists(folder / name)]:
        raise InputError(
            f"{folder}: has {', '.join(there)} already, and nothing is written over: name a new "
            "folder, or one without"
        )
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with atomic_open(folder / name) as stream:
            stream.write(text)
    logging.info("%s: a project; in it, `snakemake --cores 2` makes the report", folder)


def _is_scored(corpus: str) -> bool:
    return bool(load_manifest(corpus).scales.utterance)


def project_files(corpus: str) -> dict[str, str]:
    """What a new project holds: path -> text."""
    found = {}
    for source, target in ((TEMPLATE, "."), (PROFILES, "profiles"), (CONFIG, "config")):
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            name = Path(target, path.relative_to(source))
            found[str(name.with_name(_HIDDEN.get(name.name, name.name)))] = read_text(path)
    del found["config/config.yaml"]  # the project's own stands at its top
    return found | {"config.yaml": Template(found["config.yaml"]).substitute(corpus=corpus)}
