"""Spoken answers, and all that judges them, made in less than a minute from synthetic speech.

Everything is a stage's work but the TDNN-F, which knows the recordings by heart. Each recording is
of a speaker of its own: its cepstral mean is the speaker's.
"""

import csv
import multiprocessing
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from made_models import TEXTS, VOICES, align_recordings, speak
from made_scorer import learn_alignment

from pyscorer.alignment.align import AlignOptions, align
from pyscorer.alignment.features import FeatureOptions, features
from pyscorer.answers.answer_features import AnswerOptions, answer_features
from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.export import ExportOptions, export
from pyscorer.chain.tree import CENTRAL, Branch, make_tree, write_tree
from pyscorer.contract.classes import ACCEPTED, Classes, write_classes
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.files import read_table, write_table
from pyscorer.contract.phones import PHONES
from pyscorer.feedback.judge_model import judge_model
from pyscorer.feedback.judge_parts import EarPaths, JudgeModelOptions
from pyscorer.measures.gop import gop
from pyscorer.measures.pool import pool
from pyscorer.proficiency.expert_features import FeatureOptions as TextOptions
from pyscorer.proficiency.expert_features import expert_features
from pyscorer.proficiency.prepare_responses import ResponseOptions, prepare_responses
from pyscorer.proficiency.spoken_responses import SpokenPaths
from pyscorer.proficiency.train_expert import ExpertOptions, train_expert
from pyscorer.proficiency.train_mixture import MixtureOptions, train_mixture
from pyscorer.recognition.decode import DecodeOptions, decode
from pyscorer.recognition.decoding_graph import GraphOptions, decoding_graph
from pyscorer.recognition.heard import heard

PROMPTS = {
    "Say how the weather is": TEXTS[0],
    "Say who went north": TEXTS[1],
    "Say what the dog did": TEXTS[2],
}
"""Prompt -> its accepted response."""
SPLITS = {"train": VOICES[:5], "test": VOICES[5:]}
EXPERTS = {"fbk1": 12, "TREES": 1, "FFN-ACOUSTIC": 6, "LSTM-DEEP": 3}
"""Expert -> epochs."""
KINDS = ("mfcc13", "mfcc40")


WAYS = {"right": (0, 140), "wrong": (1, 140), "slow": (0, 85)}
"""How many prompts on the text is an answer to, and words a minute."""
LEVELS = Classes("levels", ("A1", "A2", "B1"))


def write_answers(root: Path, split: str) -> None:
    """root/<split>: every voice answers every prompt rightly, wrongly, and rightly but slowly."""
    data, durations = DataDir(), {}
    prompts = list(PROMPTS)
    for i, voice in enumerate(SPLITS[split]):
        for j, prompt in enumerate(prompts):
            for way, (on, tempo) in WAYS.items():
                key = f"{split}{i}{j}-{way}"
                samples = speak(PROMPTS[prompts[(j + on) % len(prompts)]], voice, tempo)
                path = root / f"{key}.wav"
                soundfile.write(path, samples, 16000)
                durations[key] = f"{len(samples) / 16000:.4f}"
                data.utterances[key] = Utterance(key, key, path, (), prompt=prompt)
    write_data_dir(root / split, data)
    write_table(root / split / "utt2dur", durations)
    write_labels(root, split, ACCEPTED)


def write_labels(root: Path, split: str, classes: Classes) -> None:
    """Right answers are accepted; of three levels they have the highest, slow ones the middle."""
    place = dict(zip(WAYS, (2, 0, 1) if classes.ordinal else (0, 1, 1), strict=True))
    keys = read_table(root / split / "prompts")
    rows = [[key, classes.names[place[key.partition("-")[2]]]] for key in keys]
    write_classes(root / split, classes)
    with (root / split / "response_labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["utterance", "class"], *rows])


def make_acoustics(root: Path) -> None:
    """root/gmm, root/tdnnf.pt, root/lexicon.txt, root/graph: of the recordings of made_models."""
    align_recordings(root, iterations=8, gaussians=200)
    network = learn_alignment(root / "mfcc40", root / "ali")
    owners = np.arange(1, len(PHONES), dtype=np.int32)
    save_model(root / "tdnnf.pt", AcousticModel(network, owners))
    # One pdf a phone, whatever stands before it, as the network has them.
    tree = make_tree(PHONES, Branch(CENTRAL, (None, *range(len(PHONES) - 1))))
    write_tree(root / "tree.json", tree)
    lexicon, text = root / "lexicon.txt", root / "data/text"
    decoding_graph([text], lexicon, root / "tree.json", root / "graph", GraphOptions(order=2))


def measure_answers(root: Path, split: str) -> None:
    """From root/<split> to root/{decode,heard,ali,deep,pool,gop}-<split>."""
    data, feats = root / split, root / f"hires-{split}"
    features(data, feats, FeatureOptions(kind="mfcc40", jobs=1))
    decoded, found = root / f"decode-{split}", root / f"heard-{split}"
    graph, tdnnf = root / "graph", root / "tdnnf.pt"
    decode(data, feats, tdnnf, graph, decoded, DecodeOptions(nbest=3, jobs=1))
    heard(data, decoded, found, root / "lexicon.txt")
    folders = {name: root / f"{name}-{split}" for name in (*KINDS, "ali", "deep", "pool", "gop")}
    for kind in KINDS:
        features(found, folders[kind], FeatureOptions(kind=kind, jobs=1))
    own, ali, deep = found / "lexicon.txt", folders["ali"], folders["deep"]
    options = AlignOptions(jobs=1, allow_failures=True)
    align(found, folders["mfcc13"], own, root / "gmm", ali, options)
    export(tdnnf, folders["mfcc40"], deep, ExportOptions(jobs=1))
    pool(found, ali, deep, folders["pool"])
    reference = root / "ali-train"
    gop(found, ali, deep, folders["gop"], root / "gmm", folders["mfcc13"], reference)


def make_judge(root: Path) -> None:
    """From recordings to root/model, the folder of judge_model; and root/levels, see `as_levels`.

    Its parts are folders of `root`.
    """
    make_acoustics(root)
    for split in SPLITS:
        write_answers(root, split)
        measure_answers(root, split)
    learn_to_judge(root)
    as_levels(root, root / "levels")


def as_levels(root: Path, other: Path) -> None:
    """The same recordings with levels for classes, without a grammar, in the folder `other`."""
    other.mkdir()
    for path in root.iterdir():
        if path.name in SPLITS:
            shutil.copytree(path, other / path.name)
            write_labels(other, path.name, LEVELS)
        elif path.name not in (other.name, "responses", *_LEARNT):
            (other / path.name).symlink_to(path)
    learn_to_judge(other, grammar=False)


@cache
def made_judge() -> Path:
    """The folder of `make_judge`, made once, in a process of its own.

    For what espeak-ng says depends on what it has said before.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(make_judge, (Path(_KEPT.name),))
    return Path(_KEPT.name)


def ear_paths(root: Path) -> EarPaths:
    """What heard the training responses of the run in `root`."""
    return EarPaths(
        decoded=root / "decode-train",
        graph=root / "graph",
        lexicon=root / "lexicon.txt",
        tdnnf=root / "tdnnf.pt",
        gmm=root / "gmm",
        ali=root / "ali-train",
        answers=root / "answers",
    )


def learn_to_judge(root: Path, grammar: bool = True) -> None:
    """From what was heard and measured to root/model."""
    accepted = root / "grammar.csv"
    rows = [["prompt", "response"], *([p, r.lower()] for p, r in PROMPTS.items())]
    with accepted.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    data = root / "responses"
    pairs = {name: [root / f"{name}-{split}" for split in SPLITS] for name in _READ}
    prepare_responses(
        data,
        ResponseOptions(folds=3, grammar=accepted if grammar else None),
        SpokenPaths(root / "train", root / "test", *pairs["decode"]),
    )
    text = TextOptions(dimension=8, orders=2, unit_vocabulary=40, kinds=("counts",))
    expert_features(data, root / "features", text)
    recordings = [root / split for split in SPLITS]
    given = (pairs[name] for name in _READ)
    answer_features(data, recordings, *given, root / "answers", AnswerOptions(components=8))
    experts = [name for name in EXPERTS if grammar or name != "fbk1"]
    for name in experts:
        options = ExpertOptions(seeds=2, epochs=EXPERTS[name], batch=8)
        options = replace(options, hidden=() if name == "TREES" else (12, 8))
        out = root / "experts" / name
        train_expert(data, root / "features", name, out, options, root / "answers")
    folders = [root / "experts" / name for name in experts]
    mixture = MixtureOptions(gate_hidden=(8,), gate_epochs=2, exams=20)
    train_mixture(data, folders, root / "mixture", mixture)
    judge_model(
        *(root / "features", folders, root / "mixture", root / "model"),
        ear_paths(root),
        JudgeModelOptions(),
    )


_KEPT = tempfile.TemporaryDirectory(prefix="pyscorer-judge-")
"""Removed when Python ends."""
_LEARNT = ("features", "answers", "experts", "mixture", "model", "grammar.csv")
_READ = ("decode", "ali", "gop", "pool")
