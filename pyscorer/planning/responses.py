"""Section `proficiency`: where the responses come from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyscorer.config import corpora_root, manifests_folder
from pyscorer.corpora.manifests import load_manifest
from pyscorer.errors import InputError
from pyscorer.planning.commands import Config, existing, stage_section
from pyscorer.proficiency.prepare_responses import SECOND

PAPER: dict[str, Any] = {"split": "rows", "folds": 10}
"""Options of prepare_responses in the paper's protocol, unless the section has others."""


def by_paper(config: Config) -> bool:
    """Whether experts are trained and combined in the paper's protocol."""
    return bool(config.get("proficiency", {}).get("protocol") == "paper")


def protocol_options(config: Config) -> dict[str, Any]:
    """What the stages that follow a protocol are told."""
    return {"protocol": "paper"} if by_paper(config) else {}


@dataclass(frozen=True)
class Responses:
    """Where the responses come from on this machine."""

    options: dict[str, Any]
    """Of prepare_responses, with the corpus that `auto` stands for."""
    note: str
    """What was chosen, for the user to read."""
    files: list[Path]
    """What prepare_responses reads, as far as it is there."""
    feature_files: list[Path]
    """What expert_features reads beside the responses, as far as it is there."""
    folders: dict[str, list[Path]] = field(default_factory=dict)
    """Flags of prepare_responses for recorded responses -> files in the folders that they name."""


def find_responses(config: Config) -> Responses:
    """Settle the responses of a configuration.

    `corpus: auto` takes spoken_call where the corpora root (PYSCORER_CORPORA in place of
    `corpora_root`) has it, else a generated sample. Raises InputError for a folder that is named
    but not there.
    """
    options = (PAPER if by_paper(config) else {}) | stage_section(config, "prepare_responses")
    root = corpora_root(config)
    manifest = load_manifest("spoken_call", manifests_folder(config))
    folder = root / manifest.folder
    asked = options.get("corpus")
    if asked == "auto":
        corpus = None if manifest.missing(root) else folder
    else:
        corpus = Path(asked) if asked else None
    if corpus and not corpus.is_dir():
        raise InputError(
            f"proficiency.prepare_responses.corpus: {corpus}: no such folder; `auto` takes "
            "spoken_call where the corpora root has it, else a generated sample"
        )
    named = [options.get(key) for key in ("train", "test", "grammar")]
    more = [*options.get("transcripts", []), options.get("generic_text")]
    second = options.get("second_test")
    if corpus and not any(named):
        named = [corpus / name for name in manifest.required]
        second = second or (corpus / SECOND if by_paper(config) else None)
    if any(named):
        note = f"the responses of {', '.join(str(path) for path in named[:2])}"
    else:
        why = f"{folder} is not there" if asked else "no corpus is named"
        note = f"a GENERATED sample of responses, whose figures mean nothing: {why}"
    features = stage_section(config, "expert_features")
    return Responses(
        options | {"corpus": corpus},
        note,
        existing(*named, *more, second),
        existing(features.get("word_vectors"), features.get("encoder")),
    )
