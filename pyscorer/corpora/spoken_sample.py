"""The spoken sample: SYNTHETIC answers to prompts, whose faults are put into them.

Learners are asked for things and places. What is wrong with an answer is drawn first (`REASONS`)
and makes its class: nobody judged it, and figures measured on it say nothing about people. An
answer that is mispronounced or broken off has the words of an accepted one: it can be told from it
by its sound alone. Nobody wrote down what was said: the learners' splits have no text, and
`truth.csv` is for tests. Native speakers read sentences and accepted responses without mistakes,
for the acoustic and the language model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyscorer.contract.classes import LANGUAGE_MEANING, read_classes, read_response_labels
from pyscorer.contract.datadir import DataDir, Utterance, read_data_dir
from pyscorer.contract.files import atomic_directory
from pyscorer.contract.tables import write_csv
from pyscorer.corpora.mispronunciation import Delivery, SpokenWord, habits, speak_word
from pyscorer.corpora.part import CorpusPart, write_part
from pyscorer.corpora.spoken_sample_text import (
    ACCEPTED,
    CONFUSED,
    READ_ALOUD,
    SMALL_WORDS,
    STRESSED,
)
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

REASONS = {
    "right": (0.44, 0),
    "wrong grammar": (0.16, 2),
    "wrong meaning": (0.10, 1),
    "wrong grammar and meaning": (0.06, 3),
    "mispronounced": (0.14, 2),
    "broken off": (0.10, 3),
}
"""What an answer is -> how often, and its number among the classes of language and meaning.

An answer that is broken off does not come to what was asked for: its meaning is wrong, too.
"""
LEAST_WRONG = 0.3
"""Share of the phones of a mispronounced answer that are said as others, at least."""


@dataclass(frozen=True)
class Answer:
    """What a learner was asked and said, and what is the matter with it."""

    spoken: SpokenUtterance
    prompt: str | None
    reason: str | None
    """Of REASONS; None: a native speaker, who answers nothing."""


def spoil(words: Sequence[str], generator: np.random.Generator) -> list[str]:
    """An error of grammar: a small word left out, one taken for another, or two neighbours swapped.

    The last word stays, though another may be taken for it.
    """
    small = [i for i, word in enumerate(words[:-1]) if word in SMALL_WORDS]
    confused = [i for i, word in enumerate(words) if word in CONFUSED]
    kind = int(generator.integers(3))
    if kind == 0 and small:
        out = int(generator.choice(small))
        return [word for i, word in enumerate(words) if i != out]
    if kind == 1 and confused:
        at = int(generator.choice(confused))
        return [CONFUSED[word] if i == at else word for i, word in enumerate(words)]
    at = int(generator.integers(len(words) - 2))
    return [*words[:at], words[at + 1], words[at], *words[at + 2 :]]


def _words(prompt: str, reason: str, generator: np.random.Generator) -> list[str]:
    """The words of an answer."""
    source = prompt
    if "meaning" in reason:
        source = str(generator.choice([other for other in ACCEPTED if other != prompt]))
    # "please" behind it leaves a broken-off answer whole.
    able = [r for r in ACCEPTED[source] if reason != "broken off" or not r.endswith("PLEASE")]
    words = str(generator.choice(able)).split()
    if "grammar" not in reason:
        return words
    known = {response for accepted in ACCEPTED.values() for response in accepted}
    spoilt = words
    while " ".join(spoilt) in known:
        spoilt = spoil(words, generator)
    return spoilt


def _said(
    words: Sequence[str], reason: str, habit: np.ndarray, generator: np.random.Generator
) -> tuple[SpokenWord, ...]:
    """The words as they are said."""
    skill = 0.0 if reason == "mispronounced" else 0.97
    while True:
        said = [speak_word(w, STRESSED[w][0], skill, habit, generator) for w in words]
        if reason != "mispronounced" or wrong_share(said) >= LEAST_WRONG:
            break
    if reason == "broken off":
        last = said[-1]
        kept = max(1, len(last.said) // 2)
        cut = ((),) * (len(last.said) - kept)
        said[-1] = replace(last, said=last.said[:kept] + cut)
    return tuple(said)


def wrong_share(words: Sequence[SpokenWord]) -> float:
    """Share of the phones that are said as others, or not at all."""
    pairs = [pair for w in words for pair in zip(w.canonical, w.said, strict=True)]
    return float(np.mean([said != (phone,) for phone, said in pairs]))


def plan_learner(speaker: Speaker, options: SampleOptions) -> list[Answer]:
    """Draw all that a learner answers, independent of others; every prompt once, then all again."""
    generator = np.random.default_rng([options.seed, 1, int(speaker.name[1:])])
    habit = habits(generator)
    prompts: list[str] = []
    while len(prompts) < options.utterances:
        prompts += [str(prompt) for prompt in generator.permutation(list(ACCEPTED))]
    shares = [share for share, _ in REASONS.values()]
    answers = []
    for number, prompt in enumerate(prompts[: options.utterances], 1):
        reason = str(generator.choice(list(REASONS), p=shares))
        said = _said(_words(prompt, reason, generator), reason, habit, generator)
        # Who hesitates is not wrong: delivery goes with the speaker, not with the class.
        pauses = tuple(
            round(float(generator.uniform(0.15, 0.5)), 3)
            if generator.random() < 0.15 * (1 - speaker.skill)
            else 0.0
            for _ in said[1:]
        )
        delivery = _delivery(generator, pauses)
        key = f"{speaker.name}U{number:03d}"
        answers.append(Answer(SpokenUtterance(key, speaker, said, delivery), prompt, reason))
    return answers


def _delivery(generator: np.random.Generator, pauses: tuple[float, ...]) -> Delivery:
    tempo = round(float(generator.uniform(105, 165)), 1)
    return Delivery(tempo, int(generator.integers(10, 65)), pauses)


def plan_native(speaker: Speaker, number: int, options: SampleOptions) -> list[Answer]:
    """What native speaker `number` (from 0) reads; the speakers together read all there is."""
    generator = np.random.default_rng([options.seed, 1, int(speaker.name[1:])])
    order = np.random.default_rng([options.seed, 4]).permutation(len(READ_ALOUD))
    planned = []
    for index in range(options.utterances):
        text = READ_ALOUD[order[(number * options.utterances + index) % len(order)]].split()
        words = tuple(
            speak_word(w, STRESSED[w][0], 1.0, habits(generator), generator) for w in text
        )
        delivery = _delivery(generator, (0.0,) * (len(words) - 1))
        key = f"{speaker.name}U{index + 1:03d}"
        planned.append(Answer(SpokenUtterance(key, speaker, words, delivery), None, None))
    return planned


def plan_all(options: SampleOptions) -> list[list[Answer]]:
    """What every speaker says."""
    speakers = make_speakers(options)
    learners = [plan_learner(s, options) for s in speakers if s.split != NATIVE]
    natives = [s for s in speakers if s.split == NATIVE]
    return learners + [plan_native(s, number, options) for number, s in enumerate(natives)]


def generate(folder: Path, options: SampleOptions, jobs: int = 1) -> None:
    """Generate the corpus into `folder`, which appears whole or not at all.

    The same options give the same files, bit for bit, whatever `jobs` is.
    """
    planned = plan_all(options)
    answers = [answer for said in planned for answer in said]
    with atomic_directory(folder) as part:
        record(part, [[a.spoken for a in said] for said in planned], options.seed, jobs)
        for split in ("train", "test", NATIVE):
            write_part(
                part / split, _tables([a for a in answers if a.spoken.speaker.split == split])
            )
            (part / split / "lexicon.txt").unlink()
        write_lexicon(part / "lexicon.txt", without_stress(STRESSED))
        accepted = [(p, r.lower()) for p, responses in ACCEPTED.items() for r in responses]
        write_csv(part / "grammar.csv", ("prompt", "response"), accepted)
        truth = [
            (
                *(a.spoken.key, a.reason, " ".join(w.word for w in a.spoken.words)),
                " | ".join(" ".join(p for said in w.said for p in said) for w in a.spoken.words),
            )
            for a in answers
            if a.reason
        ]
        write_csv(part / "truth.csv", ("utterance", "reason", "words", "phones"), truth)
        write_complete(part, options)


def _tables(answers: Sequence[Answer]) -> CorpusPart:
    """Data directory (audio relative to the corpus folder); text where nothing was answered."""
    data = DataDir()
    labels: dict[str, int] = {}
    for answer in answers:
        u, speaker = answer.spoken, answer.spoken.speaker
        data.speakers[speaker.name] = {"age": str(speaker.age), "gender": speaker.gender}
        words = () if answer.reason else tuple(w.word for w in u.words)
        audio = Path("wav") / speaker.name / f"{u.key}.wav"
        data.utterances[u.key] = Utterance(u.key, speaker.name, audio, words, prompt=answer.prompt)
        if answer.reason:
            labels[u.key] = REASONS[answer.reason][1]
    return CorpusPart(
        data, {}, classes=LANGUAGE_MEANING if labels else None, response_labels=labels
    )


def read(folder: Path, split: str) -> CorpusPart:
    """Read a split of a generated spoken sample."""
    data = read_data_dir(folder / split)
    for key, u in data.utterances.items():
        data.utterances[key] = replace(u, audio=(folder / u.audio).absolute())
    lexicon = read_lexicon(folder / "lexicon.txt")
    if split == NATIVE:
        return CorpusPart(data, lexicon)
    classes = read_classes(folder / split)
    labels = read_response_labels(folder / split, classes)
    return CorpusPart(data, lexicon, classes=classes, response_labels=labels)
