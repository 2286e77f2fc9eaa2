"""The bundles that come with the package, and which of them is used where none is named."""

from pathlib import Path

from pyscorer.errors import InputError, attempt
from pyscorer.feedback.bundle import grader_settings
from pyscorer.pretrained.packaged import packaged_model
from pyscorer.shipped import BUNDLES

SHIPPED = ("encoder", "small")
"""Names of the folders, the better one first: with a pretrained encoder, which packages bring, and
without any."""


def chosen_model(model: Path | None) -> Path:
    """The directory of a bundle: `model`, or without one the best that comes with the package.

    A bundle that reads pretrained models is passed over where their packages are not installed.
    Raises InputError if no bundle is there.
    """
    if model is not None:
        return model
    for name in SHIPPED:
        folder = BUNDLES / name
        if folder.is_dir() and not lacking(folder):
            return folder
    raise InputError(
        f"no model: {BUNDLES} holds no trained bundle. Give --model DIR, a directory that "
        "bundle_grader made (`make grading` of the repository trains one), or put one there: "
        "`make bundle`"
    )


def lacking(folder: Path) -> tuple[str, ...]:
    """The pretrained models that a bundle reads and that are not installed, each with the advice.

    Raises InputError for a directory that is no bundle of this version.
    """
    settings = grader_settings(folder)
    named = [*settings.packaged, settings.packaged_recogniser, settings.packaged_ctc]
    tried = [attempt(packaged_model, name) for name in named if name is not None]
    return tuple(dict.fromkeys(str(each) for each in tried if isinstance(each, InputError)))
