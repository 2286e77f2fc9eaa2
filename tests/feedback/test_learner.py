"""`pyscorer learner`: recordings of a learner told together, and progress over time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from browser import chromium
from made_models import TEXTS, make_models, speak

from pyscorer.cli import main
from pyscorer.feedback.bundle import grader_settings, write_grader_settings
from pyscorer.feedback.learner_page import as_learner_page, chart, told_trend
from pyscorer.feedback.progress_line import trend
from pyscorer.feedback.takes import Learner, Take, WrongSound, together, with_others, wrong_sounds
from pyscorer.feedback.tasks import Task

DAY = datetime(2026, 9, 1, tzinfo=UTC)


def take(total: float, days: float | None = None, said: str | None = None) -> Take:
    """A recording of one word, with a score of 0 to 10."""
    score = {"value": total, "low": total - 1, "high": total + 1}
    phone = {"phone": "TH", "start": 0.1, "duration": 0.1, "said": said}
    word = {"word": "THE", "start": 0.1, "duration": 0.1, "aspects": {}, "phones": [phone]}
    answer = {"text": "THE", "aspects": {"total": score}, "words": [word]}
    answer["ranges"] = {"utterance": {"total": [0.0, 10.0]}}
    date = None if days is None else DAY + timedelta(days=days)
    return Take("Ann", date, Task(Path("a b.wav"), "the", name="a b"), answer)  # type: ignore[arg-type]


def test_with_others_known_a_score_is_drawn_to_the_mean_by_the_share() -> None:
    assert with_others(np.array([4.0, 8.0]), 0.75) == (4.5, 7.5)
    assert with_others(np.array([4.0, 8.0]), 1) == (4, 8)
    learner = together("Ann", [take(4), take(8)], {"total": 0.5})
    assert learner.together == {"total": (5, 7)}
    assert together("Ann", [take(4)], {"total": 0.5}).together == {}, "there are no others"
    assert together("Ann", [take(4), take(8)], {}).together == {}, "the model knows no share"


def test_a_trend_is_the_median_slope_between_recordings() -> None:
    # 1 a day, and one recording that is out of line.
    found = trend(np.arange(8.0), np.array([0, 1, 2, 9, 4, 5, 6, 7.0]), days=True)
    assert found.slope == pytest.approx(30) and found.step == 30
    assert found.low <= 30 <= found.high and found.is_told
    assert found.row()["a"] == "30 days"
    found = trend(np.arange(8.0), np.array([3, 4, 3, 4, 3, 4, 3, 4.0]), days=False)
    assert not found.is_told and found.row()["a"] == "recording"


def test_no_trend_is_told_of_few_recordings_or_of_one_moment() -> None:
    assert trend(np.arange(4.0), np.arange(4.0), days=True).slope is None
    assert trend(np.zeros(9), np.arange(9.0), days=True).slope is None
    few = trend(np.arange(4.0), np.arange(4.0), days=True)
    assert told_trend(few, (0, 10)).startswith("Too few recordings")


def test_recordings_are_in_the_order_of_their_dates() -> None:
    learner = together("Ann", [take(7, 30), take(5, 0), take(6, 10)], {})
    assert [t.scores["total"]["value"] for t in learner.takes] == [5, 6, 7]
    assert learner.trends["total"].times == (0, 10, 30)


def test_a_chart_has_the_range_of_the_scores_and_the_trend_where_it_is_told() -> None:
    learner = together("Ann", [take(v, 10 * v) for v in (2, 3, 4, 5, 6, 7)], {})
    found = chart(learner, "total")
    assert [p.y for p in found.points] == pytest.approx([80, 70, 60, 50, 40, 30])
    assert (found.points[0].low, found.points[0].high) == (90, 70)
    assert (found.points[0].x, found.points[-1].x) == (30, 970)
    assert found.line == pytest.approx((80, 30))
    assert told_trend(learner.trends["total"], (0, 10)).startswith("Rises by 3.00 a 30 days (+3.00")
    flat = together("Ann", [take(v) for v in (5, 6, 5, 6, 5, 6)], {})
    assert chart(flat, "total").line is None
    assert told_trend(flat.trends["total"], (0, 10)).startswith("No trend can be told: ")


def test_sounds_that_went_wrong_once_are_left_out() -> None:
    words = [
        t.answer["words"][0] for t in (take(5, said="S"), take(5, said="S"), take(5, said="D"))
    ]
    words += [take(5).answer["words"][0]]
    assert wrong_sounds(words) == (WrongSound("TH", 3, 4, "S"),)
    assert wrong_sounds(words[2:]) == ()


def page_of(learner: Learner, folder: Path, width: int) -> tuple[int, str]:
    (folder / "page.html").write_text(as_learner_page(learner))
    with chromium(folder) as browser:
        browser.open(f"file://{folder / 'page.html'}", width)
        wide = browser.run("document.documentElement.scrollWidth")
        return wide, browser.run("document.body.innerText")


def test_the_page_is_readable_on_a_telephone(tmp_path: Path) -> None:
    takes = [take(v, 10 * v, said="S") for v in (2, 3, 4, 5, 6, 7)]
    width, said = page_of(together("<Ann>", takes, {"total": 0.5}), tmp_path, 360)
    assert width <= 360
    assert said.startswith("<Ann>\n") and "2026-09-21 to 2026-11-10" in said
    assert "total: 4.5 (0 to 10), or 45 of 100" in said
    assert "Rises by 3.00 a 30 days" in said
    assert "6 of 6" in said and "was heard instead" in said
    assert "others known" in said


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("grader")
    make_models(root)
    settings = grader_settings(root / "bundle")
    assert set(settings.own_share) == {"accuracy", "completeness", "fluency", "prosodic", "total"}
    assert settings.own_share["total"] == 1, "its speakers have one recording each"
    settings.own_share["total"] = 0.5
    write_grader_settings(root / "bundle", settings)
    for name, text in zip("abc", TEXTS, strict=True):
        soundfile.write(root / f"{name}.wav", speak(text), 16000)
    soundfile.write(root / "silent.wav", np.zeros(16000), 16000)
    return root


def learner(run: Path, out: Path, *rows: str, header: str = "wav,text,learner,date") -> int:
    (run / "list.csv").write_text("\n".join([header, *rows]))
    call = ["learner", "--manifest", str(run / "list.csv"), "--out", str(out), "--jobs", "1"]
    return main([*call, "--model", str(run / "bundle")])


def test_a_list_of_learners_becomes_tables_and_pages(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = (
        f"b.wav,{TEXTS[1]},Ann,2026-10-02",
        f"a.wav,{TEXTS[0]},Ann,2026-09-01 09:30",
        f"silent.wav,{TEXTS[0]},Ann,2026-09-03",
        f"c.wav,{TEXTS[2]},=Bo/../x,2026-09-01",
    )
    assert learner(run, out, *rows) == 0
    table = pd.read_csv(out / "learners.csv", keep_default_na=False)
    assert list(table["name"]) == ["a", "b", "c"], "by learner and date; what failed is left out"
    own, known = (table[c][:2].astype(float) for c in ("total", "total_others_known"))
    assert list(known) == pytest.approx(list(0.5 * own + 0.5 * own.mean()), abs=1e-3)
    assert table["total_others_known"][2] == ""
    assert table["learner"][2] == "_=Bo/../x", "no formula in a spreadsheet"
    progress = pd.read_csv(out / "progress.csv")
    assert list(progress.query("aspect == 'total'")["recordings"]) == [2, 1]
    assert {p.name for p in (out / "learners").iterdir()} == {"Ann.html", "_=Bo%2F..%2Fx.html"}
    assert 'href="../a.html"' in (out / "learners/Ann.html").read_text()
    assert (out / "a.html").exists() and (out / "summary.csv").exists()


def test_without_a_column_learner_all_are_of_one(run: Path, tmp_path: Path) -> None:
    rows = (f"a.wav,{TEXTS[0]}", f"b.wav,{TEXTS[1]}")
    assert learner(run, tmp_path / "out", *rows, header="wav,text") == 0
    assert [p.name for p in (tmp_path / "out/learners").iterdir()] == ["learner.html"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"a.wav,{TEXTS[0]},Ann,yesterday", "list.csv:3: date yesterday: not a date such as 2026-"),
        (f"a.wav,{TEXTS[0]},,2026-01-01", "list.csv:3: no learner; name one"),
        (f"a.wav,{TEXTS[0]},Ann,", "list.csv:3: no date, which other rows have"),
    ],
)
def test_rows_that_are_not_whole_stop_it_before_the_work(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str, message: str
) -> None:
    assert learner(run, tmp_path / "out", f"b.wav,{TEXTS[1]},Ann,2026-10-02", row) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
