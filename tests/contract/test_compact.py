"""Tables in little memory are as dicts in all but that."""

import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscorer.contract.archives import Matrices
from pyscorer.contract.compact import read_large_table, sorted_table
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
