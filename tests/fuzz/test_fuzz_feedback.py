"""Readers of lists, journals and bundles give what is there or an InputError, whatever happens."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import fresh, fuzz, mutated, survives

from pyscorer.errors import InputError
from pyscorer.feedback.bundle import GraderSettings, ScorerSettings
from pyscorer.feedback.journal import Row, journal
from pyscorer.feedback.limits import Limits
from pyscorer.feedback.norms import Norms, read_settings
from pyscorer.feedback.tasks import read_manifest

MANIFEST = 'wav,text,speaker\na.wav,"The dog, the cat.",1\n\nsub/b.flac,I’m fine,2\n'.encode()


@fuzz
@given(mutated(MANIFEST))
def test_lists(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = fresh(tmp_path_factory) / "list.csv"
    path.write_bytes(content)
    found = survives(lambda: read_manifest(path))
    if not isinstance(found, InputError):
        names = [task.name for task in found]
        assert len(set(names)) == len(names)
        assert all("/" not in name for name in names)


ROWS = {
    f"{i} key": {"wav": f"{i}.wav", "status": "scored", "score": i + 0.5, "warnings": "Noisy."}
    for i in range(4)
}


def _journal() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        with contextlib.suppress(KeyboardInterrupt), journal(path, ["settings"]) as (_, keep):
            for key, row in ROWS.items():
                keep(key, row)
            raise KeyboardInterrupt
        return path.read_bytes()


@fuzz
@given(mutated(_journal()))
def test_journals_are_trusted_no_further_than_they_are_whole(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = fresh(tmp_path_factory) / "journal"
    path.write_bytes(content)

    def read() -> dict[str, Row]:
        with journal(path, ["settings"]) as (done, _):
            return dict(done)

    found = survives(read)
    assert all(ROWS[key] == row for key, row in found.items())


LIMITS = Limits(0.12, -0.4, (0.04, -0.35))
SETTINGS = GraderSettings((-0.5,) * 41, 0.9, (-3, -2, -1), 0.5, LIMITS)
NORMS = Norms((6.2, 11.0), (0.0, 0.11), 0.49, None)


@pytest.mark.parametrize("settings", [SETTINGS, ScorerSettings(LIMITS), NORMS])
@fuzz
@given(faults=st.data())
def test_settings(
    tmp_path_factory: pytest.TempPathFactory, settings: object, faults: st.DataObject
) -> None:
    path = fresh(tmp_path_factory) / "settings.json"
    path.write_bytes(faults.draw(mutated(json.dumps(asdict(settings)).encode())))
    found = survives(lambda: read_settings(path, type(settings)))
    if not isinstance(found, InputError):
        assert np.isfinite(list(numbers(asdict(found)))).all()


def numbers(found: object) -> Iterator[float]:
    """All numbers in a value."""
    if isinstance(found, dict | list | tuple):
        for part in found.values() if isinstance(found, dict) else found:
            yield from numbers(part)
    elif isinstance(found, float | int):
        yield float(found)
