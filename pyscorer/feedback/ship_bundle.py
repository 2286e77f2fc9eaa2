"""Stage `ship_bundle`: a grader's directory, made small, with a card, to come with the package."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyscorer.contract.datadir import read_data_dir, read_wav
from pyscorer.contract.files import atomic_directory, check_replaceable
from pyscorer.contract.packed import save_packed
from pyscorer.contract.weights import load_weights
from pyscorer.corpora.manifests import load_manifest
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import (
    WEIGHTS,
    GraderJudge,
    grader_settings,
    load_bundle,
    write_grader_settings,
)
from pyscorer.feedback.bundled_encoders import CTC, RECOGNISER, encoder_folders
from pyscorer.feedback.card import CARD, Contents, read_figures, write_card
from pyscorer.feedback.grade_recording import grade_recordings
from pyscorer.grading.grades import RecordingGrade, Score
from pyscorer.options import option
from pyscorer.pretrained.packaged import PACKAGED

log = logging.getLogger(__name__)

_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class ShipOptions:
    """How small a bundle has to be, and how little that may change what it says."""

    most: float = option(12.0, "megabytes of the bundle", gt=0)
    tolerance: float = option(1e-2, "by which 16 bits a number may change any score", ge=0)
    recordings: int = option(20, "of the test split that this is tried on", ge=1)
    corpus: str = option("speechocean762", "name of the manifest of the data, for the card")
    manifests: Path | None = option(None, "folder of manifests searched before those of pyscorer")


def ship_bundle(
    model: Path,
    data: Path,
    train: Path,
    grading: Path,
    out: Path,
    options: ShipOptions = ShipOptions(),
    encoder: list[Path] | None = None,
    recogniser: Path | None = None,
    ctc: Path | None = None,
) -> None:
    """Make of a directory of `bundle_grader` one that comes with the package, with its card.

    Networks are kept with 16 bits a number, file by file, where that changes no score or interval
    of recordings of the test split `data` by more than the tolerance. Of `encoder`,
    `recogniser` and `ctc`, as given to bundle_grader, packages bring the weights: they are named,
    not copied.
    The card says what the grader learned from (`train`, of the corpus), the figures that
    evaluate_grader wrote into `grading` for the grader, which is known by the name of the folder
    `model`, and limits.

    Raises InputError for a model that is no grader's, a pretrained model that no package brings,
    figures that are not there, and a bundle that is too large, naming its parts.
    """
    check_replaceable(out, "settings.json", CARD)
    whole = load_bundle(model)
    if not isinstance(whole.judge, GraderJudge):
        raise InputError(f"{model}: no grader's; give a directory of bundle_grader")
    named, own = _named(encoder or [], recogniser)
    heard_by = None if ctc is None else _packaged(ctc)
    figures = read_figures(grading / "results.csv", model.name)
    manifest = load_manifest(options.corpus, options.manifests)
    with atomic_directory(out) as part:
        left = shutil.ignore_patterns(*_copies(model), CARD, ".*")
        shutil.copytree(model, part, dirs_exist_ok=True, ignore=left)
        settings = replace(
            grader_settings(model), packaged=named, packaged_recogniser=own, packaged_ctc=heard_by
        )
        write_grader_settings(part, settings)
        halved, change = _halve(part, data, options)
        files = {path.name: path.stat().st_size for path in sorted(part.iterdir())}
        speakers = [u.speaker for u in read_data_dir(train).utterances.values()]
        contents = Contents(
            recordings=len(speakers),
            speakers=len(set(speakers)),
            modules=len(whole.judge.grader.modules),
            pretrained=tuple(dict.fromkeys(filter(None, [*named, own, heard_by]))),
            halved=halved,
            change=change,
            tried=options.recordings,
            files=files,
        )
        write_card(part / CARD, manifest, contents, figures, whole.judge.grader.learned)
        size = sum(files.values()) / _MEGABYTE
        log.info("%s: %.1f MB; 16 bits a number change scores by %.4f at most", out, size, change)
        if size > options.most:
            parts = ", ".join(f"{name} {bytes / _MEGABYTE:.1f}" for name, bytes in files.items())
            raise InputError(
                f"{out}: {size:.1f} MB, more than {options.most:g}: train the grader with fewer "
                f"seeds, or smaller networks ({parts})"
            )


def _named(encoder: Sequence[Path], recogniser: Path | None) -> tuple[tuple[str, ...], str | None]:
    """Names of packaged models; a recogniser that is the only encoder goes without saying."""
    heard_by = None if recogniser is None else _packaged(recogniser)
    return tuple(map(_packaged, encoder)), None if [recogniser] == list(encoder) else heard_by


def _packaged(model: Path) -> str:
    if str(model) not in PACKAGED:
        raise InputError(f"{model}: no package brings it; known are {', '.join(PACKAGED)}")
    return str(model)


def _copies(model: Path) -> Iterator[str]:
    """Folders of a bundle that hold pretrained models."""
    yield from (RECOGNISER, CTC)
    for folder in encoder_folders(model):
        yield folder.name
        if not folder.exists():
            return


def _halve(model: Path, data: Path, options: ShipOptions) -> tuple[tuple[str, ...], float]:
    """Keep the networks of a bundle with 16 bits a number where that is tolerable.

    Returns the files that are, and the largest change of a score.
    """
    utterances = [*read_data_dir(data).utterances.values()]
    chosen = np.linspace(0, len(utterances) - 1, min(options.recordings, len(utterances)))
    tried = [utterances[round(i)] for i in chosen]
    samples, texts = [read_wav(u) for u in tried], [" ".join(u.words) for u in tried]

    def scores() -> list[np.ndarray]:
        grades = grade_recordings(load_bundle(model), samples, texts)
        return [_scores(grade) for grade in grades if isinstance(grade, RecordingGrade)]

    before, halved, change = scores(), [], 0.0
    if not before:
        raise InputError(f"{data}: none of {len(tried)} recordings could be graded by {model}")
    for name, networks in WEIGHTS.items():
        if not (model / name).exists():
            continue
        weights = load_weights(model / name, "weights", "bundle_grader", lambda content: content)
        save_packed(model / name, weights, half=[networks])
        after = scores()
        pairs = zip(after, before, strict=True)
        changed = round(float(max(abs(a - b).max() for a, b in pairs)), 6)
        if changed <= options.tolerance:
            halved.append(name)
            change = changed
        else:
            log.info("%s: 16 bits a number would change scores by %.4f", name, changed)
            save_packed(model / name, weights)
    return tuple(halved), change


def _scores(grade: RecordingGrade) -> np.ndarray:
    """All scores of a recording, with their intervals."""
    found: list[Score] = [*grade.aspects.values()]
    for word in grade.words:
        found += [*word.aspects.values(), *(p.score for p in word.phones if p.score is not None)]
    return np.array([(score.value, score.low, score.high) for score in found])
