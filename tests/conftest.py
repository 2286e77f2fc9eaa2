"""Fixtures that every test shares: where the golden data and the real corpora are."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

LONGEST = ("test_pipeline.py", "test_own_corpus_page.py", "test_wheel.py", "test_bad_input.py")
"""Files of which one test takes half a minute or more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun last, they would leave all processes but one without work."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def _folder(variable: str, default: str) -> Path:
    path = Path(os.environ.get(variable) or REPOSITORY.parent / "shared" / default)
    if not path.is_dir():
        pytest.skip(f"{path} is absent: set {variable} to the folder to run this test")
    return path


@pytest.fixture(scope="session")
def conformance() -> Path:
    """Golden output of real Kaldi; the test is skipped where it is absent."""
    return _folder("PYSCORER_CONFORMANCE", "conformance")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Root folder of the real corpora; the test is skipped where it is absent."""
    return _folder("PYSCORER_CORPORA", "corpora")


@pytest.fixture(scope="session")
def papers() -> Path:
    """The text of the two papers; the test is skipped where it is absent."""
    return _folder("PYSCORER_PAPERS", "papers")
