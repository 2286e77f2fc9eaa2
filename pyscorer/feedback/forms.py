"""A grade as plain text, JSON and Praat TextGrid."""

import json
from dataclasses import asdict
from pathlib import Path

from praatio.data_classes.textgrid import Textgrid

from pyscorer.alignment.textgrid import interval_tier
from pyscorer.contract.ctm import FRAME_SHIFT, Segment
from pyscorer.contract.files import atomic_path
from pyscorer.feedback.advice import advise
from pyscorer.grading.grades import Measure, PhoneGrade, RecordingGrade, Score, WordGrade


def as_text(grade: RecordingGrade) -> str:
    """For a terminal: scores with their intervals, a line a word, and what to do."""
    lines = [f"warning: {warning}" for warning in grade.warnings]
    for aspect, score in grade.aspects.items():
        lines.append(f"{aspect:<14}{score.value:4.1f}  ({score.low:.1f} to {score.high:.1f})")
    lines += ["", pace_sentence(grade), pauses_sentence(grade)]
    if grade.transcript is not None:
        lines.append(f"A recogniser heard: {grade.transcript or '(nothing)'}")
    width = max(len("word"), *(len(_label(word)) for word in grade.words))
    lines += ["", f"{'word':<{width}}  start  total  accuracy  stress  phones (0 to 2)"]
    for word in grade.words:
        phones = " ".join(_phone(phone) for phone in word.phones)
        scores = f"{word.total.value:5.1f}  {word.accuracy.value:8.1f}  {word.stress.value:6.1f}"
        lines.append(f"{_label(word):<{width}}  {word.start:5.2f}  {scores}  {phones}")
    if any(word.guessed for word in grade.words):
        lines.append("* pronunciation guessed from spelling: the lexicon does not have the word")
    advice = advise(grade)
    if advice:
        lines += ["", "What to work on:"]
        lines += [f"  {a.phone} in {', '.join(a.words)}: {a.sentence}" for a in advice]
    return "\n".join(lines) + "\n"


def _label(word: WordGrade) -> str:
    return f"{word.word}*" if word.guessed else word.word


def _phone(phone: PhoneGrade) -> str:
    said = f">{phone.said}" if phone.said is not None else ""
    return f"{phone.phone}{said} {phone.score.value:.1f}"


def pace_sentence(grade: RecordingGrade) -> str:
    """The pace, and where it stands among fluent readers."""
    pace = grade.pace
    return (
        f"Pace: {pace.value:.1f} sounds a second without pauses, {_place(pace, 'slower', 'faster')}"
        f" (most of them: {pace.low:.1f} to {pace.high:.1f})."
    )


def pauses_sentence(grade: RecordingGrade) -> str:
    """The pauses, and where they stand among fluent readers; long ones with their places."""
    pauses = grade.pauses
    text = (
        f"Pauses: {pauses.value:.0%} of the time, {_place(pauses, 'less', 'more')}"
        f" (most of them: {pauses.low:.0%} to {pauses.high:.0%})"
    )
    long = [w for w in grade.words if w.pause_before >= grade.long_pause]
    places = [f"{w.pause_before:.1f} s before “{w.word}”" for w in long]
    return f"{text}; long: {', '.join(places)}." if places else f"{text}."


def _place(measure: Measure, below: str, above: str) -> str:
    if measure.value < measure.low:
        return f"{below} than fluent readers"
    return f"{above} than fluent readers" if measure.value > measure.high else "as fluent readers"


def as_json(grade: RecordingGrade) -> str:
    """All of the grade, and the advice; times in seconds."""
    content = asdict(grade) | {"advice": [asdict(advice) for advice in advise(grade)]}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def make_textgrid(grade: RecordingGrade) -> Textgrid:
    """Tiers words, word scores (total, 0 to 10), phones, phone scores (0 to 2) and said instead."""
    phones = [phone for word in grade.words for phone in word.phones]
    tiers = {
        "words": [_segment(w, w.word) for w in grade.words],
        "word scores": [_segment(w, _figure(w.total)) for w in grade.words],
        "phones": [_segment(p, p.phone) for p in phones],
        "phone scores": [_segment(p, _figure(p.score)) for p in phones],
        "said instead": [_segment(p, p.said) for p in phones if p.said is not None],
    }
    grid = Textgrid()
    for name, segments in tiers.items():
        grid.addTier(interval_tier(name, segments, grade.duration))
    return grid


def _segment(part: WordGrade | PhoneGrade, label: str) -> Segment:
    start, length = part.start / FRAME_SHIFT, part.duration / FRAME_SHIFT
    return Segment(label, round(start), round(length))


def _figure(score: Score) -> str:
    return f"{score.value:.1f}"


def write_textgrid(path: Path, grade: RecordingGrade) -> None:
    """Write a TextGrid that Praat opens."""
    with atomic_path(path) as part:
        make_textgrid(grade).save(str(part), format="long_textgrid", includeBlankSpaces=True)
