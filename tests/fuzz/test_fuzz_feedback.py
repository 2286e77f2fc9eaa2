"""Readers of lists, journals and bundles give what is there or an InputError, whatever happens."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from mutations import fresh, fuzz, mutated, survives

from pyscorer.errors import InputError
from pyscorer.feedback.journal import Row, journal
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
