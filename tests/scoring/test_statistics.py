"""Statistics of an utterance's phones, counted by hand."""

import numpy as np
import pytest

from pyscorer.contract.pooled import PooledSet, make_pooled
from pyscorer.scoring.statistics import (
    PHONE_NAMES,
    duration_norms,
    paper_statistics,
    positions,
    rich_statistics,
)

# Utterance 0: "B-IY T", utterance 1: "T-IY-IY-T".
PHONES = ["B", "IY", "T", "T", "IY", "IY", "T"]
UTTERANCE = np.array([0, 0, 0, 1, 1, 1, 1])
WORD = np.array([0, 0, 1, 0, 0, 0, 0])
PLACE = np.array([0, 1, 0, 0, 1, 2, 3])
GOP = [-1.0, -3.0, -5.0, 0.0, -2.0, -4.0, -1.0]


def pooled_set(*columns: list[float]) -> PooledSet:
    features = np.array(columns, dtype=np.float32).T
    return make_pooled(["u0", "u1"], features, UTTERANCE, PHONES, WORD, PLACE)


def named(names: list[str], row: np.ndarray) -> dict[str, float]:
    return dict(zip(names, row.tolist(), strict=True))


def test_positions_are_beginning_middle_end_and_single() -> None:
    assert positions(pooled_set(GOP)).tolist() == [1, 3, 4, 1, 2, 2, 3]


def test_paper_statistics_by_hand() -> None:
    names, table = paper_statistics(pooled_set(GOP), ["gop"])
    first, second = (named(names, row) for row in table)
    assert table.shape == (2, 2 * len(PHONE_NAMES) + 1)
    assert (first["gop_B"], first["gop_IY"], first["gop_T"]) == (-1, -3, -5)
    assert (second["gop_IY"], second["gop_T"]) == (-3, -0.5)
    assert np.isnan(second["gop_B"]) and np.isnan(second["position_B"])
    assert (second["position_T"], second["position_IY"]) == (2, 2)
    assert (first["phones"], second["phones"]) == (3, 4)


def test_paper_statistics_of_several_measures() -> None:
    names, table = paper_statistics(pooled_set(GOP, [2 * g for g in GOP]), ["a", "b"])
    row = named(names, table[0])
    assert (row["a_T"], row["b_T"]) == (-5, -10)


def test_duration_norms_of_rare_phones_are_those_of_all() -> None:
    many = make_pooled(
        ["u"],
        np.zeros((12, 1), dtype=np.float32),
        np.zeros(12, dtype=np.int64),
        ["B"] * 11 + ["T"],
        np.zeros(12, dtype=np.int64),
        np.arange(12),
    )
    durations = np.array([1.0] * 5 + [3.0] * 6 + [7.0])
    norms = duration_norms(many, durations)
    assert norms[PHONE_NAMES.index("B")] == pytest.approx(
        [durations[:11].mean(), durations[:11].std()]
    )
    assert norms[PHONE_NAMES.index("T")] == pytest.approx([durations.mean(), durations.std()])


def test_rich_statistics_by_hand() -> None:
    """Phones of 10 frames; a pause of 30 frames between the words of the first utterance."""
    pause = [50.0, 0, 30, 8, 0, 0, 0]
    columns = [GOP, np.log([10.0] * 7).tolist(), np.log1p(pause).tolist(), [0.0] * 7]
    norms = np.tile([np.log(5), 0.5], (len(PHONE_NAMES), 1))
    names, table = rich_statistics(pooled_set(*columns), ["gop"], norms)
    first, second = (named(names, row) for row in table)
    assert first["gop_mean"] == -3 and first["gop_min"] == -5 and first["gop_q50"] == -3
    assert first["gop_worst_word"] == -5
    assert first["normal_duration_mean"] == pytest.approx(np.log(2) / 0.5)
    assert first["pauses"] == 1 and first["pause_longest"] == pytest.approx(30)
    assert first["pause_share"] == pytest.approx(30 / 60)
    assert first["phones_per_second"] == pytest.approx(5)
    assert first["phones_per_spoken_second"] == pytest.approx(10)
    assert (first["words"], first["phones"]) == (2, 3)
    # The silence before an utterance is not the speaker's pause.
    assert second["pauses"] == 0 and second["pause_share"] == 0
    assert np.isfinite(table).all()
