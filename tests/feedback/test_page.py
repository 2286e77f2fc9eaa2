"""The learner's page, opened in a browser as a phone would."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import chromium

from pyscorer.feedback.page import as_page, aspect_level, hundred, phone_level, word_level
from pyscorer.grading.grades import RecordingGrade, Score

LOUD = """samples().then(buffer => {
  const heard = buffer.getChannelData(0);
  return [heard.findIndex(x => Math.abs(x) > 0.1) / buffer.sampleRate, buffer.duration];
})"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
HEIGHTS = "[...words].map(word => word.getBoundingClientRect().height)"
OPEN = "[...document.querySelectorAll('.detail')].map(part => part.offsetHeight > 0)"


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_works_in_a_browser(grade: RecordingGrade, tmp_path: Path, width: int) -> None:
    click = np.zeros(16000 * 3, np.float32)
    click[24000:24010] = 0.9
    (tmp_path / "page.html").write_text(as_page(grade, click))
    with chromium(tmp_path) as browser:
        browser.open(f"file://{tmp_path / 'page.html'}", width)
        assert browser.run("innerWidth") == width
        assert browser.run(OVERFLOW) <= 0, "nothing is wider than the screen"
        assert min(browser.run(HEIGHTS)) >= 44, "words are large enough for a finger"
        browser.run("words[1].click()")
        opened = [i == 1 for i in range(len(grade.words))]
        assert browser.run(OPEN) == opened, "the word tapped, alone"
        assert browser.run(OVERFLOW) <= 0
        loud, seconds = browser.run(LOUD)
        assert seconds == pytest.approx(3, abs=0.1)
        assert loud == pytest.approx(1.5, abs=0.03), "a word is heard where it was said"
        kinds = {url.partition(":")[0] for url in browser.requested()}
        assert kinds == {"file", "data"}
        assert sum(url.startswith("file:") for url in browser.requested()) == 1


def test_the_page_asks_for_nothing_outside_it(grade: RecordingGrade, samples: np.ndarray) -> None:
    page = as_page(grade, samples)
    assert not re.findall(r"https?://|@import|url\(", page)
    assert all(uri.startswith("data:") for uri in re.findall(r'(?:src|href)="([^"]*)"', page))
    assert page.count("data:audio/mpeg") == 1
    assert len(page) < 100_000


def test_the_page_says_what_the_grade_says(grade: RecordingGrade, samples: np.ndarray) -> None:
    page = re.sub(r"\s+", " ", as_page(grade, samples))
    assert "experts would give 5.4 to 8.1" in page
    assert "The recording has a rate of 8000 Hz." in page
    assert "Heard instead: <b>s</b> (S, as in “see”); wrong with a probability of 80 %" in page
    assert '<span class="pause long">0.6 s</span>' in page
    assert "i sink the ladder is fine nowadays" in page
    assert "NOWADAYS*" in page
    assert "of 10, or 68 of 100" in page
    assert "100 × (score − lowest) / (highest − lowest)" in page
    assert "<td>think</td><td>θɪŋk</td><td><b>s</b>ɪŋk</td>" in page
    assert "<span><span>weather</span><b>ladder</b></span>" in page
    assert page.count('<span class="d">') == 2, "the two phones that were said wrong"


def test_text_is_not_taken_for_html(grade: RecordingGrade, samples: np.ndarray) -> None:
    page = as_page(replace(grade, text="<script>alert(1)</script>", transcript="a < b"), samples)
    assert "<script>alert(1)" not in page
    assert "a &lt; b" in page


def test_colours_follow_the_scores(grade: RecordingGrade) -> None:
    def score(value: float) -> Score:
        return Score(value, 0, 10)

    own = (0.0, 10.0)
    assert [word_level(score(v), own) for v in (9.5, 8.5, 7.0, 4.0)] == ["a", "b", "c", "d"]
    assert [aspect_level(score(v), own) for v in (9, 8, 6, 4)] == ["a", "b", "c", "d"]
    # The same steps are the same shares of another range.
    assert [word_level(score(v), (1, 5)) for v in (4.6, 4.59, 4.2, 3.6, 3.59)] == list("abbcd")
    assert [aspect_level(score(v), (-1, 1)) for v in (0.7, 0.4, 0.0, -0.1)] == list("abcd")
    phone = replace(grade.words[0].phones[0], said=None)
    chances = (0.05, 0.2, 0.3, 0.6)
    levels = [phone_level(replace(phone, probability_wrong=p)) for p in chances]
    assert levels == ["a", "b", "c", "d"]
    assert phone_level(replace(phone, said="S")) == "d"


def test_a_hundred_is_the_top_of_any_scale() -> None:
    assert [hundred(v, (0, 10)) for v in (0, 6.8, 10)] == [0, 68, 100]
    assert [hundred(v, (1, 5)) for v in (1, 2, 5)] == [0, 25, 100]
    assert hundred(0, (-1, 1)) == 50
