"""Files that would do something else than hold data."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
from bad_input import command, tried

from pyscorer.alignment.gmm_model import Gmm
from pyscorer.chain.acoustic_model import load_model
from pyscorer.contract.datadir import read_data_dir

KIND = "L. files that mean harm"


class _Evil:
    """What a pickle runs when it is opened."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("ran"),)  # type: ignore[return-value]


def _not_run(read: Callable[[], object]) -> str:
    try:
        return str(read())
    finally:
        assert not Path("ran").exists()


@tried(KIND, "a pickle that runs a command, as final.pt of an acoustic model")
def pickled_model(folder: Path) -> str:
    (folder / "final.pt").write_bytes(pickle.dumps(_Evil(), protocol=2))
    return _not_run(lambda: load_model(Path("final.pt")))


@tried(KIND, "the same within a file of torch.save")
def pickled_tensors(folder: Path) -> str:
    torch.save({"weights": _Evil()}, folder / "final.pt")
    return _not_run(lambda: load_model(Path("final.pt")))


@tried(KIND, "the same within the arrays of a GMM")
def pickled_arrays(folder: Path) -> str:
    np.savez(folder / "final.npz", means=np.array([_Evil()], dtype=object))
    return _not_run(lambda: Gmm.load(Path("final.npz")))


def _data(folder: Path, key: str, audio: str, text: str) -> None:
    data = folder / "data"
    data.mkdir()
    samples = 0.3 * np.sin(np.arange(32000) ** 1.2 / 50)
    soundfile.write(folder / audio, samples, 16000, format="WAV")
    for name, value in (("text", text), ("wav.scp", audio), ("utt2spk", "s"), ("spk2utt", None)):
        (data / name).write_text(f"s {key}\n" if value is None else f"{key} {value}\n")
    (data / "lexicon.txt").write_text("THE DH AH\nDOG D AO G\nRAN R AE N\n")


def _validate() -> str:
    flags = ("--lexicon", "data/lexicon.txt", "--out", "valid", "--report", "r.csv")
    said = _not_run(lambda: command("validate", "--data", "data", *flags))
    return said.partition("\nreport")[0].rpartition("\r")[2]


@tried(KIND, "an id of shell characters: s$(touch${IFS}ran)")
def shell_in_ids(folder: Path) -> str:
    _data(folder, "s$(touch${IFS}ran)", "a.wav", "THE DOG RAN")
    said = _validate()
    command("features", "--data", "valid", "--out", "mfcc")
    assert not Path("ran").exists() and len(read_data_dir(folder / "valid").utterances) == 1
    return said.splitlines()[-1]


@tried(KIND, "a recording called `a;touch ran;.wav`")
def shell_in_names(folder: Path) -> str:
    _data(folder, "s", "a;touch ran;.wav", "THE DOG RAN")
    return _validate().splitlines()[-1]


@tried(KIND, "`$(touch ran)` in a text")
def shell_in_text(folder: Path) -> str:
    _data(folder, "s", "a.wav", "THE DOG $(touch ran)")
    return _validate()


@tried(KIND, "`touch ran |` in wav.scp, without --allow-commands")
def command_in_scp(folder: Path) -> str:
    _data(folder, "s", "a.wav", "THE DOG RAN")
    (folder / "data/wav.scp").write_text("s touch ran |\n")
    return _validate()


@tried(KIND, "a link in the folder of the results that leads to the text that is read")
def linked_output(folder: Path) -> str:
    _data(folder, "s", "a.wav", "THE DOG RAN")
    shutil.copytree(folder / "data", folder / "mine")
    (folder / "r.csv").symlink_to("data/text")
    try:
        return _validate()
    finally:
        assert (folder / "data/text").read_text() == (folder / "mine/text").read_text()
