"""Which recordings of a folder or a list are scored, and that nothing of them is passed over."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pyscorer.errors import InputError
from pyscorer.feedback.tasks import Task, find_recordings, read_manifest

TEXT = "The dog ran."


def record(folder: Path, *names: str) -> None:
    """Recordings, whatever their names say, and the text of each beside it."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(1600), 16000, format="WAV")
        path.with_suffix(".txt").write_text(TEXT)


def write(path: Path, content: str | bytes = TEXT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def told(tasks: list[Task]) -> dict[str, str]:
    return {task.wav.name: task.fault for task in tasks}


def test_what_systems_leave_behind_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(tmp_path, "me.wav", "__MACOSX/._me.wav", ".hidden/me.wav")
    for name in ("._me.wav", "._me.txt", ".DS_Store", "Thumbs.db", "desktop.ini", "sub/.DS_Store"):
        write(tmp_path / name)
    with caplog.at_level("INFO"):
        assert told(find_recordings(tmp_path)) == {"me.wav": ""}
    assert "6 files passed over" in caplog.text


def test_every_other_file_is_answered_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(tmp_path, "a.wav", "b.CAF", "c", "d.tmp")
    write(tmp_path / "e.webm", b"\x1a\x45\xdf\xa3")
    write(tmp_path / "e.txt")
    write(tmp_path / "f.mp4", b"")
    write(tmp_path / "alone.txt")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    found = told(find_recordings(tmp_path))
    assert set(found) == {
        *("a.wav", "b.CAF", "c", "d.tmp", "e.webm", "f.mp4", "gone.wav", "pipe.wav")
    }
    # What is no audio is found out when it is read.
    assert [n for n in found if not found[n]] == ["a.wav", "b.CAF", "c", "d.tmp", "e.webm", "f.mp4"]
    assert "alone.txt: a text without a recording" in caplog.text
    assert "a link that leads nowhere" in found["gone.wav"]
    assert "not a file" in found["pipe.wav"]


def test_results_are_not_taken_for_recordings(tmp_path: Path) -> None:
    record(tmp_path, "a.wav")
    for name in ("out/a.json", "out/a.txt", "out/a.wav", "b/a.html", "b/a.TextGrid", "list.csv"):
        write(tmp_path / name)
    (found,) = find_recordings(tmp_path, tmp_path / "sub/../out")
    assert found.wav == tmp_path / "a.wav"


def test_linked_folders_are_searched_once(tmp_path: Path) -> None:
    record(tmp_path, "recorder/a.wav", "all/b.wav")
    (tmp_path / "all/link").symlink_to(tmp_path / "recorder")
    (tmp_path / "all/again").symlink_to(tmp_path / "all")
    (tmp_path / "recorder/back").symlink_to(tmp_path / "all")
    assert sorted(told(find_recordings(tmp_path / "all"))) == ["a.wav", "b.wav"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("it’s a café".encode("cp1252"), "perhaps cp1252"),
        ("中文".encode("gb18030"), "not UTF-8 text"),
        (b"a\0b", "NUL bytes"),
    ],
)
def test_a_text_in_another_encoding_is_the_fault_of_one_recording(
    tmp_path: Path, content: bytes, message: str
) -> None:
    record(tmp_path, "a.wav", "b.wav")
    write(tmp_path / "b.txt", content)
    found = told(find_recordings(tmp_path))
    assert found["a.wav"] == ""
    assert "b.txt" in found["b.wav"]
    assert message in found["b.wav"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marked_texts_are_read(tmp_path: Path, encoding: str) -> None:
    record(tmp_path, "a.wav")
    write(tmp_path / "a.txt", "I’m\r\nfine".encode(encoding))
    assert [task.text for task in find_recordings(tmp_path)] == ["I’m\nfine"]


def test_recording_and_text_meet_whatever_wrote_their_names(tmp_path: Path) -> None:
    record(tmp_path, "cafe\u0301.wav", "b.wav")
    (tmp_path / "cafe\u0301.txt").rename(tmp_path / "caf\u00e9.TXT")
    assert [task.text for task in find_recordings(tmp_path)] == [TEXT, TEXT]
    write(tmp_path / "b.TXT", "Other.")
    assert "two texts beside it, b.TXT and b.txt" in told(find_recordings(tmp_path))["b.wav"]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    with pytest.raises(InputError, match="no audio files"):
        find_recordings(tmp_path)
    for wrong in ("a.txt", "b"):
        with pytest.raises(InputError, match="no such folder"):
            find_recordings(tmp_path / wrong)


def test_names_differ_on_every_system_and_lead_nowhere(tmp_path: Path) -> None:
    names = [
        "x.wav",
        "X.flac",
        "sub/x.wav",
        "=1+1.wav",
        "-rf.wav",
        "a\nb.wav",
        "%s.wav",
        "con:.wav",
    ]
    record(tmp_path, *names, "é" * 120 + ".wav")
    (tmp_path / os.fsdecode(b"\xff.wav")).touch()
    found = [task.name for task in find_recordings(tmp_path)]
    assert len({name.casefold() for name in found}) == len(names) + 2
    assert all(name.isprintable() and name[0] not in "=+-@." and "/" not in name for name in found)
    assert all(len(f".{name}.TextGrid.01234567.part".encode()) < 256 for name in found)


def listed(folder: Path, content: str | bytes) -> list[Task]:
    write(folder / "list.csv", content)
    return read_manifest(folder / "list.csv")


@pytest.mark.parametrize(
    "content",
    [
        "wav,text\nsub/a.wav,The dog ran.\n",
        "\ufeffwav,text\r\nsub/a.wav,The dog ran.\r\n",
        "wav;text;speaker\n\nsub/a.wav;The dog ran.;7\n;;\n",
        "speaker\ttext\twav\n7\tThe dog ran.\t sub/a.wav \n",
        "wav,text\nsub\\a.wav,The dog ran.\n",
        'sep=;\nwav;text\n"sub/a.wav";"The dog ran."\n',
        "wav;text\nsub/a.wav;The dog ran.\n".encode("utf-16"),
    ],
)
def test_lists_of_spreadsheets_are_read(tmp_path: Path, content: str | bytes) -> None:
    record(tmp_path, "sub/a.wav")
    assert listed(tmp_path, content) == [Task(tmp_path / "sub/a.wav", TEXT, name="a")]


def test_rows_that_name_no_recording_are_answered_for(tmp_path: Path) -> None:
    record(tmp_path, "a.wav")
    rows = [f"{tmp_path}/a.wav,{TEXT}", f",{TEXT}", "a.wav, ", f"b.wav,{TEXT}", f".,{TEXT}"]
    found = listed(tmp_path, "\n".join(["wav,text", *rows, f"{'x' * 300}.wav,{TEXT}"]))
    faults = ["", "list.csv:3: no rec", "list.csv:4: no text", "no such", "not a file", "too long"]
    assert [fault in task.fault for task, fault in zip(found, faults, strict=True)] == [True] * 6
    assert len({task.name for task in found}) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header line"),
        ("wav,text\n", "no recordings"),
        ("file,text\na.wav,Hi.\n", "no column wav"),
        ("wav,text\na.wav,Well, well.\n", r"list\.csv:2: 3 cells where the header has 2"),
        ("wav,text\na.wav,caf\xe9\n".encode("latin-1"), r"list\.csv:2: not UTF-8 text"),
        (b"PK\x03\x04\0\0", "NUL|not UTF-8|no column"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        listed(tmp_path, content)
