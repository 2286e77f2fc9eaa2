"""What was heard, phone by phone, by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyscorer.contract.archives import read_matrices
from pyscorer.contract.files import write_table
from pyscorer.contract.phones import ARPABET
from pyscorer.contract.pooled import read_columns, write_pooled
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.pretrained.heard_phones import (
    HEARD_COLUMNS,
    heard_columns,
    heard_phones,
    phone_distance,
    transcript_phones,
)

LEXICON = {"SING": [("S", "IH", "NG")], "A": [("AH",), ("EY",)]}


def columns(canonical: str, heard: str) -> dict[str, list[float]]:
    table = heard_columns(canonical.split(), heard.split())
    return {name: table[:, i].round(4).tolist() for i, name in enumerate(HEARD_COLUMNS)}


def test_a_word_heard_for_another_accuses_the_phone_that_tells_them_apart() -> None:
    found = columns("TH IH NG", "S IH NG")
    assert found["heard"] == [0, 1, 1]
    # The same manner and voice, one place apart.
    assert found["likeness"] == pytest.approx([1 - 0.3, 1, 1])
    assert found["missing"] == [0, 0, 0]


def test_a_phone_left_out_is_missing_and_a_phone_more_stands_beside_its_neighbours() -> None:
    found = columns("W ER L D", "W ER D AH")
    assert found["heard"] == [1, 1, 0, 1]
    assert found["likeness"] == [1, 1, 0, 1]
    assert found["missing"] == [0, 0, 1, 0]
    assert found["inserted_after"] == [0, 0, 0, 1]
    assert columns("D", "AH D")["inserted_before"] == [1]


def test_a_phone_goes_with_one_like_it_rather_than_with_the_one_in_its_place() -> None:
    # B is P's partner, so that IY has none.
    found = columns("IY P", "B")
    assert found["missing"] == [1, 0]
    assert found["likeness"] == pytest.approx([0, 1 - 0.35])


def test_nothing_heard_and_no_end_of_insertions() -> None:
    assert columns("AA B", "")["missing"] == [1, 1]
    assert columns("B", "AA AA AA AA AA B")["inserted_before"] == [3]


def test_distances_are_the_same_both_ways_and_within_a_kind_at_most_one() -> None:
    table = np.array([[phone_distance(a, b) for b in ARPABET] for a in ARPABET])
    np.testing.assert_array_equal(table, table.T)
    assert (np.diag(table) == 0).all()
    assert (table[~np.eye(len(ARPABET), dtype=bool)] >= 0.2).all()
    assert sorted(set(table[table > 1])) == [1.2]
    assert phone_distance("IH", "IY") < phone_distance("IH", "AA")


def test_a_word_of_the_text_is_pronounced_as_it_was_aligned_others_by_the_lexicon_or_spelling() -> (
    None
):
    aligned = {"A": ["EY"]}
    assert transcript_phones("A SING", aligned, LEXICON) == ["EY", "S", "IH", "NG"]
    assert transcript_phones("A", {}, LEXICON) == ["AH"]
    assert transcript_phones("TED ΩΩ", aligned, LEXICON) == ["T", "EH", "D"]


def write_view(folder: Path, keys: list[str]) -> tuple[Path, Path, Path]:
    """Two utterances of "a a", of which "a sing" was heard."""
    data, view, pool = folder / "data", folder / "view", folder / "pool"
    data.mkdir()
    write_table(data / "text", dict.fromkeys(["U1", "U2"], "a a"))
    (data / "lexicon.txt").write_text("A AH\nA EY\nSING S IH NG\n", encoding="utf-8")
    view.mkdir()
    table = pd.DataFrame({"utterance": keys, "hypothesis": "A SING"})
    table.to_csv(view / "utterances.csv", index=False)
    segments = [PhoneSegment(i, 0, "EY", 10 * i, 10, 0, 0) for i in range(2)]
    write_pooled(pool, ["x"], [(key, segments, np.zeros((2, 1))) for key in ("U1", "U2")])
    return data, view, pool


def test_the_stage_writes_the_columns_for_the_phones_of_a_pooled_directory(tmp_path: Path) -> None:
    data, view, pool = write_view(tmp_path, ["U2", "U1"])
    heard_phones(data, view, pool, tmp_path / "out")
    assert read_columns(tmp_path / "out") == list(HEARD_COLUMNS)
    found = dict(read_matrices(tmp_path / "out" / "phones.scp"))
    assert list(found) == ["U1", "U2"]
    np.testing.assert_allclose(
        found["U1"], heard_columns(["EY", "EY"], ["EY", "S", "IH", "NG"]), atol=1e-6
    )


def test_an_utterance_that_was_not_heard_is_named(tmp_path: Path) -> None:
    data, view, pool = write_view(tmp_path, ["U1"])
    with pytest.raises(InputError, match="U2 is missing"):
        heard_phones(data, view, pool, tmp_path / "out")
