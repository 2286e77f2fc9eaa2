"""The sample corpus: SYNTHETIC speech with mispronunciations introduced at known places.

It makes the pipeline whole where no real corpus is at hand. Its scores follow from what was
introduced (`pyscorer.corpora.mispronunciation`), so its figures say nothing about real speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pyscorer.contract.datadir import (
    LABEL_KEYS,
    DataDir,
    Utterance,
    read_data_dir,
    read_labels,
)
from pyscorer.contract.files import atomic_directory
from pyscorer.contract.scales import SPEECHOCEAN
from pyscorer.corpora.mispronunciation import (
    Delivery,
    habits,
    omit,
    speak_word,
    utterance_scores,
    word_scores,
)
from pyscorer.corpora.part import CorpusPart, write_part
from pyscorer.corpora.sample_text import SENTENCES, STRESSED_LEXICON
from pyscorer.corpora.synthesis import (
    NATIVE,
    SampleOptions,
    Speaker,
    SpokenUtterance,
    make_speakers,
    record,
    without_stress,
    write_complete,
)
from pyscorer.lexicon.dictionary import read_lexicon, write_lexicon

RATERS = 5


@dataclass(frozen=True)
class ScoredUtterance:
    """What is said, and what it is worth."""

    spoken: SpokenUtterance
    scores: dict[str, float]
    """Exact, before rounding."""
    raters: tuple[dict[str, float], ...]


def plan_speaker(speaker: Speaker, options: SampleOptions) -> list[ScoredUtterance]:
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
        spoken = SpokenUtterance(key, speaker, tuple(words), delivery)
        planned.append(ScoredUtterance(spoken, scores, raters))
    return planned


def generate(folder: Path, options: SampleOptions, jobs: int = 1) -> None:
    """Generate the corpus into `folder`, which appears whole or not at all.

    The same options give the same files, bit for bit, whatever `jobs` is.
    """
    planned = [plan_speaker(speaker, options) for speaker in make_speakers(options)]
    with atomic_directory(folder) as part:
        record(part, [[u.spoken for u in said] for said in planned], options.seed, jobs)
        scored = [u for said in planned for u in said]
        for split in ("train", "test", NATIVE):
            write_part(
                part / split, _tables([u for u in scored if u.spoken.speaker.split == split])
            )
            (part / split / "lexicon.txt").unlink()
        write_lexicon(part / "lexicon.txt", without_stress(STRESSED_LEXICON))
        _truth([u.spoken for u in scored]).to_csv(
            part / "truth.csv", index=False, lineterminator="\n"
        )
        write_complete(part, options)


def _tables(planned: Sequence[ScoredUtterance]) -> CorpusPart:
    """Data directory (audio relative to the corpus folder) and label tables."""
    data = DataDir()
    rows: dict[str, list[dict[str, Any]]] = {level: [] for level in LABEL_KEYS}
    for one in planned:
        u, speaker = one.spoken, one.spoken.speaker
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
        rounded = {a: int(v + 0.5) for a, v in one.scores.items()}
        completeness = round(one.scores["completeness"], 1)
        rows["utterance"].append({"utterance": u.key} | rounded | {"completeness": completeness})
        for rater, given in enumerate(one.raters):
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
    lexicon = read_lexicon(folder / "lexicon.txt")
    return CorpusPart(data, lexicon, labels, stresses=STRESSED_LEXICON)
