import pytest

from pyscorer.contract.files import (
    atomic_directory,
    atomic_open,
    atomic_path,
    check_replaceable,
    read_lines,
    read_table,
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
