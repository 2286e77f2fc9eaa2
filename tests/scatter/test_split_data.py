"""A corpus in parts of whole speakers, and together again."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscorer.contract.datadir import DataDir, Span, Utterance, read_data_dir, write_data_dir
from pyscorer.contract.files import read_table, write_table
from pyscorer.errors import InputError
from pyscorer.scatter.gather import gather
from pyscorer.scatter.split_data import deal, split_data


def a_corpus(path: Path, speakers: int = 5) -> Path:
    """Speakers S0, S1, ... with one utterance, two, ...: labels, canonical phones and a lexicon."""
    data = DataDir()
    for s in range(speakers):
        for u in range(s + 1):
            key, words = f"S{s}-{u}", ("GO", "ON")
            canonical = (("G", "OW"), ("AA", "N"))
            data.utterances[key] = Utterance(key, f"S{s}", Path(f"/a/{key}.wav"), words, canonical)
        data.speakers[f"S{s}"] = {"age": str(20 + s)}
    path.mkdir()
    write_data_dir(path, data)
    (path / "lexicon.txt").write_text("GO G OW\nON AA N\nON AO N\n")
    (path / "scales.json").write_text("{}")
    rows = [f'{key},5,"a, b"\n' for key in data.utterances]
    (path / "utterance_scores.csv").write_text("utterance,total,note\n" + "".join(rows))
    return path


def split(data: Path, parts: int) -> list[Path]:
    folders = [data.with_name(f"{data.name}@{part}of{parts}") for part in range(1, parts + 1)]
    for part, folder in enumerate(folders, 1):
        split_data(data, folder, part, parts)
    return folders


@settings(deadline=None)
@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(1, 50), min_size=1),
    st.integers(1, 9),
)
def test_every_speaker_is_dealt_once_and_parts_are_balanced(utterances, parts):
    dealt = deal(utterances, parts)
    assert dealt.keys() == utterances.keys()
    loads = [sum(utterances[s] for s in dealt if dealt[s] == p) for p in range(1, parts + 1)]
    assert sum(loads) == sum(utterances.values())  # none in a part beyond
    assert max(loads) - min(loads) <= max(utterances.values())
    assert len(utterances) < parts or min(loads) > 0
    assert deal(dict(reversed(utterances.items())), parts) == dealt


def test_who_says_most_is_dealt_first():
    assert deal({"a": 1, "b": 2, "c": 4, "d": 3}, 2) == {"c": 1, "d": 2, "b": 2, "a": 1}


def test_a_part_is_a_data_directory_of_whole_speakers(tmp_path):
    first, second = split(a_corpus(tmp_path / "all"), 2)
    assert (first / "spk2utt").read_text() == "S0 S0-0\nS1 S1-0 S1-1\nS4 S4-0 S4-1 S4-2 S4-3 S4-4\n"
    assert {u.speaker for u in read_data_dir(second).utterances.values()} == {"S2", "S3"}
    assert read_data_dir(second).speakers == {"S2": {"age": "22"}, "S3": {"age": "23"}}
    assert read_data_dir(second).utterances["S2-0"].canonical == (("G", "OW"), ("AA", "N"))
    assert (second / "utterance_scores.csv").read_text().splitlines()[:2] == [
        "utterance,total,note",
        'S2-0,5,"a, b"',
    ]
    assert (second / "lexicon.txt").read_text() == (first / "lexicon.txt").read_text()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 5))
def test_the_parts_together_are_the_whole(tmp_path_factory, parts):
    data = a_corpus(tmp_path_factory.mktemp("corpus") / "all")
    gather(split(data, parts), data.with_name("again"))
    files = sorted(path.name for path in data.iterdir())
    assert sorted(path.name for path in data.with_name("again").iterdir()) == files
    for name in files:
        assert (data.with_name("again") / name).read_bytes() == (data / name).read_bytes(), name


def test_a_recording_is_in_each_part_that_has_an_utterance_of_it(tmp_path):
    data = DataDir()
    for key, speaker, recording in (("a1", "a", "both"), ("b1", "b", "both"), ("b2", "b", "b1")):
        span = Span(recording, 0, 1)
        data.utterances[key] = Utterance(
            key, speaker, Path(f"/{recording}.wav"), ("GO",), span=span
        )
    (tmp_path / "all").mkdir()
    write_data_dir(tmp_path / "all", data)
    parts = split(tmp_path / "all", 2)
    assert [(p / "wav.scp").read_text() for p in parts] == [
        "b1 /b1.wav\nboth /both.wav\n",
        "both /both.wav\n",
    ]
    gather(parts, tmp_path / "again")
    assert (tmp_path / "again" / "wav.scp").read_text() == "b1 /b1.wav\nboth /both.wav\n"


def test_a_relative_path_is_of_the_whole_directory(tmp_path):
    data = a_corpus(tmp_path / "all", speakers=1)
    (data / "here.wav").touch()
    write_table(data / "wav.scp", {"S0-0": "here.wav"})
    (part,) = split(data, 1)
    assert read_table(part / "wav.scp") == {"S0-0": str(data / "here.wav")}


def test_more_parts_than_speakers_are_refused(tmp_path):
    with pytest.raises(InputError, match="utt2spk: 2 speakers for 3 parts: lower `shards`"):
        split_data(a_corpus(tmp_path / "all", 2), tmp_path / "part", 1, 3)
    with pytest.raises(InputError, match="part 4 of 3: parts are numbered from 1"):
        split_data(tmp_path / "all", tmp_path / "part", 4, 3)


@pytest.mark.parametrize("name", ["text", "utterance_scores.csv", "canonical", "spk2age"])
def test_a_line_of_nobody_is_named(name, tmp_path):
    data = a_corpus(tmp_path / "all", 2)
    with (data / name).open("a") as stream:
        stream.write("nobody.0,1,x\n" if name.endswith("csv") else "nobody.0 1\n")
    lines = len((data / name).read_text().splitlines())
    with pytest.raises(InputError, match=rf"{name}:{lines}: nobody.0 is of no utterance"):
        split_data(data, tmp_path / "part", 1, 2)
    assert not (tmp_path / "part").exists()
