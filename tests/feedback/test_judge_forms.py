"""A judgement as text, JSON and page."""

import json
import re
from dataclasses import replace

import numpy as np
from made_judgements import levelled, rejected

from pyscorer.feedback.judge_forms import as_json, as_text
from pyscorer.feedback.judge_page import as_page, confidence_level, page_of


def test_text_says_what_was_heard_what_is_decided_and_why() -> None:
    assert as_text(rejected()).splitlines() == [
        "heard: i (0.98) want (0.93) two (0.41) tickets",
        "reject (score 0.310, accepted from 0.500)",
        "closest accepted response: i want three tickets please",
        "edits: i want {three>two} tickets [-please]",
        "fbk1: 0.200, credit 0.610",
        "GRU-DEEP: 0.700, credit 0.300",
        "warning: The recording is noisy.",
    ]


def test_text_of_levels_has_the_posterior_of_each() -> None:
    assert as_text(levelled()).splitlines() == [
        "B1 (expected level 1.64; A2 from 0.50; B1 from 1.60)",
        "A1 0.060, A2 0.240, B1 0.700",
        "the prompt is not known: judged by its words alone",
        "fbk1: 1.700, credit 0.900",
    ]


def test_json_holds_all_of_it() -> None:
    content = json.loads(as_json(rejected()))
    assert content["decision"] == "reject"
    assert content["posteriors"] == {"accepted": 0.31, "rejected": 0.69}
    assert content["words"][2] == {
        **{"word": "two", "start": 0.6, "duration": 0.2, "confidence": 0.41}
    }
    assert content["alternatives"] == ["i want"]
    assert content["experts"][1]["name"] == "GRU-DEEP"
    assert content["edits"][2] == {"reference": "three", "response": "two"}
    assert "words" not in json.loads(as_json(levelled()))


def page(judged) -> str:
    return re.sub(r"\s+", " ", as_page(judged, np.zeros(16000, np.float32)))


def test_the_page_shows_transcript_decision_experts_and_the_edit_marked() -> None:
    found = page(rejected())
    assert '<span class="decision d">reject</span>' in found
    assert '<span class="d">two<small>0.41</small></span>' in found
    assert '<span class="">tickets</span>' in found, "no figure where there is no confidence"
    assert "<p>i want three tickets please</p>" in found
    assert "<del>three</del> <ins>two</ins> tickets <del>please</del>" in found
    assert "<td>GRU-DEEP</td><td>0.70</td><td>0.30</td>" in found
    assert "The recording is noisy." in found
    assert found.count("data:audio/mpeg") == 1


def test_the_page_of_a_level_shows_the_posterior_of_each_and_escapes_text() -> None:
    found = page(levelled())
    assert "Tell me &lt;about&gt; it" in found
    assert "<span>A2</span>" in found and "0.24" in found
    assert "<th>A1</th><th>A2</th><th>B1</th>" in found
    assert "does not know the prompt" in found


def test_the_page_asks_for_nothing_outside_it() -> None:
    found = page(rejected())
    assert not re.findall(r"https?://|@import|url\(", found)
    assert all(uri.startswith("data:") for uri in re.findall(r'(?:src|href)="([^"]*)"', found))


def test_what_was_not_heard_is_said() -> None:
    judged = rejected()
    silent = replace(judged, heard=replace(judged.heard, words=(), alternatives=()))
    assert "(nothing)" in page(silent)
    assert as_text(silent).startswith("heard: (nothing)")


def test_the_page_of_many_names_each_and_what_failed() -> None:
    failed = {"name": "b", "prompt": "P", "error": "b.wav: silence"}
    content = json.loads(as_json(rejected()))
    found = "".join(page_of([content | {"name": "a"}, failed], "Judgements", "", "2 recordings"))
    assert "<h2>a: Frag: 3 Karten</h2>" in found
    assert "b.wav: silence" in found
    assert found.count("<article>") == 2


def test_confidences_are_told_apart() -> None:
    levels = [confidence_level(c) for c in (1.0, 0.8, 0.6, 0.2, None)]
    assert levels == ["a", "b", "c", "d", ""]
