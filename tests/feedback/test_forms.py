"""A grade as text, JSON and TextGrid."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from praatio import textgrid

from pyscorer.feedback.forms import as_json, as_text, pace_sentence, write_textgrid
from pyscorer.grading.grades import Measure, RecordingGrade


def test_text_has_scores_with_intervals_words_and_advice(grade: RecordingGrade) -> None:
    lines = as_text(grade).splitlines()
    assert lines[0] == "warning: The recording has a rate of 8000 Hz."
    assert lines[1].split() == ["total", "6.8", "(5.4", "to", "8.1)"]
    (weather,) = (line for line in lines if line.startswith("WEATHER "))
    assert " ".join(weather.split()[2:]) == "4.5 4.5 9.8 W 1.9 EH 1.9 DH>D 0.6 ER 1.9"
    assert any(line.startswith("NOWADAYS*") for line in lines)
    assert lines[-2].startswith("  TH in THINK: /θ/ as in “think”: put the tip of the tongue")


def test_json_holds_the_whole_grade(grade: RecordingGrade) -> None:
    content = json.loads(as_json(grade))
    assert content["aspects"]["total"] == {"value": 6.8, "low": 5.4, "high": 8.1}
    phone = content["words"][1]["phones"][0]
    assert (phone["phone"], phone["said"], phone["score"]["value"]) == ("TH", "S", 0.6)
    assert content["words"][-1]["guessed"] is True
    assert [a["phone"] for a in content["advice"]] == ["TH", "DH"]


def test_praat_reads_the_tiers(grade: RecordingGrade, tmp_path: Path) -> None:
    write_textgrid(tmp_path / "a.TextGrid", grade)
    grid = textgrid.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    assert grid.maxTimestamp == grade.duration
    assert grid.tierNames == ("words", "word scores", "phones", "phone scores", "said instead")
    words = grid.getTier("words").entries
    assert [w.label for w in words] == grade.text.split()
    assert words[1].start == grade.words[1].start
    assert [e.label for e in grid.getTier("said instead").entries] == ["S", "D"]
    assert len(grid.getTier("phones").entries) == sum(len(w.phones) for w in grade.words)


def test_a_recording_without_faults_has_a_textgrid(grade: RecordingGrade, tmp_path: Path) -> None:
    flawless = replace(grade, words=grade.words[:1])
    write_textgrid(tmp_path / "a.TextGrid", flawless)
    assert (tmp_path / "a.TextGrid").stat().st_size


@pytest.mark.parametrize(
    ("value", "said"),
    [(5.0, "slower than fluent readers"), (8.0, "as fluent readers"), (12, "faster than fluent")],
)
def test_pace_is_told_against_fluent_readers(
    grade: RecordingGrade, value: float, said: str
) -> None:
    assert said in pace_sentence(replace(grade, pace=Measure(value, 6.2, 11.0)))
