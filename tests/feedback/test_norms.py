"""Pace and pauses."""

from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.scales import make_scales, write_scales
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.feedback.norms import Norms, measure_norms, read_norms, timing, write_norms


def test_pace_leaves_pauses_out_and_their_share_is_of_the_time_between_first_and_last() -> None:
    # Word 0: frames 10-20, 20-30; pause of 20; word 1: 50-60; no pause; word 2: 60-70.
    found = timing(np.array([10, 20, 50, 60]), np.array([10] * 4), np.array([0, 0, 1, 2]))
    assert found.pace == pytest.approx(4 / 0.4)
    assert found.pauses == pytest.approx(20 / 60)
    assert found.before == (0.0, 0.2, 0.0)


def write_readers(root: Path, fluency: list[int]) -> None:
    """Reader i speaks 10 phones of i + 5 frames, a pause of 10 (i + 1) frames amid.

    The log-posterior of all of them is -i.
    """
    rows, scores = [], []
    for i, value in enumerate(fluency):
        length = i + 5
        starts = [place * length + (place >= 5) * 10 * (i + 1) for place in range(10)]
        phones = [
            PhoneSegment(place // 5, place % 5, "AA", start, length, 0, 0)
            for place, start in enumerate(starts)
        ]
        rows.append((f"u{i}", phones, np.full((10, 1), -i)))
        scores.append(f"u{i},5,10,{value},5,5")
    write_pooled(root, ["log_posterior"], rows)
    header = "utterance,accuracy,completeness,fluency,prosodic,total"
    (root / "utterance_scores.csv").write_text("\n".join([header, *scores]) + "\n")


def test_norms_are_of_fluent_readers_alone(tmp_path: Path) -> None:
    write_readers(tmp_path, [9, 8, 3])
    norms = measure_norms(tmp_path, tmp_path)
    # Paces 100 / 5 and 100 / 6; the 10th and 90th percentile lie a tenth inside.
    assert norms.pace == pytest.approx(
        (100 / 6 + (20 - 100 / 6) / 10, 20 - (20 - 100 / 6) / 10), abs=1e-3
    )
    assert norms.pauses == pytest.approx((1 / 6 + 1 / 120, 0.25 - 1 / 120), abs=1e-3)
    assert norms.long_pause == pytest.approx(0.2, abs=0.01)


def test_the_norm_of_the_recogniser_is_of_all_readers(tmp_path: Path) -> None:
    write_readers(tmp_path, [9, 8, 3])
    (tmp_path / "utterances.csv").write_text("utterance,prompt_log_probability\na,-3\nb,-1\n")
    norms = measure_norms(tmp_path, tmp_path, tmp_path)
    assert norms.prompt == pytest.approx(-3 + 0.02)
    assert measure_norms(tmp_path, tmp_path).prompt is None


def test_without_fluent_readers_there_is_no_norm(tmp_path: Path) -> None:
    write_readers(tmp_path, [3, 4])
    with pytest.raises(InputError, match="no utterance has a fluency of 8"):
        measure_norms(tmp_path, tmp_path)


def test_norms_come_back_from_their_file(tmp_path: Path) -> None:
    norms = Norms((6.2, 11.0), (0.0, 0.11), 0.49, None)
    write_norms(tmp_path / "norms.json", norms)
    assert read_norms(tmp_path / "norms.json") == norms
    (tmp_path / "norms.json").write_text('{"pace": 3}')
    with pytest.raises(InputError, match="bundle again"):
        read_norms(tmp_path / "norms.json")


def test_where_nobody_scored_fluency_good_readers_are_the_norm(tmp_path: Path) -> None:
    write_readers(tmp_path, [9, 8, 3])
    own = make_scales({"utterance": {"flow": [1, 5], "range": [-1, 1]}}, "own")
    write_scales(tmp_path, own)
    # Shares of flow and range: 1 and .7, 1 and .6, 0 and 0; 0.8 of the range on the mean is good.
    rows = "u0,5,0.4\nu1,5,0.2\nu2,1,-1\n"
    (tmp_path / "utterance_scores.csv").write_text(f"utterance,flow,range\n{rows}")
    norms = measure_norms(tmp_path, tmp_path)
    assert norms.readers == "good readers" and norms.pace[0] > 100 / 6
    (tmp_path / "utterance_scores.csv").write_text("utterance,flow,range\nu2,1,-1\n")
    with pytest.raises(InputError, match=r"no utterance has a mean score of 4\.2 \(1 to 5\)"):
        measure_norms(tmp_path, tmp_path)
    (tmp_path / "utterance_scores.csv").unlink()
    norms = measure_norms(tmp_path, tmp_path)
    assert norms.readers == "other readers" and norms.pace[0] < 100 / 6
