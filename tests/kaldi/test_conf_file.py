from pathlib import Path

import pytest

from pyscorer.errors import InputError
from pyscorer.kaldi.conf_file import read_conf

KNOWN = {"num-mel-bins": int, "use-energy": bool, "low-freq": float, "window-type": str}


def conf(folder: Path, text: str) -> Path:
    path = folder / "mfcc.conf"
    path.write_text(text)
    return path


def test_a_file_as_kaldi_reads_it(tmp_path: Path):
    text = (
        "# hires\n\n--num_mel_bins=40 # underscores\n--Use-Energy\n--low-freq=20\n--low-freq=40\n"
    )
    assert read_conf(conf(tmp_path, text), KNOWN) == {
        "num-mel-bins": 40, "use-energy": True, "low-freq": 40.0
    }  # fmt: skip


def test_several_options_on_a_line(tmp_path: Path):
    path = conf(tmp_path, "--num-mel-bins=3 --window-type=povey\n")
    assert read_conf(path, KNOWN) == {"num-mel-bins": 3, "window-type": "povey"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--frame-shift=5", r"mfcc\.conf:2: option --frame-shift is not known"),
        ("num-mel-bins=40", r"mfcc\.conf:2: expected `--name=value`, found num-mel-bins=40"),
        ("--num-mel-bins=4x", r"mfcc\.conf:2: --num-mel-bins must be an integer, found 4x"),
        ("--num-mel-bins", r"mfcc\.conf:2: --num-mel-bins must be an integer"),
        ("--use-energy=maybe", r"mfcc\.conf:2: --use-energy must be true or false, found maybe"),
        ("--", r"mfcc\.conf:2: expected"),
    ],
)
def test_lines_that_are_refused(tmp_path: Path, line: str, message: str):
    with pytest.raises(InputError, match=message):
        read_conf(conf(tmp_path, f"--low-freq=20\n{line}\n"), KNOWN)
