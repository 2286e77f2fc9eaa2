"""Tables as spreadsheets write them, and what is refused by its line."""

from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.tables import number, read_frame, read_rows, whole
from pyscorer.errors import InputError


def table(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "wav,text\na.wav,I think\n",
        "\ufeffwav,text\r\na.wav,I think\r\n",
        "wav;text\na.wav;I think\n",
        "sep=;\nwav;text\na.wav;I think\n",
        "wav\ttext\na.wav\tI think\n",
        '"wav" , "text"\n"a.wav","I think"\n'.replace(" , ", ","),
        " wav ,text \na.wav,I think\n\n,\n",
        "wav,text\na.wav,I think\n".encode("utf-16"),
    ],
)
def test_dialects_of_one_table(tmp_path: Path, content: str | bytes) -> None:
    (row,) = [cells for _, cells in read_rows(table(tmp_path, content), ["wav", "text"])]
    assert row == {"wav": "a.wav", "text": "I think"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header line"),
        ("a,text\n", "no column wav; it has a, text"),
        ("wav,text,wav\n", "column wav stands twice"),
        ("wav,text\na.wav,I think,so\n", ":2: 3 cells where the header has 2"),
        ("wav,text\na.wav\n", ":2: 1 cells where the header has 2"),
        ('wav,text\na.wav,"I think\n', ":2: wrong quoting"),
        ('wav,text\na.wav,"I" think\n', ":2: wrong quoting"),
        ("wav,text\na\0,b\n", ":2: not a table: it holds NUL"),
        (b"wav,text\na.wav,don\x92t\n", ":2: not UTF-8 text, perhaps cp1252"),
    ],
)
def test_refused_by_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_rows(table(tmp_path, content), ["wav", "text"]))


def test_lines_are_those_of_an_editor(tmp_path: Path) -> None:
    path = table(tmp_path, 'sep=,\na,b\n"two\nlines",1\n\nx,2\n')
    assert [number for number, _ in read_rows(path)] == [4, 6]


def test_rows_with_surplus_cells_are_told_and_passed_over(tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []
    path = table(tmp_path, "a,b\n1,2,\n3,4\n")
    rows = list(read_rows(path, ["a"], wrong=lambda *fault: told.append(fault)))
    assert rows == [(3, {"a": "3", "b": "4"})]
    assert told == [(2, "3 cells where the header has 2")]


def test_frame_keeps_words_and_masks_gaps(tmp_path: Path) -> None:
    path = table(tmp_path, "utterance,word,total\n01,NA,\n02,null,7.5\n")
    frame = read_frame(path, ["utterance", "total"], text=["utterance", "word"], gaps=["total"])
    assert list(frame["utterance"]) == ["01", "02"]
    assert list(frame["word"]) == ["NA", "null"]
    assert np.isnan(frame["total"][0]) and frame["total"][1] == 7.5


@pytest.mark.parametrize("cell", ["", "seven", "inf", "nan", "7,5", "#N/A", "True"])
def test_frame_names_the_line_of_no_number(tmp_path: Path, cell: str) -> None:
    path = table(tmp_path, f'utterance,total\na,1\nb,"{cell}"\n')
    with pytest.raises(InputError, match=r":3: total is '.*', not a number"):
        read_frame(path, ["utterance", "total"], text=["utterance"])


@pytest.mark.parametrize(
    ("cell", "value"),
    [("7", 7), ("7.5", 7.5), ("7,5", 7.5), ("-.5", -0.5), ("1e1", 10), ("007", 7)],
)
def test_numbers_with_points_and_commas(cell: str, value: float) -> None:
    assert number(cell) == value


@pytest.mark.parametrize("cell", ["", "nan", "inf", "1_0", "٣", "1,000.5", "0x10", "7 5", "#N/A"])
def test_no_numbers(cell: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        number(cell)


@pytest.mark.parametrize("cell", ["", "-1", "1.0", "٣", "²", "9" * 30])
def test_no_whole_numbers(cell: str) -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        whole(cell)


def test_a_frame_has_the_names_that_rows_have(tmp_path: Path) -> None:
    frame = read_frame(table(tmp_path, "sep=,\n a ,b,,\n1,x,,\n"), ["a"], text=["b"])
    assert list(frame.columns)[:2] == ["a", "b"] and frame["a"][0] == 1


def test_an_undefined_figure_of_our_own_is_a_gap(tmp_path: Path) -> None:
    frame = read_frame(table(tmp_path, "fold,pcc\n0,nan\n1,0.5\n"), ["fold", "pcc"], gaps=["pcc"])
    assert np.isnan(frame["pcc"][0]) and frame["pcc"][1] == 0.5


def test_a_cell_without_end_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="field larger than field limit"):
        list(read_rows(table(tmp_path, "a" * 200_000 + ",b\n"), ["b"]))
