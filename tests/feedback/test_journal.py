"""What a killed run has done counts in the next one, unless it was damaged."""

from pathlib import Path

import pytest

from pyscorer.feedback.journal import journal

ROWS = {"a": {"wav": "a.wav", "score": 3.25}, "b": {"wav": "b.wav", "score": 4.0}}


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The file that a killed run leaves."""
    path = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt), journal(path, ["v1"]) as (_, keep):
        for key, row in ROWS.items():
            keep(key, row)
        raise KeyboardInterrupt
    return path


def kept(path: Path, settings: str = "v1") -> dict[str, object]:
    with journal(path, [settings]) as (done, _):
        return dict(done)


def test_rows_outlive_a_kill_and_then_go(killed: Path) -> None:
    assert kept(killed) == ROWS
    assert not killed.exists()


def test_rows_of_other_settings_do_not_count(killed: Path) -> None:
    assert kept(killed, "v2") == {}


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        (b"3.25", b"9.25", {"b"}),
        (b"3.25", b"\xff\x00", {"b"}),
        (b"4.0}]\n", b"4.", {"a"}),
        (b"v1", b"v9", set()),
        (b'["a"', b"\n[", {"b"}),
    ],
)
def test_damaged_rows_do_not_count(killed: Path, old: bytes, new: bytes, left: set[str]) -> None:
    killed.write_bytes(killed.read_bytes().replace(old, new))
    assert kept(killed) == {key: ROWS[key] for key in left}


@pytest.mark.parametrize("content", [b"", b"\n", b"\0\xff garbage\n[1", b"[]\n{}\n"])
def test_what_is_no_journal_does_not_count(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal").write_bytes(content)
    assert kept(tmp_path / "journal") == {}
