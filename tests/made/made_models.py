"""A grader and all that it stands on, made in seconds from synthetic speech."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

from pyscorer.alignment.align import AlignOptions, align
from pyscorer.alignment.features import FeatureOptions, features
from pyscorer.alignment.train_gmm import GmmOptions, train_gmm
from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.export import ExportOptions, export
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.phones import PHONES, strip_stress
from pyscorer.contract.scales import LEVELS, SPEECHOCEAN, Scales, write_scales
from pyscorer.corpora.sample_text import STRESSED_LEXICON
from pyscorer.feedback.bundle import BundleGraderOptions, bundle_grader
from pyscorer.grading.fit_grader import FitOptions
from pyscorer.grading.grader_inputs import SourcePaths
from pyscorer.grading.train_grader import GraderOptions, train_grader
from pyscorer.lexicon.dictionary import write_lexicon
from pyscorer.lexicon.espeak import Voice, mnemonics, synthesise
from pyscorer.lexicon.syllables import write_stresses
from pyscorer.measures.gop import gop
from pyscorer.measures.measure_prosody import ProsodyOptions, prosody
from pyscorer.measures.pool import pool

TEXTS = ("I THINK THE WEATHER IS FINE", "THREE THIN MEN WENT NORTH", "THE DOG RAN")
VOICES = ("en-us+f1", "en-us+m1", "en+f4", "en+m3", "en-us-nyc+m5", "en-gb-x-rp+f1")


def speak(text: str, voice: str = "en-us+f1", tempo: float = 140) -> np.ndarray:
    """Synthetic speech, 16 kHz, a quarter of a second of near silence at both ends."""
    phones = [[strip_stress(p) for p in STRESSED_LEXICON[word][0]] for word in text.split()]
    speech = synthesise(Voice(voice, 50, 1.0), [mnemonics(p, None) for p in phones], tempo, 40)
    samples = np.concatenate([np.zeros(4000), 0.3 * speech / np.abs(speech).max(), np.zeros(4000)])
    noise = np.random.default_rng(0).normal(0, 3e-4, len(samples))
    return (samples + noise).astype(np.float32)


def write_recordings(root: Path) -> None:
    """root/data, of one speaker a recording, with made-up scores, and root/lexicon.txt."""
    data = DataDir()
    for i, voice in enumerate(VOICES):
        for j, text in enumerate(TEXTS):
            key = f"s{i}{j}-u"
            soundfile.write(root / f"{key}.wav", speak(text, voice), 16000)
            data.utterances[key] = Utterance(
                key, f"s{i}{j}", root / f"{key}.wav", tuple(text.split())
            )
    write_data_dir(root / "data", data)
    known = {word for text in TEXTS for word in text.split()}
    write_stresses(root / "data", {w: STRESSED_LEXICON[w] for w in known})
    write_lexicon(
        root / "lexicon.txt",
        {w: [tuple(strip_stress(p) for p in v) for v in STRESSED_LEXICON[w]] for w in known},
    )


def write_scores(data: Path, pooled: Path, scales: Scales = SPEECHOCEAN) -> None:
    """Scores at random, fluency 9, for the units of a pooled directory."""
    write_scales(data, scales)
    draw = np.random.default_rng(0)
    units = pd.read_csv(pooled / "segments.csv", dtype=str).drop(columns=["start", "length"])
    words = units[["utterance", "word_index"]].drop_duplicates().assign(word="X")
    keys = words[["utterance"]].drop_duplicates()
    for level, table in zip(LEVELS, (keys, words, units), strict=True):
        scores = {
            aspect: draw.integers(low, high + 1, len(table))
            for aspect, (low, high) in scales.level(level).items()
        }
        if level == "utterance" and "fluency" in scores:
            scores["fluency"][:] = 9
        if scores:
            table.assign(**scores).to_csv(data / f"{level}_scores.csv", index=False)


def align_recordings(root: Path, iterations: int, gaussians: int) -> None:
    """From recordings to root/ali, by a GMM of theirs; torch's seed is set between."""
    write_recordings(root)
    torch.manual_seed(0)
    data, lexicon = root / "data", root / "lexicon.txt"
    for kind in ("mfcc13", "mfcc40"):
        features(data, root / kind, FeatureOptions(kind=kind, jobs=1))
    options = GmmOptions(iterations=iterations, gaussians=gaussians, jobs=1)
    train_gmm(data, root / "mfcc13", lexicon, root / "gmm", options)
    align(data, root / "mfcc13", lexicon, root / "gmm", root / "ali", AlignOptions(jobs=1))


def make_models(root: Path, scales: Scales = SPEECHOCEAN) -> None:
    """From recordings to root/bundle; the TDNN-F is random, so scores mean nothing."""
    align_recordings(root, iterations=4, gaussians=120)
    data, ali, deep = root / "data", root / "ali", root / "deep"
    sizes = {"dim": 64, "bottleneck": 16, "prefinal_dim": 64, "prefinal_bottleneck": 32}
    network = Tdnnf(TdnnfConfig(len(PHONES) - 1, time_strides=(1, 0, 3), **sizes)).eval()
    owners = np.arange(1, len(PHONES), dtype=np.int32)
    save_model(root / "tdnnf.pt", AcousticModel(network, owners))
    export(root / "tdnnf.pt", root / "mfcc40", deep, ExportOptions(jobs=1))
    for split in ("train", "test"):
        pool(data, ali, deep, root / "pool" / split)
        gop(data, ali, deep, root / "gop" / split, root / "gmm", root / "mfcc13")
        prosody(data, ali, root / "prosody" / split, ProsodyOptions(jobs=1))
    write_scores(data, root / "pool/train", scales)
    train_grader(
        *(data, data, root / "grader"),
        SourcePaths(tdnnf=root / "pool", gop=root / "gop", prosody=root / "prosody"),
        GraderOptions(seeds=1, folds=2, width=16, layers=1, jobs=1),
        FitOptions(epochs=3),
    )
    bundle_grader(
        *(root / "gmm", root / "lexicon.txt", root / "tdnnf.pt", root / "grader"),
        *(data, ali, root / "pool/train", deep, root / "bundle"),
        BundleGraderOptions(precision=0.3),
    )
