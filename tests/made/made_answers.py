"""Spoken answers that nobody gave, in memory and as the folders that the stages write."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyscorer.answers.answer_archives import AnswerFolders
from pyscorer.answers.answer_measures import DEEP, GOP, STATES, HeardAnswer
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.decoded import Alternative, Decoded, write_decoded
from pyscorer.contract.files import write_table
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.recording import Measured, Recording, RecordingView, WordView
from pyscorer.contract.segments import DURATION_COLUMNS, phone_segments
from pyscorer.measures.gop import POSTERIOR_MEASURES
from pyscorer.measures.pool import EXTRAS

Spoken = Sequence[tuple[str, int, Sequence[tuple[str, int]]]]
"""Word, frames of silence before it, and its phones with their frames."""
DEEP_COLUMNS = ("deep_0", "deep_1", "deep_2", *EXTRAS)
STATE_COLUMNS = ("deep_0", "deep_1", *DURATION_COLUMNS)
GOP_COLUMNS = (*POSTERIOR_MEASURES, *DURATION_COLUMNS)
PHONES = ("AA", "B", "K", "IY", "S", "T")
SHORT = 3
"""Words that some of the `drawn` answers surpass."""


def timed(spoken: Spoken) -> tuple[list[Segment], list[Segment]]:
    """Phones and words, with their times."""
    at, phones, words = 0, list[Segment](), list[Segment]()
    for word, pause, parts in spoken:
        at += pause
        begin = at
        for phone, length in parts:
            phones.append(Segment(phone, at, length))
            at += length
        words.append(Segment(word, begin, at - begin))
    return phones, words


def answer(
    key: str,
    spoken: Spoken,
    gop: Sequence[float] = (),
    confidences: Sequence[float] = (),
    alternatives: Sequence[tuple[str, float]] = (),
    seed: int = 0,
    tail: int = 50,
    **others: object,
) -> HeardAnswer:
    """An aligned answer, `tail` frames of silence after it; what is not given is drawn."""
    rng = np.random.default_rng(seed)
    phones, words = timed(spoken)
    after = [Segment("SIL", phones[-1].end, tail)] if tail else []
    segments = phone_segments(key, [*phones, *after], words)
    frames, size = phones[-1].end + tail, len(phones)
    ratio = np.array(gop) if len(gop) else -rng.gamma(1.0, 1.0, size)
    extras = np.zeros((size, len(EXTRAS)))
    extras[:, -2], extras[:, -1] = ratio - 0.5, -1.0
    measured = {
        DEEP: Measured(DEEP_COLUMNS, np.hstack([rng.normal(size=(size, 3)), extras])),
        GOP: Measured(
            GOP_COLUMNS, np.column_stack([ratio - 0.1, ratio, ratio + 0.1, np.zeros((size, 3))])
        ),
        STATES: Measured(STATE_COLUMNS, np.hstack([rng.normal(size=(size, 2)), extras[:, :3]])),
    }
    sure = confidences or [1.0] * len(words)
    heard = tuple(replace(w, confidence=c) for w, c in zip(words, sure, strict=True))
    said = [(" ".join(w.label for w in words), 0.0), *alternatives]
    ranked = tuple(Alternative(tuple(text.split()), score) for text, score in said)
    recording = Recording(key, segments, frames, transcript=said[0][0], measured=measured)
    values = {"prompt": "please say it", "seconds": frames / 100} | others
    return HeardAnswer(Decoded(key, heard, ranked), recording=recording, **values)  # type: ignore[arg-type]


def silence(key: str, **others: object) -> HeardAnswer:
    """A recording of two seconds in which nothing was heard."""
    values = {"prompt": "please say it", "seconds": 2.0} | others
    return HeardAnswer(Decoded(key, ()), **values)  # type: ignore[arg-type]


def drawn(key: str, seed: int, worse: float = 0.0, **others: object) -> HeardAnswer:
    """An answer of two to five words; the `worse`, the lower its GOP and the longer its pauses."""
    rng = np.random.default_rng(seed)
    spoken = [
        (
            f"w{rng.integers(9)}",
            int(rng.integers(3, 15 + int(40 * worse))),
            [
                (str(rng.choice(PHONES)), int(rng.integers(4, 15)))
                for _ in range(rng.integers(2, 5))
            ],
        )
        for _ in range(rng.integers(2, 6))
    ]
    number = sum(len(phones) for _, _, phones in spoken)
    gop = (-rng.gamma(1.0, 1.0, number) - 2 * worse).tolist()
    sure = rng.uniform(0.2, 1.0, len(spoken)).round(3).tolist()
    return answer(key, spoken, gop, sure, [("other words", -1.5)], seed, **others)


def viewed(answer: HeardAnswer) -> HeardAnswer:
    """The answer with a recogniser's view of its transcript."""
    if answer.recording is None:
        return answer
    words = tuple(WordView(-1.5, 2, -1.0, -0.25, True) for _ in answer.decoded.words)
    view = RecordingView(words, answer.decoded.transcript, 0.0, -0.5, -0.75)
    return replace(answer, recording=replace(answer.recording, view=view))


def write_answers(root: Path, answers: Iterable[HeardAnswer]) -> AnswerFolders:
    """Write the folders of a split, as the stages would, of answers in the order of their keys."""
    found = sorted(answers, key=lambda a: a.key)
    folders = AnswerFolders(
        *(root / name for name in ("data", "decoded", "ali", "gop", "pool", "pool_encoded")),
        second=root / "second" if found[0].second is not None else None,
        view=root / "view" if any(a.recording and a.recording.view for a in found) else None,
    )
    folders.recordings.mkdir(parents=True)
    write_table(folders.recordings / "utt2dur", {a.key: f"{a.seconds:.3f}" for a in found})
    write_decoded(folders.decoded, [a.decoded for a in found])
    if folders.second:
        again = {a.key: (a.second or "").split() for a in found}
        write_decoded(
            folders.second,
            [
                Decoded(key, tuple(Segment(w, 10 * i, 10) for i, w in enumerate(words)))
                for key, words in again.items()
            ],
        )
    aligned = {a.key: a.recording for a in found if a.recording is not None}
    phones, words = dict[str, list[Segment]](), dict[str, list[Segment]]()
    for key, recording in aligned.items():
        own = [Segment(s.phone, s.start, s.length) for s in recording.segments]
        silent = Segment("SIL", own[-1].end, recording.frames - own[-1].end)
        phones[key] = [*own, *([silent] if silent.length else [])]
        words[key] = []
        for word in sorted({s.word_index for s in recording.segments}):
            parts = [s for s in recording.segments if s.word_index == word]
            begin, end = parts[0].start, parts[-1].start + parts[-1].length
            words[key].append(Segment(f"word{word}", begin, end - begin))
    write_ctm(folders.ali / "phones.ctm", phones.items())
    write_ctm(folders.ali / "words.ctm", words.items())
    places = {GOP: folders.gop, DEEP: folders.pool, STATES: folders.pool_encoded}
    for name, folder in places.items():
        assert folder is not None
        columns = next(iter(aligned.values())).measured[name].columns
        rows = [(k, list(r.segments), r.measured[name].matrix) for k, r in aligned.items()]
        write_pooled(folder, columns, rows)
    if folders.view:
        _write_views(folders.view, aligned)
    return folders


def _write_views(folder: Path, aligned: dict[str, Recording]) -> None:
    folder.mkdir()
    fields = ("log_probability", "tokens", "least", "margin")
    whole = (
        *("hypothesis", "wer", "hypothesis_log_probability", "prompt_log_probability"),
        "difference",
    )
    with (folder / "words.csv").open("w") as one, (folder / "utterances.csv").open("w") as two:
        words, utterances = csv.writer(one), csv.writer(two)
        words.writerow(["utterance", "word_index", *fields, "heard"])
        utterances.writerow(["utterance", *whole])
        for key, recording in aligned.items():
            view = recording.view
            assert view is not None
            for i, word in enumerate(view.words):
                cells = [getattr(word, name) for name in fields]
                words.writerow([key, i, *cells, int(word.heard)])
            utterances.writerow([key, *(getattr(view, name) for name in whole)])
