"""Advice to a learner: how the phones that went wrong are made, one sentence each."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pyscorer.contract.phones import UNKNOWN_PHONE
from pyscorer.grading.grades import PhoneGrade, RecordingGrade

LIKELY_WRONG = 0.4
"""Probability from which a phone is advised on though nothing else is known to be said instead."""
MOST = 4
"""Sentences that a learner gets of one recording."""


@dataclass(frozen=True)
class Advice:
    """What to do about one phone."""

    phone: str
    said: str | None
    """What was heard instead most often, where that is known."""
    words: tuple[str, ...]
    """Where it went wrong, in order of the text, each word once."""
    sentence: str


@dataclass(frozen=True)
class Sound:
    """How a phone is written and spoken."""

    ipa: str
    example: str
    """A word with it."""
    how: str


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(
        Path(__file__).with_name("advice.yaml").read_text(encoding="utf-8")
    )
    return table


@cache
def sound(phone: str) -> Sound:
    """The description of an ARPAbet phone; SPN, which stands for any, has none but its name."""
    if phone == UNKNOWN_PHONE:
        return Sound("?", "", "")
    return Sound(**_table()["phones"][phone])


def contrast(phone: str, said: str) -> str | None:
    """What to do otherwise where `said` came instead of `phone`; None for a rare confusion."""
    found: str | None = _table()["contrasts"].get(phone, {}).get(said)
    return found


def sentence(phone: str, said: str | None = None) -> str:
    """One sentence: how `phone` is made and, where it is known, how it differs from `said`."""
    wanted = sound(phone)
    text = f"{_name(phone)}: {wanted.how}"
    if said is None:
        return f"{text}."
    text = f"{text}; {_name(said)} was heard instead"
    other = contrast(phone, said)
    return f"{text}, so take care: {other}." if other else f"{text}."


def _name(phone: str) -> str:
    known = sound(phone)
    return f"/{known.ipa}/ as in “{known.example}”"


def is_poor(phone: PhoneGrade) -> bool:
    """Whether a learner is told to work on the phone."""
    return phone.said is not None or (phone.probability_wrong or 0.0) >= LIKELY_WRONG


def advise(grade: RecordingGrade, most: int = MOST) -> list[Advice]:
    """Advice on the phones that cost most, worst first, one sentence a phone.

    The cost of a phone is what its poor tokens (`is_poor`) lack of the full score, together.
    """
    full = grade.scales.phone_range[1]
    cost: defaultdict[str, float] = defaultdict(float)
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    words: defaultdict[str, list[str]] = defaultdict(list)
    for word in grade.words:
        for phone in word.phones:
            if phone.score is None or not is_poor(phone) or phone.phone == UNKNOWN_PHONE:
                continue
            cost[phone.phone] += full - phone.score.value
            words[phone.phone].append(word.word)
            if phone.said is not None:
                said[phone.phone][phone.said] += 1
    worst = sorted(cost, key=lambda phone: -cost[phone])[:most]
    return [
        Advice(phone, rival, tuple(dict.fromkeys(words[phone])), sentence(phone, rival))
        for phone in worst
        for rival in [next((r for r, _ in said[phone].most_common(1)), None)]
    ]
