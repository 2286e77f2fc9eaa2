"""Advice on phones."""

from dataclasses import replace

import pytest

from pyscorer.contract.phones import ARPABET
from pyscorer.feedback.advice import advise, contrast, sentence, sound
from pyscorer.grading.grades import RecordingGrade, Score, WordGrade


@pytest.mark.parametrize("phone", ARPABET)
def test_every_phone_has_a_sentence(phone: str) -> None:
    assert sound(phone).example in sentence(phone)
    assert sound(phone).how in sentence(phone)
    assert sentence(phone).endswith(".")
    assert sentence(phone).count(". ") == 0


def test_what_was_said_instead_is_told_with_the_difference() -> None:
    assert contrast("TH", "S") == "the tongue tip comes between the teeth"
    assert "/s/ as in “see” was heard instead, so take care: the tongue tip" in sentence("TH", "S")
    assert contrast("Y", "K") is None
    assert sentence("Y", "K").endswith("/k/ as in “key” was heard instead.")


def test_sounds_differ_and_contrasts_are_with_others() -> None:
    assert len({sound(phone).ipa for phone in ARPABET}) == len(ARPABET)
    told = [(a, b) for a in ARPABET for b in ARPABET if contrast(a, b)]
    assert len(told) > 100
    assert all(a != b for a, b in told)


def repeat(word: WordGrade, value: float) -> WordGrade:
    phones = tuple(replace(p, score=Score(value, 0, 2)) if p.said else p for p in word.phones)
    return replace(word, phones=phones)


def test_the_costliest_phones_come_first_with_their_words(grade: RecordingGrade) -> None:
    think, weather = grade.words[1], grade.words[3]
    grade = replace(grade, words=(think, repeat(weather, 0.1), weather))
    found = advise(grade)
    assert [(a.phone, a.said, a.words) for a in found] == [
        ("DH", "D", ("WEATHER",)),
        ("TH", "S", ("THINK",)),
    ]
    assert [a.phone for a in advise(grade, most=1)] == ["DH"]


def test_a_flawless_reading_needs_no_advice(grade: RecordingGrade) -> None:
    assert advise(replace(grade, words=grade.words[4:])) == []
