"""The papers' figures in the project are those that the papers print."""

import re
from pathlib import Path

import pytest

from pyscorer.evaluation.published import neurons, published, rows

LIN, PAPI = "000_78cecf1fb8a6f142.txt", "002_2f20a53a89b715cf.txt"
LIN_COLUMNS = {
    "1": ("parameters",),
    **dict.fromkeys("236", ("l2", "speechocean762")),
    **dict.fromkeys("45", ("training", "testing")),
}
Figures = dict[str, dict[str, float]]


def text_of(folder: Path, name: str) -> str:
    if not (folder / name).exists():
        pytest.skip(f"{folder / name} is not here: the figures cannot be held against the paper")
    return (folder / name).read_text(encoding="utf-8")


def lin_table(text: str, number: str) -> Figures:
    """The rows after a caption: a name and as many figures (or dashes) as the table has columns."""
    columns = LIN_COLUMNS[number]
    figure = r"(\d+(?:\.\d+)?|–)"
    row = re.compile(r"(.+?)" + rf" {figure}" * len(columns))
    lines = text.partition(f"\nTable {number}: ")[2].splitlines()
    matches = [(line, row.fullmatch(line)) for line in lines]
    first = next(i for i, (_, match) in enumerate(matches) if match)
    found: Figures = {}
    for line, match in matches[first:]:
        if match is None and line:
            break
        if match is not None:
            name = re.sub(r" ?\[\d+\]$", "", match[1]).replace("–", "-")
            if number in "45":
                name = name.replace(" ", " / ")
            values = zip(columns, match.groups()[1:], strict=True)
            found[name] = {column: float(value) for column, value in values if value != "–"}
    return found


def papi_tables(text: str) -> dict[str, list[list[str]]]:
    """The cells of every row of every table, by the number of the caption below it."""
    found = {}
    for body, number in re.findall(r"<tbody>(.*?)</tbody>\s*</table>\s*Table (\d):", text, re.S):
        cells = [re.findall(r"<td>(.*?)</td>", row, re.S) for row in body.split("<tr>")[1:]]
        found[number] = [[re.sub(r"<[^>]*>", "", cell).strip() for cell in row] for row in cells]
    return found


@pytest.mark.parametrize("number", LIN_COLUMNS)
def test_figures_of_lin_and_wang_are_those_printed(papers: Path, number: str) -> None:
    printed = lin_table(text_of(papers, LIN), number)
    assert {row: published("lin2021", number, row) for row in rows("lin2021", number)} == printed
    assert list(rows("lin2021", number)) == list(printed)


@pytest.mark.parametrize("number", ["2", "3"])
def test_figures_of_papi_et_al_are_those_printed(papers: Path, number: str) -> None:
    printed = {
        re.sub(r" \[\d+\]$", "", name): {
            column: float(value)
            for column, value in zip(("d_full", "accuracy", "f1"), values, strict=True)
            if value != "n/a"
        }
        for name, *values in papi_tables(text_of(papers, PAPI))[number]
    }
    assert {row: published("papi2020", number, row) for row in rows("papi2020", number)} == printed
    assert list(rows("papi2020", number)) == list(printed)


def test_layers_of_papi_et_al_are_those_printed(papers: Path) -> None:
    text = text_of(papers, PAPI)
    printed = {name: (int(n), sizes) for name, n, sizes in papi_tables(text)["1"]}
    assert list(rows("papi2020", "1")) == list(printed)
    for row, (number, sizes) in printed.items():
        assert published("papi2020", "1", row) == {"layers": number}
        assert neurons("1", row) == tuple(map(int, sizes.split("-")))
    for row in rows("papi2020", "gates"):
        sizes = (
            ", ".join(map(str, neurons("gates", row)[:-1]))
            + f", and {neurons('gates', row)[-1]} neurons"
        )
        sentence = text.partition(f"selected for the {row} model")[2].partition("per layer")[0]
        assert sizes in sentence


@pytest.mark.parametrize("table", ["1", "gates"])
def test_the_number_of_layers_is_that_of_the_sizes(table: str) -> None:
    for row in rows("papi2020", table):
        assert len(neurons(table, row)) == published("papi2020", table, row)["layers"]


def test_what_a_paper_leaves_out_is_left_out() -> None:
    assert published("lin2021", "5", "unfrozen / -") == {"testing": 0.65}
    assert "accuracy" not in published("papi2020", "2", "2nd-best")
    with pytest.raises(KeyError):
        published("papi2020", "3", "MIX9-3FbkB-F1")
