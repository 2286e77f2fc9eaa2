"""The figures that the two papers print, from `published.yaml`, to stand beside ours."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from pyscorer.contract.files import read_yaml

FIGURES = Path(__file__).with_name("published.yaml")


@lru_cache(maxsize=1)
def _papers() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(FIGURES)
    return found


def rows(paper: str, table: str) -> tuple[str, ...]:
    """Names of a table's rows, in the paper's order. KeyError for what no paper has."""
    return tuple(_papers()[paper][table])


def published(paper: str, table: str, row: str) -> dict[str, float]:
    """Column -> figure of one printed row; what the paper leaves out is not among them.

    paper: `lin2021` (Tables 1 to 6) or `papi2020` (Tables 1 to 3, and `gates`). KeyError for a row
    that no paper has.
    """
    found = _papers()[paper][table][row]
    return {column: float(value) for column, value in found.items() if column != "neurons"}


def neurons(table: str, row: str) -> tuple[int, ...]:
    """Layer sizes, input first, that Papi et al. print: of an expert (Table 1) or of a gate."""
    return tuple(_papers()["papi2020"][table][row]["neurons"])
