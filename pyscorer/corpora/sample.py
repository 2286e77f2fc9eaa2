"""The sample corpus: SYNTHETIC speech with mispronunciations introduced at known places.

It makes the pipeline whole where no real corpus is at hand. Its scores follow from what was
introduced (`pyscorer.corpora.mispronunciation`), so its figures say nothing about real speech.
"""

import json
import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pyscorer.contract.audio import SAMPLE_RATE, encoded
from pyscorer.contract.datadir import (
    LABEL_KEYS,
    DataDir,
    Utterance,
    read_data_dir,
    read_labels,
)
from pyscorer.contract.files import atomic_directory, read_json
from pyscorer.contract.phones import strip_stress
from pyscorer.contract.scales import SPEECHOCEAN
from pyscorer.corpora.mispronunciation import (
    Delivery,
    SpokenWord,
    habits,
    omit,
    speak_word,
    utterance_scores,
    word_scores,
)
from pyscorer.corpora.part import CorpusPart, write_part
from pyscorer.corpora.sample_text import SENTENCES, STRESSED_LEXICON
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import read_lexicon, write_lexicon
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
RATERS = 5
NATIVE = "native"
"""Split that acoustic models are trained on."""


@dataclass(frozen=True)
class SampleOptions:
    """Size of the sample corpus."""

    speakers: int = 36
    """Learners, who are scored: two thirds in split train, a third in test."""
    natives: int = 24
    """Speakers of split native, who make no mistakes and are not scored."""
    utterances: int = 12
    """Utterances a speaker."""
    seed: int = 0


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
    scores: dict[str, float]
    """Exact, before rounding."""
    raters: tuple[dict[str, float], ...]


def plan_speaker(speaker: Speaker, options: SampleOptions) -> list[SpokenUtterance]:
    """Draw everything a speaker says; independent of other speakers."""
    generator = np.random.default_rng([options.seed, 1, int(speaker.name[1:])])
    habit = habits(generator)
    biases = np.random.default_rng([options.seed, 2]).normal(0, 0.4, RATERS)
    sentences: list[int] = []
    while len(sentences) < options.utterances:
        sentences += [int(i) for i in generator.permutation(len(SENTENCES))]
    planned = []
    for number, sentence in enumerate(sentences[: options.utterances]):
        skill = float(np.clip(speaker.skill + generator.normal(0, 0.08), 0, 1))
        if speaker.split == NATIVE:
            skill = 1.0
        words = []
        for text in SENTENCES[sentence].split():
            word = speak_word(text, STRESSED_LEXICON[text][0], skill, habit, generator)
            words.append(omit(word) if generator.random() < 0.04 * (1 - skill) else word)
        if all(w.omitted for w in words):
            words[0] = speak_word(
                words[0].word, STRESSED_LEXICON[words[0].word][0], skill, habit, generator
            )
        pauses = tuple(
            round(float(generator.uniform(0.2, 0.9)), 3)
            if generator.random() < 0.4 * (1 - skill)
            else 0.0
            for _ in words[1:]
        )
        tempo = round(float(100 + 65 * skill + generator.normal(0, 8)), 1)
        melody = int(np.clip(10 + 50 * skill + generator.normal(0, 6), 0, 70))
        if speaker.split == NATIVE:
            # As slow and as level at times as learners are: an acoustic model has to know both.
            tempo = round(float(generator.uniform(95, 170)), 1)
            melody = int(generator.integers(5, 65))
        delivery = Delivery(tempo, melody, pauses)
        scores = utterance_scores(words, delivery)
        raters = tuple(
            {
                a: float(np.clip(round(scores[a] + bias + generator.normal(0, 0.8)), 0, 10))
                for a in SPEECHOCEAN.utterance
            }
            for bias in biases
        )
        key = f"{speaker.name}U{number + 1:03d}"
        planned.append(SpokenUtterance(key, speaker, tuple(words), delivery, scores, raters))
    return planned


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


def _render_speaker(task: tuple[Speaker, SampleOptions, Path]) -> str:
    speaker, options, folder = task
    target = folder / "wav" / speaker.name
    target.mkdir(parents=True)
    for utterance in plan_speaker(speaker, options):
        samples = render(utterance, options.seed)
        (target / f"{utterance.key}.wav").write_bytes(encoded(samples, "WAV", subtype="PCM_16"))
    return speaker.name


_LONGEST_TEMPORARY = 70
"""Bytes; a socket's path has 103 at most, of which multiprocessing wants the rest."""


def generate(folder: Path, options: SampleOptions, jobs: int = 1) -> None:
    """Generate the corpus into `folder`, which appears whole or not at all.

    The same options give the same files, bit for bit, whatever `jobs` is.
    """
    if options.speakers < 12:
        raise InputError(f"sample: {options.speakers} speakers asked for; both splits need 12")
    if options.utterances < 1:
        raise InputError("sample: at least one utterance a speaker is needed")
    if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_TEMPORARY:
        raise InputError(
            f"TMPDIR: {tempfile.gettempdir()}: too long for sockets in it; name another, as /tmp"
        )
    speakers = make_speakers(options)
    with atomic_directory(folder) as part:
        tasks = [(speaker, options, part) for speaker in speakers]
        # espeak-ng carries state from call to call: a process of its own for every speaker, forked
        # from one that has not spoken, makes the samples independent of what was said before.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        with context.Pool(jobs, begin_worker, maxtasksperchild=1) as pool:
            done = pool.imap(_render_speaker, tasks, chunksize=1)
            for _ in progress_bar(done, "sample corpus: speakers", len(tasks)):
                pass
        planned = [u for s in speakers for u in plan_speaker(s, options)]
        for split in ("train", "test", NATIVE):
            write_part(part / split, _tables([u for u in planned if u.speaker.split == split]))
            (part / split / "lexicon.txt").unlink()
        write_lexicon(part / "lexicon.txt", _lexicon())
        _truth(planned).to_csv(part / "truth.csv", index=False, lineterminator="\n")
        (part / "complete.json").write_text(json.dumps(asdict(options)) + "\n", encoding="utf-8")


def is_generated(folder: Path, options: SampleOptions) -> bool:
    """Whether `folder` holds the whole corpus, generated with these options."""
    try:
        found = read_json(folder / "complete.json")
    except InputError:
        return False
    return bool(found == asdict(options))


def _lexicon() -> dict[str, list[tuple[str, ...]]]:
    return {
        word: [tuple(strip_stress(p) for p in phones) for phones in variants]
        for word, variants in STRESSED_LEXICON.items()
    }


def _tables(planned: Sequence[SpokenUtterance]) -> CorpusPart:
    """Data directory (audio relative to the corpus folder) and label tables."""
    data = DataDir()
    rows: dict[str, list[dict[str, Any]]] = {level: [] for level in LABEL_KEYS}
    for u in planned:
        speaker = u.speaker
        data.speakers[speaker.name] = {"age": str(speaker.age), "gender": speaker.gender}
        data.utterances[u.key] = Utterance(
            u.key,
            speaker.name,
            Path("wav") / speaker.name / f"{u.key}.wav",
            tuple(w.word for w in u.words),
            tuple(w.canonical for w in u.words),
        )
        if speaker.split == NATIVE:
            continue
        rounded = {a: int(v + 0.5) for a, v in u.scores.items()}
        completeness = round(u.scores["completeness"], 1)
        rows["utterance"].append({"utterance": u.key} | rounded | {"completeness": completeness})
        for rater, given in enumerate(u.raters):
            rows["rater"].append({"utterance": u.key, "rater": rater} | given)
        for index, word in enumerate(u.words):
            place = {"utterance": u.key, "word_index": index}
            rows["word"].append(place | {"word": word.word} | word_scores(word))
            for position, phone in enumerate(word.canonical):
                accuracy = word.accuracies[position]
                rows["phone"].append(
                    place | {"phone_index": position, "phone": phone, "accuracy": accuracy}
                )
    scored = {level: pd.DataFrame(r) for level, r in rows.items() if r}
    return CorpusPart(data, {}, scored)


def _truth(planned: Sequence[SpokenUtterance]) -> pd.DataFrame:
    rows = [
        (u.key, index, position, phone, " ".join(said))
        for u in planned
        for index, word in enumerate(u.words)
        for position, (phone, said) in enumerate(zip(word.canonical, word.said, strict=True))
        if said != (phone,)
    ]
    return pd.DataFrame(
        rows, columns=["utterance", "word_index", "phone_index", "canonical", "said"]
    )


def read(folder: Path, split: str) -> CorpusPart:
    """Read a split of a generated sample corpus."""
    data = read_data_dir(folder / split)
    for key, u in data.utterances.items():
        data.utterances[key] = Utterance(
            key, u.speaker, (folder / u.audio).absolute(), u.words, u.canonical
        )
    scored = tuple(LABEL_KEYS) if split != NATIVE else ()
    labels = {level: read_labels(folder / split, level) for level in scored}
    return CorpusPart(data, read_lexicon(folder / "lexicon.txt"), labels)
