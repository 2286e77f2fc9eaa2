"""A grade as plain text, JSON and Praat TextGrid."""

import json
from dataclasses import asdict
from pathlib import Path

from praatio.data_classes.textgrid import Textgrid

from pyscorer.alignment.textgrid import interval_tier
from pyscorer.contract.ctm import FRAME_SHIFT, Segment
from pyscorer.contract.files import atomic_path
from pyscorer.contract.scales import LEVELS, Range, decimals, told
from pyscorer.feedback.advice import advise
from pyscorer.grading.grades import Measure, PhoneGrade, RecordingGrade, Score, WordGrade


def as_text(grade: RecordingGrade) -> str:
    """For a terminal: scores with their intervals, a line a word, and what to do."""
    lines = [f"warning: {warning}" for warning in grade.warnings]
    name_width = max([14, *(len(aspect) + 2 for aspect in grade.aspects)])
    for aspect, score in grade.aspects.items():
        own = grade.scales.utterance[aspect]
        low, high = (f"{end:.{decimals(own)}f}" for end in (score.low, score.high))
        value = f"{_figure(score, own):>4}  ({low} to {high})"
        lines.append(f"{aspect:<{name_width}}{value}{_of(own)}")
    lines += ["", pace_sentence(grade), pauses_sentence(grade)]
    if grade.transcript is not None:
        lines.append(f"A recogniser heard: {grade.transcript or '(nothing)'}")
    width = max(len("word"), *(len(_label(word)) for word in grade.words))
    titles = {a: f"{a}{_of(own)}" for a, own in grade.scales.shown("word").items()}
    own = grade.scales.phone_range
    sounds = f"phones ({told(own)})" if grade.scales.phone else "phones"
    lines += ["", "  ".join([f"{'word':<{width}}", "start", *titles.values(), sounds])]
    for word in grade.words:
        phones = " ".join(_phone(phone, own) for phone in word.phones)
        scores = [
            f"{_figure(word.aspects[aspect], grade.scales.word[aspect]):>{len(title)}}"
            for aspect, title in titles.items()
        ]
        cells = [f"{_label(word):<{width}}", f"{word.start:5.2f}", *scores, phones]
        lines.append("  ".join(cells))
    if any(word.guessed for word in grade.words):
        lines.append("* pronunciation guessed from spelling: the lexicon does not have the word")
    advice = advise(grade)
    if advice:
        lines += ["", "What to work on:"]
        lines += [f"  {a.phone} in {', '.join(a.words)}: {a.sentence}" for a in advice]
    return "\n".join(lines) + "\n"


def _label(word: WordGrade) -> str:
    return f"{word.word}*" if word.guessed else word.word


def _of(own: Range) -> str:
    """What range a score has, if it is not the common one."""
    return "" if own == (0, 10) else f" ({told(own)})"


def _phone(phone: PhoneGrade, own: Range) -> str:
    said = f">{phone.said}" if phone.said is not None else ""
    return f"{phone.phone}{said}" + (f" {_figure(phone.score, own)}" if phone.score else "")


def pace_sentence(grade: RecordingGrade) -> str:
    """The pace, and where it stands among good readers."""
    pace = grade.pace
    place = _place(pace, "slower", "faster", grade.readers)
    return (
        f"Pace: {pace.value:.1f} sounds a second without pauses, {place}"
        f" (most of them: {pace.low:.1f} to {pace.high:.1f})."
    )


def pauses_sentence(grade: RecordingGrade) -> str:
    """The pauses, and where they stand among good readers; long ones with their places."""
    pauses = grade.pauses
    text = (
        f"Pauses: {pauses.value:.0%} of the time, {_place(pauses, 'less', 'more', grade.readers)}"
        f" (most of them: {pauses.low:.0%} to {pauses.high:.0%})"
    )
    long = [w for w in grade.words if w.pause_before >= grade.long_pause]
    places = [f"{w.pause_before:.1f} s before “{w.word}”" for w in long]
    return f"{text}; long: {', '.join(places)}." if places else f"{text}."


def _place(measure: Measure, below: str, above: str, readers: str) -> str:
    if measure.value < measure.low:
        return f"{below} than {readers}"
    return f"{above} than {readers}" if measure.value > measure.high else f"as {readers}"


def as_json(grade: RecordingGrade) -> str:
    """All of the grade with the ranges of its scores, and the advice; times in seconds.

    What the grader has not learnt is left out.
    """
    content = asdict(grade) | {"advice": [asdict(advice) for advice in advise(grade)]}
    del content["scales"]
    content["ranges"] = {level: grade.scales.shown(level) for level in LEVELS}
    if not grade.scales.phone:
        for phone in (phone for word in content["words"] for phone in word["phones"]):
            del phone["score"], phone["said"], phone["probability_wrong"]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def make_textgrid(grade: RecordingGrade) -> Textgrid:
    """Tiers words, word scores, phones, phone scores and said instead; scores that were learnt.

    Word scores are of the aspect that stands for all, else of the first.
    """
    phones = [phone for word in grade.words for phone in word.phones]
    of_words, own = [*grade.scales.shown("word").items()][:1], grade.scales.phone_range
    tiers = {
        "words": [_segment(w, w.word) for w in grade.words],
        "word scores": [
            _segment(w, _figure(w.aspects[a], its)) for w in grade.words for a, its in of_words
        ],
        "phones": [_segment(p, p.phone) for p in phones],
        "phone scores": [_segment(p, _figure(p.score, own)) for p in phones if p.score],
        "said instead": [_segment(p, p.said) for p in phones if p.said is not None],
    }
    unlearned = ["phone scores", "said instead"] if not grade.scales.phone else []
    unlearned += ["word scores"] if not of_words else []
    grid = Textgrid()
    for name, segments in tiers.items():
        if name not in unlearned:
            grid.addTier(interval_tier(name, segments, grade.duration))
    return grid


def _segment(part: WordGrade | PhoneGrade, label: str) -> Segment:
    start, length = part.start / FRAME_SHIFT, part.duration / FRAME_SHIFT
    return Segment(label, round(start), round(length))


def _figure(score: Score, own: Range) -> str:
    return f"{score.value:.{decimals(own)}f}"


def write_textgrid(path: Path, grade: RecordingGrade) -> None:
    """Write a TextGrid that Praat opens."""
    with atomic_path(path) as part:
        make_textgrid(grade).save(str(part), format="long_textgrid", includeBlankSpaces=True)
