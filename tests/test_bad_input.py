"""docs/bad-input.md says what pyscorer answers to every input of tests/bad_input.

With PYSCORER_WRITE set the page is written anew (`make docs`).
"""

import importlib.util
import os
from pathlib import Path

import pytest
from bad_input import TRIED, Tried, answer, page

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "bad-input.md"

for file in sorted((HERE / "bad_input").glob("*.py")):
    spec = importlib.util.spec_from_file_location(f"bad_input_{file.stem}", file)
    assert spec and spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Tried, str]]:
    return [(row, answer(row, tmp_path_factory.mktemp("input"))) for row in TRIED]


def test_no_input_is_tried_twice() -> None:
    names = [(row.kind, row.given) for row in TRIED]
    assert len(set(names)) == len(names)


def test_the_page_says_what_is_answered(answers: list[tuple[Tried, str]]) -> None:
    if os.environ.get("PYSCORER_WRITE"):
        PAGE.write_text(page(answers), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(answers), "run `make docs`"
