"""A judgement as plain text and JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.decoded import Decoded
from pyscorer.proficiency.judgement import Judgement

_MOST_ALTERNATIVES = 5
"""Transcripts that are told beside the best."""


@dataclass(frozen=True)
class Judged:
    """A response that was judged, typed or spoken."""

    judgement: Judgement
    heard: Decoded | None = None
    """What a recogniser heard of a recording; None for a response that was typed."""
    duration: float | None = None
    """Seconds of the recording."""

    @property
    def confidence(self) -> float | None:
        """Mean confidence of the words, where the recogniser gave any."""
        return mean_confidence(self.heard) if self.heard else None


def mean_confidence(heard: Decoded) -> float | None:
    """Mean confidence of what was heard; None where nothing was, or without confidences."""
    known = [word.confidence for word in heard.words if word.confidence is not None]
    return float(np.mean(known)) if known else None


def as_text(judged: Judged) -> str:
    """For a terminal: what was heard, the decision, and why."""
    lines = []
    if judged.heard is not None:
        words = [_with_confidence(w.label, w.confidence) for w in judged.heard.words]
        lines.append(f"heard: {' '.join(words) or '(nothing)'}")
    return "\n".join([*lines, judged.judgement.text()]) + "\n"


def _with_confidence(word: str, confidence: float | None) -> str:
    return word if confidence is None else f"{word} ({confidence:.2f})"


def as_content(judged: Judged) -> dict[str, Any]:
    """All of a judgement, as JSON has it; times in seconds, words only of a recording."""
    judgement, heard = judged.judgement, judged.heard
    names = judgement.classes.names
    content: dict[str, Any] = {
        "prompt": judgement.prompt,
        "known_prompt": judgement.known_prompt,
        "response": judgement.response,
        "kind": judgement.classes.kind,
        "decision": judgement.decision,
        "verdict": judgement.verdict,
        "score": round(judgement.score, 4),
        "threshold": judgement.threshold,
        "cuts": list(judgement.cuts),
        "posteriors": _by_name(names, judgement.posteriors),
        "closest_accepted": judgement.closest_accepted,
        "marked": judgement.marked,
        "edits": [asdict(edit) for edit in judgement.edits],
        "experts": [
            {
                "name": name,
                "score": round(said.score, 4),
                "credit": round(said.credit, 4),
                "posteriors": _by_name(names, said.posteriors),
            }
            for name, said in judgement.experts.items()
        ],
        "warnings": list(judgement.warnings),
    }
    if heard is None:
        return content
    words = [
        {
            "word": word.label,
            "start": round(word.start * FRAME_SHIFT, 2),
            "duration": round(word.length * FRAME_SHIFT, 2),
            "confidence": word.confidence,
        }
        for word in heard.words
    ]
    others = heard.alternatives[1 : _MOST_ALTERNATIVES + 1]
    return content | {
        "duration": judged.duration,
        "words": words,
        "alternatives": [" ".join(other.words) for other in others],
    }


def _by_name(names: tuple[str, ...], posteriors: tuple[float, ...]) -> dict[str, float]:
    return {n: round(p, 4) for n, p in zip(names, posteriors, strict=False)}


def as_json(judged: Judged) -> str:
    """`as_content` as a file."""
    return json.dumps(as_content(judged), indent=1, ensure_ascii=False) + "\n"
