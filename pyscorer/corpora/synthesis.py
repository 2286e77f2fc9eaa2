"""Synthetic speakers, and what they say as audio: what the generated corpora share."""

import json
import multiprocessing
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE, encoded
from pyscorer.contract.files import read_json
from pyscorer.contract.phones import strip_stress
from pyscorer.corpora.mispronunciation import Delivery, SpokenWord
from pyscorer.errors import InputError
from pyscorer.lexicon.espeak import Voice, mnemonics, synthesise
from pyscorer.parallel import begin_worker
from pyscorer.progress import progress_bar

ACCENTS = ("en-us", "en", "en-us-nyc", "en-gb-x-rp", "en-gb-scotland")
VARIANTS = {
    "f": tuple("f1 f4 Andrea Annie anika aunty belinda grandma linda steph steph3".split()),  # noqa: SIM905
    "m": tuple("m1 m2 m3 m4 m5 m6 m7 m8 Andy Denis Diogo".split()),  # noqa: SIM905
}
"""espeak-ng voice variants that sound like people, by gender; 11 of each, prime to the accents.

Variants with `breath` are left out: espeak-ng renders them differently from run to run.
"""
NATIVE = "native"
"""Split that acoustic models are trained on."""


@dataclass(frozen=True)
class SampleOptions:
    """Size of a generated corpus."""

    speakers: int = 36
    """Learners, who are judged: two thirds in split train, a third in test."""
    natives: int = 24
    """Speakers of split native, who make no mistakes and are not judged."""
    utterances: int = 12
    """Utterances a speaker."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise InputError for sizes that make no corpus."""
        if self.speakers < 12:
            raise InputError(f"sample: {self.speakers} speakers asked for; both splits need 12")
        if self.utterances < 1:
            raise InputError("sample: at least one utterance a speaker is needed")


@dataclass(frozen=True)
class Speaker:
    """One synthetic speaker."""

    name: str
    split: str
    gender: str
    age: int
    skill: float
    """0: beginner, 1: native-like."""
    voice: Voice
    snr: float
    """Of the added noise, dB."""


def make_speakers(options: SampleOptions) -> list[Speaker]:
    """Speakers in four strata (female/male x child/adult), a third of the learners in split test.

    Skill is spread evenly within a split, so that both splits hold all of it; natives have all.
    """
    generator = np.random.default_rng([options.seed, 0])
    plan = [
        (
            *("fm"[i % 2], (i // 2) % 2 == 1),
            NATIVE if i >= options.speakers else "test" if (i // 4) % 3 == 2 else "train",
        )
        for i in range(options.speakers + options.natives)
    ]
    skills: dict[str, list[float]] = {NATIVE: [1.0] * options.natives}
    for split in ("train", "test"):
        number = sum(p[2] == split for p in plan)
        skills[split] = list(generator.permutation((np.arange(number) + 0.5) / max(number, 1)))
    speakers = []
    for index, (gender, child, split) in enumerate(plan):
        variants = VARIANTS[gender]
        within = index // 2
        name = f"{ACCENTS[within % len(ACCENTS)]}+{variants[within % len(variants)]}"
        if child:
            age, warp, pitch = generator.integers(7, 14), generator.uniform(1.1, 1.2), 60
        else:
            middle = 1.02 if gender == "f" else 0.98
            age, warp, pitch = generator.integers(18, 61), middle + generator.normal(0, 0.025), 50
        voice = Voice(name, int(pitch + generator.integers(-8, 9)), float(np.round(warp, 3)))
        snr = float(generator.uniform(22, 40))
        speakers.append(
            Speaker(f"S{index + 1:03d}", split, gender, int(age), skills[split].pop(), voice, snr)
        )
    return speakers


@dataclass(frozen=True)
class SpokenUtterance:
    """What one utterance holds."""

    key: str
    speaker: Speaker
    words: tuple[SpokenWord, ...]
    delivery: Delivery


def render(utterance: SpokenUtterance, seed: int) -> np.ndarray:
    """Samples at 16 kHz: words joined up to each introduced pause, silence at the ends, noise."""
    key = int(utterance.speaker.name[1:]), int(utterance.key.rpartition("U")[2])
    generator = np.random.default_rng([seed, 3, *key])
    pieces = [_silence(0.2 + generator.uniform(0, 0.1))]
    group: list[str] = []
    pauses = (*utterance.delivery.pauses, 0.0)
    for index, (word, pause) in enumerate(zip(utterance.words, pauses, strict=True)):
        if not word.omitted:
            group.append(_as_said(word))
        if group and (pause or index == len(utterance.words) - 1):
            delivery = utterance.delivery
            pieces.append(
                synthesise(utterance.speaker.voice, group, delivery.tempo, delivery.melody)
            )
            group = []
        pieces.append(_silence(pause))
    pieces.append(_silence(0.2 + generator.uniform(0, 0.1)))
    samples = np.concatenate(pieces)
    level = np.sqrt(np.mean(samples**2))
    noise = generator.normal(0, level * 10 ** (-utterance.speaker.snr / 20), len(samples))
    # First-order smoothing: room noise falls with frequency.
    noise[1:] = 0.7 * noise[1:] + 0.3 * noise[:-1]
    samples = samples + noise
    return np.asarray(samples * generator.uniform(0.15, 0.6) / np.abs(samples).max(), np.float32)


def _silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def _as_said(word: SpokenWord) -> str:
    phones: list[str] = []
    stressed = None
    for index, said in enumerate(word.said):
        if index == word.stressed:
            stressed = len(phones)
        phones += said
    return mnemonics(phones, stressed)


_Task = tuple[list[SpokenUtterance], int, Path]


def _render_speaker(task: _Task) -> None:
    utterances, seed, folder = task
    target = folder / "wav" / utterances[0].speaker.name
    target.mkdir(parents=True)
    for utterance in utterances:
        samples = render(utterance, seed)
        (target / f"{utterance.key}.wav").write_bytes(encoded(samples, "WAV", subtype="PCM_16"))


_LONGEST_TEMPORARY = 70
"""Bytes; a socket's path has 103 at most, of which multiprocessing wants the rest."""


def record(folder: Path, said: Sequence[list[SpokenUtterance]], seed: int, jobs: int) -> None:
    """Write `folder/wav/SPEAKER/UTTERANCE.wav` of what each speaker says.

    The same utterances and seed give the same files, bit for bit, whatever `jobs` is.
    """
    if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_TEMPORARY:
        raise InputError(
            f"TMPDIR: {tempfile.gettempdir()}: too long for sockets in it; name another, as /tmp"
        )
    tasks: list[_Task] = [(utterances, seed, folder) for utterances in said]
    # espeak-ng carries state from call to call: a process of its own for every speaker, forked
    # from one that has not spoken, makes the samples independent of what was said before.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Pool(jobs, begin_worker, maxtasksperchild=1) as pool:
        done = pool.imap(_render_speaker, tasks, chunksize=1)
        for _ in progress_bar(done, "sample corpus: speakers", len(tasks)):
            pass


_COMPLETE = "complete.json"


def write_complete(folder: Path, options: SampleOptions) -> None:
    """Note, when all else is written, how the corpus was generated."""
    (folder / _COMPLETE).write_text(json.dumps(asdict(options)) + "\n", encoding="utf-8")


def is_generated(folder: Path, options: SampleOptions) -> bool:
    """Whether `folder` holds the whole corpus, generated with these options."""
    try:
        found = read_json(folder / _COMPLETE)
    except InputError:
        return False
    return bool(found == asdict(options))


def without_stress(
    lexicon: Mapping[str, Sequence[tuple[str, ...]]],
) -> dict[str, list[tuple[str, ...]]]:
    """A lexicon without its stress marks."""
    return {
        word: [tuple(strip_stress(p) for p in phones) for phones in variants]
        for word, variants in lexicon.items()
    }
