"""Kaldi tables with faults, line by line."""

import tracemalloc
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyscorer.contract.compact import SortedTable
from pyscorer.contract.files import write_table
from pyscorer.corpora.faults import check_canonical, check_tables
from pyscorer.corpora.raw_tables import Fault, entries_in_order, read_raw_table


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.sampled_from(["a 1", "b 2", "c", "", "b 3", "d\t4"])))
def test_of_a_key_the_first_line_counts_in_whatever_order_they_are(tmp_path: Path, lines):
    path = tmp_path / "text"
    path.write_text("".join(f"{line}\n" for line in lines))
    faults: list[Fault] = []
    table = read_raw_table(path, True, faults)
    numbered = [(n, line.replace("\t", " ").split(" ")[0]) for n, line in enumerate(lines, 1)]
    first = {key: number for number, key in reversed(numbered) if key}
    assert dict(table.lines) == first and table.values.keys() == first.keys()
    assert all(table.values[k] == lines[n - 1][1:].strip() for k, n in first.items())
    assert [*entries_in_order(path)] == sorted(table.values.items())
    duplicate = [(f.line, f.fault) for f in faults if f.fault.startswith("duplicate")]
    assert duplicate == [
        (number, f"duplicate id {key}, first on line {first[key]}")
        for number, key in numbered
        if key and number > first[key]
    ]
    seen = list(dict.fromkeys(key for _, key in numbered if key))
    assert isinstance(table.values, SortedTable) == (seen == sorted(seen))


def test_a_sorted_corpus_takes_fewer_than_three_hundred_bytes_an_utterance(tmp_path: Path):
    keys = [f"speaker{i // 20:05d}-utterance{i:06d}" for i in range(5000)]
    of_speaker: dict[str, str] = {}
    for key in keys:
        of_speaker[key[:12]] = f"{of_speaker.get(key[:12], '')} {key}".strip()
    tables = {
        "text": dict.fromkeys(keys, "MARK IS GOING TO SEE"),
        "wav.scp": {key: f"/corpora/c/{key[:12]}/{key[13:]}.wav" for key in keys},
        "utt2spk": {key: key[:12] for key in keys},
        "spk2utt": of_speaker,
        "canonical": {f"{key}.{word}": "G OW IH NG" for key in keys for word in range(5)},
    }
    for name, table in tables.items():
        write_table(tmp_path / name, table)
    faults: list[Fault] = []
    tracemalloc.start()
    found = check_tables(tmp_path, faults)
    canonical = check_canonical(tmp_path, found["text"], faults)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not faults and canonical[keys[7]] == dict.fromkeys(range(5), ("G", "OW", "IH", "NG"))
    assert most / len(keys) < 300
