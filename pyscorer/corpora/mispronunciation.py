"""Mispronunciations typical of second-language English, and the scores that follow from them.

Each rule replaces one canonical phone by what is said instead and states the accuracy, 0..2, that
the phone is then worth. A phone said right is worth 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyscorer.contract.phones import VOWELS, strip_stress


@dataclass(frozen=True)
class Rule:
    """`phone` is said as `said` (several phones, or none); `final`: at the end of a word only."""

    phone: str
    said: tuple[str, ...]
    accuracy: float
    final: bool = False


def _rules() -> tuple[Rule, ...]:
    anywhere = """
    TH S 0.8 | TH T 0.8 | TH F 0.8 | DH Z 0.8 | DH D 1.0 | V W 0.8 | V F 1.0 | W V 0.8 | IH IY 1.0
    IY IH 1.0 | AE EH 1.0 | AH AA 0.8 | R L 0.4 | R W 0.8 | L R 0.4 | L N 0.4 | UH UW 1.0
    UW UH 1.2 | N NG 0.8 | NG N 1.0 | Z S 1.2 | ZH SH 1.0 | SH S 0.6 | CH SH 0.6 | JH CH 0.8
    EY EH 0.8 | OW AO 0.8 | AW AA 0.6 | AY AA 0.6 | OY AO 0.4 | ER AH 0.8 | AO OW 0.8 | EH AE 1.0
    """
    devoiced = "B P 1.2 | D T 1.2 | G K 1.2"
    rules = []
    for text, final in ((anywhere, False), (devoiced, True)):
        for item in text.replace("\n", "|").split("|"):
            if item.strip():
                phone, said, accuracy = item.split()
                rules.append(Rule(phone, (said,), float(accuracy), final))
    dropped, lengthened = "T D K G P B V L N Z S", "T D K G P B CH JH SH"
    rules += [Rule(phone, (), 0.0, True) for phone in dropped.split()]
    rules += [Rule(phone, (phone, "AH"), 1.2, True) for phone in lengthened.split()]
    return tuple(rules)


RULES = _rules()


@dataclass(frozen=True)
class SpokenWord:
    """A word as canonical and as said."""

    word: str
    canonical: tuple[str, ...]
    said: tuple[tuple[str, ...], ...]
    """What was said for each canonical phone."""
    accuracies: tuple[float, ...]
    """0..2 for each canonical phone."""
    stressed: int | None
    """Index of the canonical phone that carries the stress, as spoken."""
    stress_right: bool

    @property
    def omitted(self) -> bool:
        """Nothing of the word was said."""
        return not any(self.said)


@dataclass(frozen=True)
class Delivery:
    """How an utterance was spoken besides its phones."""

    tempo: float
    """Words a minute."""
    melody: int
    """Pitch range, 0..100."""
    pauses: tuple[float, ...]
    """Seconds of silence introduced after each word but the last."""


def habits(generator: np.random.Generator) -> np.ndarray:
    """How prone a speaker is to each rule: most rules hardly, some much (mean near 1)."""
    return np.where(generator.random(len(RULES)) < 0.4, 2.1, 0.25)


def speak_word(
    word: str,
    phones: Sequence[str],
    skill: float,
    habit: np.ndarray,
    generator: np.random.Generator,
) -> SpokenWord:
    """Draw what a speaker of `skill` (0..1) makes of `phones` (with stress digits)."""
    canonical = tuple(strip_stress(p) for p in phones)
    said, accuracies = [], []
    for position, phone in enumerate(canonical):
        final = position == len(canonical) - 1
        # A word must keep a phone of its own: one of a single phone is never deleted.
        able = [
            i
            for i, rule in enumerate(RULES)
            if rule.phone == phone and (final or not rule.final) and (rule.said or position > 0)
        ]
        rates = 0.16 * (1 - skill) * habit[able] if able else np.zeros(0)
        draw = generator.random()
        chosen = int(np.searchsorted(np.cumsum(rates), draw, side="right"))
        if chosen < len(able):
            rule = RULES[able[chosen]]
            said.append(rule.said)
            accuracies.append(rule.accuracy)
        else:
            said.append((phone,))
            accuracies.append(2.0)
    stressed = next((i for i, p in enumerate(phones) if p.endswith("1")), None)
    others = [i for i, p in enumerate(canonical) if p in VOWELS and i != stressed]
    wrong = stressed is not None and bool(others) and generator.random() < 0.3 * (1 - skill)
    if wrong:
        stressed = others[int(generator.integers(len(others)))]
    return SpokenWord(word, canonical, tuple(said), tuple(accuracies), stressed, not wrong)


def omit(word: SpokenWord) -> SpokenWord:
    """The same word left out: nothing said, every phone worth 0, no stress to be wrong."""
    number = len(word.canonical)
    return SpokenWord(word.word, word.canonical, ((),) * number, (0.0,) * number, None, True)


def word_scores(word: SpokenWord) -> dict[str, int]:
    """Scores 0..10 of a word.

    accuracy: five times the mean phone accuracy, rounded. stress: 10, or 5 where the wrong vowel
    was stressed. total: 0.8 accuracy + 0.2 stress, rounded; 0 for a word left out.
    """
    accuracy = round(5 * float(np.mean(word.accuracies)))
    stress = 10 if word.stress_right else 5
    total = 0 if word.omitted else round(0.8 * accuracy + 0.2 * stress)
    return {"accuracy": accuracy, "stress": stress, "total": total}


def utterance_scores(words: Sequence[SpokenWord], delivery: Delivery) -> dict[str, float]:
    """Exact scores 0..10 of an utterance, before rounding.

    accuracy = 10 max(0, 1 - 3 lost), lost = 1 - mean phone accuracy / 2.
    completeness = 10 x share of the words that were said.
    fluency = 2 + 4 tempo + 4 pause: tempo runs from 0 at 95 words a minute to 1 at 165; pause from
    0, where pauses of 0.35 s a word were introduced, to 1 without any.
    prosodic = 2 + 5 melody + 3 stress: melody runs from 0 at a flat pitch to 1 at a range of 55;
    stress is the share of the words stressed right.
    total = 0.5 accuracy + 0.25 fluency + 0.15 prosodic + 0.1 completeness.
    """
    lost = 1 - float(np.mean([a for w in words for a in w.accuracies])) / 2
    accuracy = 10 * max(0.0, 1 - 3 * lost)
    completeness = 10 * float(np.mean([not w.omitted for w in words]))
    tempo = float(np.clip((delivery.tempo - 95) / 70, 0, 1))
    pause = float(np.clip(1 - sum(delivery.pauses) / (0.35 * len(words)), 0, 1))
    melody = float(np.clip(delivery.melody / 55, 0, 1))
    stress = float(np.mean([w.stress_right for w in words]))
    fluency = 2 + 4 * tempo + 4 * pause
    prosodic = 2 + 5 * melody + 3 * stress
    return {
        "accuracy": accuracy,
        "completeness": completeness,
        "fluency": fluency,
        "prosodic": prosodic,
        "total": 0.5 * accuracy + 0.25 * fluency + 0.15 * prosodic + 0.1 * completeness,
    }
