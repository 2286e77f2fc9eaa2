"""Which phones are wrong, and what was said instead: hand-counted cases."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyscorer.grading.detection import (
    best_threshold,
    confusion_rows,
    curve_rows,
    detection_rows,
    diagnosis_rows,
    error_rate_rows,
    low_score_row,
    threshold_for,
)


def phones(predicted: list[float], human: list[float]) -> pd.DataFrame:
    count = len(predicted)
    return pd.DataFrame(
        {
            "utterance": "U",
            "word_index": 0,
            "phone_index": range(count),
            "phone": ["TH", "DH", "TH", "S", "R", "L"][:count],
            "predicted": predicted,
            "human": human,
        }
    )


TABLE = phones([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.0, 0.5, 2.0, 0.9, 1.0, 2.0])


def test_a_score_of_one_is_not_wrong_and_precision_is_reached_at_the_highest_threshold() -> None:
    wrong = (TABLE["human"] < 1).to_numpy()
    # Wrong are 0.1, 0.2 and 0.4: precision is 1 at 0.2, 3/4 at 0.4, 1/2 at 0.6.
    predicted = TABLE["predicted"].to_numpy()
    assert threshold_for(predicted, wrong, 1.0) == pytest.approx(0.2)
    assert threshold_for(predicted, wrong, 0.7) == pytest.approx(0.4)
    assert threshold_for(predicted, wrong, 0.5) == pytest.approx(0.6)


def test_detection_takes_its_threshold_from_train_and_counts_on_test() -> None:
    test = phones([0.15, 0.35, 0.45, 0.3], [0.0, 2.0, 0.0, 0.0])
    row = detection_rows(test, TABLE, (0.7,), 1.0)[0]
    assert row["threshold"] == pytest.approx(0.4)
    assert (row["flagged"], row["wrong"]) == (3, 3)
    assert row["precision"] == pytest.approx(2 / 3)
    assert row["recall"] == pytest.approx(2 / 3)
    assert row["false_alarms"] == pytest.approx(1)


def test_the_best_threshold_has_the_highest_f1() -> None:
    # Up to 0.2: precision 1, recall 2/3; up to 0.4: 3/4 and 1.
    wrong = (TABLE["human"] < 1).to_numpy()
    assert best_threshold(TABLE["predicted"].to_numpy(), wrong) == pytest.approx(0.4)
    assert np.isnan(best_threshold(TABLE["predicted"].to_numpy(), np.zeros(6, dtype=bool)))


def test_low_scores_stand_beside_what_a_constant_gets() -> None:
    test = phones([0.15, 0.35, 0.45, 0.3], [0.0, 2.0, 0.0, 2.0])
    row = low_score_row(test, TABLE, 1.0)
    assert (row["scored"], row["low"], row["train_low"], row["flagged"]) == (4, 2, 3, 3)
    assert (row["precision"], row["recall"]) == pytest.approx((1 / 3, 1 / 2))
    assert row["f1"] == pytest.approx(0.4)
    # Flagging all: precision 1/2, recall 1; the train mean is 6.4 / 6.
    assert row["constant_f1"] == pytest.approx(2 / 3)
    assert row["constant_mse"] == pytest.approx(1 + (6.4 / 6 - 1) ** 2)
    # The lowest is low, the highest is low: one of two pairs is in order, twice.
    assert row["roc_area"] == pytest.approx(0.5)
    assert row["mse"] == pytest.approx(np.mean((test["predicted"] - test["human"]) ** 2))


def test_where_none_is_low_areas_are_not_there() -> None:
    fine = phones([1.0, 2.0, 1.5], [2.0, 2.0, 1.5])
    row = low_score_row(fine, TABLE, 1.0)
    assert np.isnan(row["roc_area"]) and row["recall"] == 0 and row["constant_f1"] == 0


def test_a_perfect_detector_has_areas_of_one() -> None:
    perfect = phones([0, 0, 2, 2], [0.0, 0.0, 2.0, 2.0])
    row = detection_rows(perfect, perfect, (1.0,), 1.0)[0]
    assert row["roc_area"] == 1 and row["pr_area"] == 1 and row["f1"] == 1
    assert {r["curve"] for r in curve_rows(perfect, 1.0)} == {"roc", "pr"}


def rivals(names: list[str], ratios: list[float]) -> pd.DataFrame:
    table = TABLE[["utterance", "word_index", "phone_index"]].iloc[: len(names)]
    return table.assign(rival=names, ratio=ratios)


def test_confusions_are_of_flagged_phones_whose_rival_is_likelier() -> None:
    seen = rivals(["S", "D", "S", "T", "L", "R"], [-1, -1, -1, 1, -1, -1])
    rows = confusion_rows(TABLE, seen, 0.4, 1.0)
    assert rows == [
        {"phone": "TH", "said": "S", "count": 2, "wrong": 1},
        {"phone": "DH", "said": "D", "count": 1, "wrong": 1},
    ]


def test_diagnosis_asks_only_about_phones_replaced_by_one_other(tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    lines = ["U,0,0,TH,S", "U,0,1,DH,D", "U,0,2,TH,", "U,0,3,S,S AH", "U,0,4,R,W"]
    columns = "utterance,word_index,phone_index,canonical,said"
    truth.write_text("\n".join([columns, *lines]) + "\n")
    seen = rivals(["S", "Z", "S", "T", "W", "R"], [-1, -1, -1, 1, 1, -1])
    every, flagged, likelier = diagnosis_rows(TABLE, seen, truth, 0.4)
    assert every["count"] == 3 and every["accuracy"] == pytest.approx(2 / 3)
    assert flagged["count"] == 2 and flagged["accuracy"] == pytest.approx(1 / 2)
    assert likelier["count"] == 2
    assert np.isclose(every["chance"], 1)


def test_phone_error_rates_of_what_was_heard_against_what_was_said(tmp_path: Path) -> None:
    # Text: TH DH TH S R L; said: S DH (nothing) S AH R L.
    truth = tmp_path / "truth.csv"
    lines = ["U,0,0,TH,S", "U,0,2,TH,", "U,0,3,S,S AH", "OTHER,0,0,S,Z"]
    columns = "utterance,word_index,phone_index,canonical,said"
    truth.write_text("\n".join([columns, *lines]) + "\n")
    # Heard as likelier: S for the first TH, Z for DH (not flagged at 0.15), W for L (not flagged).
    seen = rivals(["S", "Z", "S", "T", "W", "W"], [-1, -1, 1, 1, 1, -1])
    rows = {row["phones"]: row for row in error_rate_rows(TABLE, seen, 0.15, truth)}
    assert {row["said"] for row in rows.values()} == {6}
    # TH for S, TH for nothing, AH left out.
    assert rows["text"]["errors"] == 3
    assert rows["recognised"]["errors"] == 2 + 2 and rows["flagged"]["errors"] == 2
    assert rows["flagged"]["error_rate"] == pytest.approx(1 / 3)


def test_where_nobody_knows_what_was_said_only_right_words_count() -> None:
    table = TABLE.assign(word_index=[0, 0, 1, 1, 2, 2], human=[2.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    seen = table[["utterance", "word_index", "phone_index"]].assign(
        rival=["S", "Z", "S", "T", "W", "W"], ratio=[-1, -1, -1, 1, 1, 1]
    )
    rows = {row["phones"]: row for row in error_rate_rows(table, seen, 0.35)}
    assert [row["errors"] for row in rows.values()] == [0, 1, 1]
    assert rows["recognised"]["said"] == 4
