"""A corpus of two made recordings with an alignment, for what reads a CTC model."""

from pathlib import Path

import numpy as np
import soundfile

from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir

PHONES = {
    "u1": [Segment("AH", 0, 30), Segment("AE", 30, 30), Segment("T", 60, 40)],
    "u2": [Segment("SIL", 0, 40), Segment("AH", 40, 60)],
}
WORDS = {"u1": [Segment("A", 0, 30), Segment("AT", 30, 70)], "u2": [Segment("A", 40, 60)]}


def write_corpus(folder: Path, samples: int = 16000) -> Path:
    """`data` (noise of `samples`) and `ali` in `folder`."""
    data = DataDir()
    for seed, (key, words) in enumerate({"u1": ("A", "AT"), "u2": ("A",)}.items()):
        noise = np.random.default_rng(seed).normal(0, 0.1, samples)
        soundfile.write(folder / f"{key}.wav", noise, 16000)
        data.utterances[key] = Utterance(key, f"s-{key}", folder / f"{key}.wav", words)
    write_data_dir(folder / "data", data)
    write_ctm(folder / "ali/phones.ctm", PHONES.items())
    write_ctm(folder / "ali/words.ctm", WORDS.items())
    return folder
