from pathlib import Path

import pandas as pd
import pytest

from pyscorer.evaluation.ceiling import EXPERT, WITHIN, ceiling_rows

RATED = {"a1": (1, 2), "a2": (2, 3), "a3": (3, 5), "b1": (4, 1), "b2": (5, 2), "b3": (6, 3)}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [f"{key},{r},{score}" for key, scores in RATED.items() for r, score in enumerate(scores)]
    (tmp_path / "rater_scores.csv").write_text("\n".join(["utterance,rater,total", *rows]) + "\n")
    (tmp_path / "utt2spk").write_text("".join(f"{key} {key[0]}\n" for key in RATED))
    (tmp_path / "spk2age").write_text("a 9\nb 30\n")
    return tmp_path


def test_a_grader_is_held_against_the_same_targets_as_the_expert(data: Path) -> None:
    # Two raters: each is held against the other. The grader is the first of them.
    first = pd.Series({key: scores[0] for key, scores in RATED.items()})
    rows = {row["group"]: row for row in ceiling_rows(data, {"first": {"total": first}})}
    assert list(rows) == ["all", "adult", "child", WITHIN]
    assert [row["utterances"] for row in rows.values()] == [6, 3, 3, 6]
    # Of the adult: (4, 5, 6) and (1, 2, 3) rise together.
    assert rows["adult"][EXPERT] == pytest.approx(1)
    # Of the child: (1, 2, 3) and (2, 3, 5) by hand; the grader also meets its own scores.
    between = 3 / (2 * 14 / 3) ** 0.5
    assert rows["child"][EXPERT] == pytest.approx(between)
    assert rows["child"]["first"] == pytest.approx((1 + between) / 2)
    # Less the speakers' means: (-1, 0, 1, -1, 0, 1) and (-4/3, -1/3, 5/3, -1, 0, 1).
    within = 5 / (4 * (42 / 9 + 2)) ** 0.5
    assert rows[WITHIN][EXPERT] == pytest.approx(within)
    assert rows[WITHIN]["first"] == pytest.approx((1 + within) / 2)


def test_without_raters_there_is_nothing_to_hold_against(tmp_path: Path) -> None:
    assert ceiling_rows(tmp_path, {"first": {"total": pd.Series(dtype=float)}}) == []
