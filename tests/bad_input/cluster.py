"""Parts of corpora that are not of each other, and processes that cannot train together."""

from pathlib import Path

import numpy as np
from bad_input import command, tried

from pyscorer.chain.chain_statistics import chain_statistics
from pyscorer.contract.archives import write_archive
from pyscorer.contract.ctm import Segment, write_ctm

CLUSTER = "R. corpora in parts"
DATA = {
    "text": "a-1 GO\nb-1 GO\n",
    "wav.scp": "a-1 a.wav\nb-1 b.wav\n",
    "utt2spk": "a-1 a\nb-1 b\n",
    "spk2utt": "a a-1\nb b-1\n",
}


def split(part: int = 1, parts: int = 2, **replaced: str) -> str:
    """What `split_data` says of a data directory, some of its files replaced."""
    Path("data").mkdir()
    for name, content in (DATA | replaced).items():
        Path("data", name).write_text(content)
    numbers = ("--part", str(part), "--parts", str(parts))
    return command("split_data", "--data", "data", "--out", "part", *numbers)


def gather(**files: tuple[str, str]) -> str:
    """What `gather` says of two parts with these files, whose names have __ for the dot."""
    for number in (1, 2):
        folder = Path(f"test@{number}of2")
        folder.mkdir()
        for name, contents in files.items():
            (folder / name.replace("__", ".")).write_text(contents[number - 1])
    return command("gather", "--parts", "test@1of2", "test@2of2", "--out", "test")


@tried(CLUSTER, "more parts than speakers")
def few_speakers(folder: Path) -> str:
    return split(parts=3)


@tried(CLUSTER, "part 3 of 2")
def no_part(folder: Path) -> str:
    return split(part=3)


@tried(CLUSTER, "a text whose speaker utt2spk does not name, before a split")
def nobodys(folder: Path) -> str:
    return split(text=DATA["text"] + "c-1 GO\n")


@tried(CLUSTER, "an utterance in two parts that differ")
def in_two_parts(folder: Path) -> str:
    return gather(text=("a-1 GO\n", "a-1 STOP\nb-1 GO\n"))


@tried(CLUSTER, "parts whose tables have other columns")
def other_columns(folder: Path) -> str:
    return gather(gop__csv=("utterance,gop\na-1,1\n", "utterance,lpp\nb-1,1\n"))


@tried(CLUSTER, "parts that were measured at other frame shifts")
def other_shifts(folder: Path) -> str:
    return gather(frame_shift=("0.02\n", "0.03\n"))


@tried(CLUSTER, "sums of another n-gram order than chain_graphs is to have")
def other_order(folder: Path) -> str:
    write_ctm(Path("ali/phones.ctm"), [("a-1", [Segment("SIL", 0, 9)])])
    write_archive(Path("mfcc13/feats.scp"), [("a-1", np.zeros((9, 13), np.float32))])
    chain_statistics(Path("ali"), Path("mfcc13"), Path("sums"), ngram_order=3)
    return command("chain_graphs", "--statistics", "sums", "--out", "graphs")


@tried(CLUSTER, "something else in the place of sums")
def no_sums(folder: Path) -> str:
    Path("sums").mkdir()
    Path("sums/statistics.npz").write_text("{}")
    return command("chain_graphs", "--statistics", "sums", "--out", "graphs")


@tried(CLUSTER, "sums, and alignments beside them")
def both(folder: Path) -> str:
    places = ("--statistics", "sums", "--ali", "ali", "--feats", "mfcc13")
    return command("chain_graphs", *places, "--out", "graphs")


@tried(CLUSTER, "more `processes` than a step has chunks")
def many_processes(folder: Path) -> str:
    places = ("--egs", "egs", "--graphs", "graphs", "--out", "tdnnf")
    return command("train_tdnnf", *places, "--processes", "3", "--minibatch", "2")
