"""The learner's page, opened in a browser as a phone would."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyscorer.feedback.page import as_page, aspect_level, phone_level, word_level
from pyscorer.grading.grades import RecordingGrade, Score

PROBE = """
<script>
words[1].click();
samples().then(buffer => {
  const heard = buffer.getChannelData(0), loud = heard.findIndex(x => Math.abs(x) > 0.1);
  parent.postMessage(JSON.stringify({
    overflow: document.documentElement.scrollWidth - window.innerWidth,
    width: window.innerWidth,
    resources: performance.getEntriesByType("resource").map(entry => entry.name.slice(0, 5)),
    smallest: Math.min(...[...words].map(word => word.getBoundingClientRect().height)),
    loud: loud / buffer.sampleRate,
    seconds: buffer.duration,
    open: [...document.querySelectorAll(".detail")].map(part => part.offsetHeight > 0),
  }), "*");
});
</script>
"""

# A window cannot be narrower than 500 px, a frame can.
FRAME = """<body><script>
addEventListener("message", event => document.body.dataset.probe = event.data);
</script><iframe src="page.html" width="{width}" height="800" style="border: 0"></iframe></body>
"""


def in_browser(page: str, folder: Path, width: int) -> dict:
    """What PROBE found in the page, `width` pixels wide."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    (folder / "page.html").write_text(page.replace("</body>", f"{PROBE}</body>"))
    (folder / "frame.html").write_text(FRAME.format(width=width))
    options = f"--headless --no-sandbox --disable-gpu --user-data-dir={folder / 'profile'}".split()
    call = [
        *options,
        f"--window-size={width + 100},900",
        "--virtual-time-budget=8000",
        "--dump-dom",
    ]
    dom = subprocess.run(
        [chromium, *call, f"file://{folder / 'frame.html'}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    probe = re.search(r'data-probe="([^"]*)"', dom)
    assert probe is not None
    return json.loads(probe.group(1).replace("&quot;", '"'))


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_works_in_a_browser(grade: RecordingGrade, tmp_path: Path, width: int) -> None:
    click = np.zeros(16000 * 3, np.float32)
    click[24000:24010] = 0.9
    probe = in_browser(as_page(grade, click), tmp_path, width)
    assert probe["width"] == width
    assert probe["overflow"] <= 0, "nothing is wider than the screen"
    assert probe["smallest"] >= 44, "words are large enough for a finger"
    assert set(probe["resources"]) <= {"data:"}
    assert probe["seconds"] == pytest.approx(3, abs=0.1)
    assert probe["loud"] == pytest.approx(1.5, abs=0.03), "a word is heard where it was said"
    assert probe["open"] == [i == 1 for i in range(len(grade.words))], "the word tapped, alone"


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
