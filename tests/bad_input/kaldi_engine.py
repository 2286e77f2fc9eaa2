"""The kaldi engine: trainings that cannot be, data that do not go together, files of others."""

import os
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from bad_input import command, tried
from dry_run import ROOT, fake_programs

from pyscorer.chain.tree import monophone_tree, write_tree
from pyscorer.contract.phones import PHONE_ID, PHONES
from pyscorer.kaldi.lang_phones import POSITIONS
from pyscorer.planning.plan import make_plan
from pyscorer.recognition.const_arpa import number_arpa

KIND = "S. the kaldi engine"
ARPA = """\\data\\
ngram 1=4

\\1-grams:
-99 <s>
-1 </s>
-0.5 see
-0.5 bee

\\end\\
"""


def planned(**config: Any) -> str:
    """The run that a configuration of the kaldi engine stands for."""
    with mock.patch.dict(os.environ, {"PYSCORER_CORPORA": ""}):
        default = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
        plan = make_plan(default | {"corpus": "sample", "engine": "kaldi"} | config)
    assert plan.kaldi
    return f"{plan.kaldi.schedule.iterations} iterations"


@tried(KIND, "eight jobs an iteration at the end, on four archives of egs")
def jobs(folder: Path) -> str:
    return planned(kaldi={"num_jobs_final": 8})


@tried(KIND, "three to eight jobs an iteration, on eight archives")
def many_jobs(folder: Path) -> str:
    return planned(kaldi={"jobs": 8, "num_jobs_initial": 3, "num_jobs_final": 8, "epochs": 4})


@tried(KIND, "GMMs of more shards than there are")
def gmm_shards(folder: Path) -> str:
    return planned(kaldi={"gmm_shards": 9})


@tried(KIND, "a dropout schedule that begins at a place")
def dropout_place(folder: Path) -> str:
    return planned(kaldi={"dropout": "0@0.2,0.5"})


@tried(KIND, "a dropout schedule above 1")
def dropout_high(folder: Path) -> str:
    return planned(kaldi={"dropout": "0,1.5@0.5,0"})


@tried(KIND, "a dropout schedule in words")
def dropout_words(folder: Path) -> str:
    return planned(kaldi={"dropout": "linear"})


@tried(KIND, "a dropout schedule whose places go back")
def dropout_back(folder: Path) -> str:
    return planned(kaldi={"dropout": "0,0.3@0.6,0.5@0.2,0"})


@tried(KIND, "copies at three times the speed")
def speeds(folder: Path) -> str:
    return planned(kaldi={"speeds": [3]})


@tried(KIND, "an option that there is not")
def unknown(folder: Path) -> str:
    return planned(kaldi={"word_position": True})


@tried(KIND, "rows that measure states, on word-position phones")
def states(folder: Path) -> str:
    tables = yaml.safe_load((ROOT / "config" / "paper1.yaml").read_text())
    return planned(**tables | {"corpus": "sample", "kaldi": {"word_positions": True}})


@tried(KIND, "Kaldi's decoder without the kaldi engine")
def decoder(folder: Path) -> str:
    return planned(engine="torch", kaldi_decode={})


@tried(KIND, "a larger language model that is not there")
def no_arpa(folder: Path) -> str:
    return planned(kaldi_decode={"rescore_arpa": "big.arpa"})


def corpus(name: str, key: str, speaker: str) -> str:
    """A data directory of one utterance; its path."""
    data = Path(name)
    data.mkdir(parents=True)
    for file, text in {
        "text": f"{key} SEE\n", "utt2spk": f"{key} {speaker}\n", "spk2utt": f"{speaker} {key}\n",
        "wav.scp": f"{key} {key}.wav\n", "lexicon.txt": "SEE S IY\n",
    }.items():  # fmt: skip
        (data / file).write_text(text)
    return name


@tried(KIND, "two corpora to learn from, each with an utterance of the same name")
def same_name(folder: Path) -> str:
    folders = [corpus("data/one/train", "u1", "a"), corpus("data/two/train", "u1", "b")]
    lexicon = ["--lexicon", "data/one/train/lexicon.txt"]
    return command("kaldi_lang", "--data", *folders, *lexicon, "--out", "lang")


@tried(KIND, "a dataset without utterances to learn from")
def empty(folder: Path) -> str:
    data = Path(corpus("data/one/train", "u1", "a"))
    for name in ("text", "utt2spk", "spk2utt", "wav.scp"):
        (data / name).write_text("")
    lexicon = ["--lexicon", "data/one/train/lexicon.txt"]
    return command("kaldi_lang", "--data", str(data), *lexicon, "--out", "lang")


def shards(count: int, *more: str) -> str:
    lang = Path("lang")
    lang.mkdir()
    speakers = ["a", "b", "c"]
    for name in ("wav.scp", "louder.scp"):
        (lang / name).write_text("".join(f"{s}-1 {s}.wav\n" for s in speakers))
    (lang / "spk2utt").write_text("".join(f"{s} {s}-1\n" for s in speakers))
    (lang / "spk2uniq").write_text("".join(f"{s} {s}\n" for s in speakers))
    return command("kaldi_shards", "--lang", "lang", "--out", "out", "--jobs", str(count), *more)


@tried(KIND, "three speakers for four shards")
def few_speakers(folder: Path) -> str:
    return shards(4)


@tried(KIND, "speakers to hold out, of a last shard that has one")
def none_left(folder: Path) -> str:
    return shards(3, "--heldout", "0.3")


@tried(KIND, "too little speech for the Gaussians of the i-vector extractor")
def little_speech(folder: Path) -> str:
    """A stand-in fails where Kaldi's program does."""
    fake_programs(folder / "bin", says=":")
    (folder / "bin" / "ivector-extractor-est").write_text("#!/bin/sh\nexit 1\n")
    for name in ("000.scp", "000.cmvn.scp"):
        Path(name).touch()
    path = {"PATH": f"{folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    with mock.patch.dict(os.environ, path):
        return command("kaldi_ivector_extractor", "--feats", "000.scp", "--out", "out")


MARKED = "u1 1 20 ; {S_B} 9 ; {IY_E} 12\n".format(**POSITIONS.number)


def alignment(lengths: str, *more: str) -> str:
    data = corpus("data", "u1", "a")
    Path("lengths").write_text(lengths)
    given = ["--data", data, "--lexicon", "data/lexicon.txt", "--lengths", "lengths"]
    command("kaldi_alignment", *given, "--out", "out", *more)
    return Path("out/phones.ctm").read_text().replace("\n", "; ")


@tried(KIND, "an alignment in word-position phones, read as such")
def positions(folder: Path) -> str:
    said = alignment(MARKED, "--word-positions")
    assert [line.split()[4] for line in said.split("; ") if line] == ["SIL", "S", "IY"]
    return said


@tried(KIND, "the same, read as plain phones")
def plain(folder: Path) -> str:
    return alignment(MARKED)


@tried(KIND, "an alignment with phones of another word")
def other_word(folder: Path) -> str:
    return alignment(f"u1 1 20 ; {PHONE_ID['S']} 9 ; {PHONE_ID['AH']} 12\n")


def graph() -> None:
    Path("lexicon.txt").write_text("SEE S IY\nBEE B IY\n")
    Path("text").write_text("u1 SEE BEE\n")
    write_tree(Path("tree.json"), monophone_tree(PHONES))
    given = ["--text", "text", "--lexicon", "lexicon.txt", "--tree", "tree.json"]
    command("decoding_graph", *given, "--out", "graph")


@tried(KIND, "a larger language model, its words in small letters")
def small_letters(folder: Path) -> str:
    graph()
    Path("big.arpa").write_text(ARPA)
    assert number_arpa(Path("big.arpa"), Path("graph"), Path("numbers")) == (-1, 4, 5)
    return "words as the graph's lexicon spells them"


@tried(KIND, "a larger language model that lacks a word of the graph")
def lacking(folder: Path) -> str:
    graph()
    Path("big.arpa").write_text(ARPA.replace("bee", "bees"))
    return str(number_arpa(Path("big.arpa"), Path("graph"), Path("numbers")))


@tried(KIND, "a larger language model that was cut short")
def cut(folder: Path) -> str:
    graph()
    Path("big.arpa").write_text(ARPA[:-8])
    return str(number_arpa(Path("big.arpa"), Path("graph"), Path("numbers")))
