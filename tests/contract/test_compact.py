"""Tables in little memory are as dicts in all but that."""

import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscorer.contract.archives import Matrices
from pyscorer.contract.compact import (
    Numbers,
    SortedTable,
    compact_table,
    read_large_table,
    sorted_table,
)
from pyscorer.contract.files import write_table
from pyscorer.errors import InputError

WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)


@settings(deadline=None)
@given(st.dictionaries(WORDS, st.one_of(st.just(""), WORDS)), st.lists(WORDS))
def test_it_is_the_dict_of_its_entries(entries, others):
    table = sorted_table(sorted(entries.items()))
    assert dict(table) == entries and list(table) == sorted(entries)
    for key in (*others, *entries, *sorted(entries, reverse=True)):
        assert table.get(key) == entries.get(key)
        assert (key in table) == (key in entries)


@pytest.mark.parametrize("keys", ["ba", "aa", "abcb"])
def test_keys_out_of_order_make_no_table(keys):
    assert sorted_table((key, "") for key in keys) is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "1", "x/y", "a:2"]))))
def test_a_table_takes_entries_in_any_order_and_joins_those_of_a_key(entries):
    wanted: dict[str, str] = {}
    for key, value in entries:
        wanted[key] = f"{wanted[key]} {value}" if key in wanted else value
    table = compact_table(entries, between=" ")
    assert dict(table) == wanted
    keys = [key for key, _ in entries]
    assert isinstance(table, SortedTable) == (keys == sorted(set(keys)))


def test_tables_of_the_same_keys_hold_them_once():
    one, two, other = (sorted_table((key, "") for key in keys) for keys in ("ab", "ab", "ac"))
    assert one.keys_in_order is two.keys_in_order
    assert one.keys_in_order is not other.keys_in_order and list(other) == ["a", "c"]
    again = sorted_table((key, "") for key in "ac")
    assert again.keys_in_order is other.keys_in_order


def test_numbers_are_found_and_changed_by_key():
    numbers = Numbers(sorted_table([("a", ""), ("b", "")]), [1, 2])
    numbers["b"] = 5
    assert dict(numbers) == {"a": 1, "b": 5} and len(numbers) == 2
    with pytest.raises(KeyError):
        numbers["c"]


def test_a_file_in_no_order_is_read_as_a_dict(tmp_path):
    (tmp_path / "text").write_text("b 1 2\na\t3\n")
    assert read_large_table(tmp_path / "text") == {"b": "1 2", "a": "3"}
    (tmp_path / "text").write_text("a 1\na 2\n")
    with pytest.raises(InputError, match="text:2: duplicate key a"):
        read_large_table(tmp_path / "text")


def test_an_index_takes_fewer_than_a_hundred_bytes_an_utterance(tmp_path):
    lines = {f"speaker{i:06d}-utterance{i:06d}": f"work/mfcc13/c/train@{1 + i % 7}of7/feats.ark:{i}"
             for i in range(20_000)}  # fmt: skip
    write_table(tmp_path / "feats.scp", lines)
    tracemalloc.start()
    matrices = Matrices(tmp_path / "feats.scp")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert dict(matrices.index) == lines
    assert used / len(lines) < 100 < sys.getsizeof("") + sys.getsizeof(next(iter(lines)))
