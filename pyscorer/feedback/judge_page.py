"""Judgements as a page: one HTML file without anything outside it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.audio import mp3_uri
from pyscorer.evaluation.templates import page_template
from pyscorer.feedback.judge_forms import Judged, as_content

_CONFIDENCES = ((0.9, "a"), (0.7, "b"), (0.5, "c"))
"""Confidence of a word from which on a colour is given."""
_DECISIONS = {"accept": "a", "reject": "d"}


def confidence_level(confidence: float | None) -> str:
    """The colour of a word, a (sure) to d; none without a confidence."""
    if confidence is None:
        return ""
    return next((name for least, name in _CONFIDENCES if confidence >= least), "d")


def decision_level(decision: str) -> str:
    """The colour of a decision; none of a level."""
    return _DECISIONS.get(decision, "")


def as_page(judged: Judged, samples: np.ndarray | None = None) -> str:
    """The page of one judgement, which carries the mono `samples` at 16 kHz, if any, as MP3."""
    audio = "" if samples is None else mp3_uri(samples)
    return "".join(page_of([as_content(judged)], judged.judgement.prompt, audio))


def page_of(
    contents: Iterable[Mapping[str, Any]], title: str, audio: str = "", summary: str = ""
) -> Iterator[str]:
    """Parts of the page of any number of judgements, drawn one after another.

    `contents` are those of `as_content`, with the `name` of each where there are several; one that
    failed holds name and `error` alone.
    """
    return page_template("judge.html.jinja", "{:.2f}".format, Path(__file__).parent).generate(
        contents=contents,
        title=title,
        audio=audio,
        summary=summary,
        confidence_level=confidence_level,
        decision_level=decision_level,
    )
