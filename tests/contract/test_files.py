from pathlib import Path

import pytest

from pyscorer.contract.files import (
    atomic_directory,
    atomic_open,
    atomic_path,
    check_replaceable,
    read_json,
    read_lines,
    read_table,
    read_text,
    read_yaml,
    shown,
    write_table,
)
from pyscorer.errors import InputError


def test_atomic_open_leaves_the_old_file_when_the_writer_fails(tmp_path):
    target = tmp_path / "sub" / "file"
    with atomic_open(target) as stream:
        stream.write("old")
    with pytest.raises(RuntimeError), atomic_open(target) as stream:
        stream.write("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_atomic_path_keeps_the_suffix_that_writers_look_at(tmp_path):
    with atomic_path(tmp_path / "plot.png") as part:
        assert part.suffix == ".png"
        part.write_bytes(b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["plot.png"]


def test_atomic_directory_replaces_the_old_one_whole(tmp_path):
    target = tmp_path / "dir"
    with atomic_directory(target) as part:
        (part / "a").touch()
        (part / "b").touch()
    with atomic_directory(target) as part:
        (part / "b").touch()
    assert [p.name for p in target.iterdir()] == ["b"]
    with pytest.raises(RuntimeError), atomic_directory(target) as part:
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["dir"]
    assert [p.name for p in target.iterdir()] == ["b"]


def test_tables_are_sorted_in_c_order_and_read_back(tmp_path):
    table = {"b": "2 3", "B": "1", "a": ""}
    write_table(tmp_path / "t", table)
    assert (tmp_path / "t").read_text() == "B 1\na\nb 2 3\n"
    assert read_table(tmp_path / "t") == table


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a 1\na 2\n", "t:2: duplicate key a"),
        (b"a 1\n\n", "t:2: empty line"),
        (b"a \xff\n", "not UTF-8"),
    ],
)
def test_a_bad_table_is_named_by_file_and_line(tmp_path, content, message):
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "t")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such file"):
        list(read_lines(tmp_path / "nowhere"))


def test_only_a_directory_of_its_kind_may_be_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    for place in ("mine", "new"):
        check_replaceable(tmp_path / place, "a", "b")
    (tmp_path / "mine/a").touch()
    with pytest.raises(InputError, match="name another place"):
        check_replaceable(tmp_path / "mine", "a", "b")
    with pytest.raises(InputError, match="name another place"):
        check_replaceable(tmp_path / "mine/a", "a", "b")
    (tmp_path / "mine/b").touch()
    check_replaceable(tmp_path / "mine", "a", "b")


TEXT = "a für\nb don’t\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.replace("\n", "\r\n").encode("utf-16"),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("b", "\ufeffb").encode(),
        TEXT.removesuffix("\n").encode(),
    ],
)
def test_marks_and_line_ends(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "text").write_bytes(content)
    assert read_table(tmp_path / "text") == {"a": "für", "b": "don’t"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a b\nc don’t\n".encode("cp1252"), r":2: not UTF-8 text, perhaps cp1252 \(byte 0x92"),
        ("a 今天天气很好我们去公园\n".encode("gb18030"), ":1: not UTF-8 text, perhaps gb"),
        ("a b\n".encode("utf-16-le"), ":1: not text: it holds NUL bytes"),
        (b"\xff\xfea", "damaged utf-16"),
    ],
)
def test_other_bytes_are_refused_by_line_and_guess(tmp_path, content, message) -> None:
    (tmp_path / "text").write_bytes(content)
    for read in (read_table, read_text, read_json, read_yaml):
        with pytest.raises(InputError, match=message):
            read(tmp_path / "text")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON, or cut short"),
        ('{"a": 1, "a": 2}', "key 'a' stands twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "lacks b"),
        ('{"a": 1}', "lacks b"),
        ("9" * 5000, "not JSON"),
    ],
)
def test_json_that_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=rf"a\.json: .*{message}"):
        read_json(tmp_path / "a.json", ["b"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1\nb: 2", "line 2"),
        ("a: 1\na: 2\n", "key a stands twice.*line 1"),
        ("splits: {no: 1}\n", "key no is not text: put it in quotes.*line 1"),
        ("2026: x\n", "key 2026 is not text"),
        ("\ta: 1\n", "line 1"),
        ("a: !!python/object/apply:os.system [id]\n", "could not determine a constructor"),
        ("a: &a [x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}, *{p}, *{p}, *{p}]\n"
         for p, c in zip("abcdefghi", "bcdefghij", strict=True)), "unfold to more than"),
        ("[" * 5000, "nested too deeply"),
        ("a: *b\n", "undefined alias"),
        ("a: 2026-99-99\n", "not YAML"),
    ],
)  # fmt: skip
def test_yaml_that_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(InputError, match=rf"a\.yaml: .*{message}"):
        read_yaml(tmp_path / "a.yaml")


def test_quoted_keys_and_aliases_are_plain_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("'no': &x [1]\nb: *x\n")
    assert read_yaml(tmp_path / "a.yaml") == {"no": [1], "b": [1]}


def test_a_text_keeps_its_last_newline_or_its_lack(tmp_path: Path) -> None:
    for content in ("a\nb\n", "a\nb", "", "\n"):
        (tmp_path / "a").write_text(content)
        assert read_text(tmp_path / "a") == content


def test_odd_characters_are_shown_escaped_and_long_text_is_cut() -> None:
    assert shown("a\u200b\x1b[31mb\n") == r"a\u200b\x1b[31mb\n"
    assert shown("für") == "für"
    assert len(shown("x" * 10_000)) < 100
