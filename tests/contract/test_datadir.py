from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pyscorer.contract.datadir import (
    DataDir,
    Span,
    Utterance,
    read_data_dir,
    read_labels,
    read_wav,
    write_data_dir,
)
from pyscorer.contract.phones import strip_stress
from pyscorer.contract.scales import SPEECHOCEAN
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import read_lexicon, write_lexicon


def small():
    return DataDir(
        {
            "a1": Utterance("a1", "a", Path("a1.wav"), ("HI", "YOU"), (("HH", "AY"), ("Y", "UW"))),
            "b1": Utterance("b1", "b", Path("b1.wav"), ("NO",), (("N", "OW"),)),
        },
        {"a": {"age": "9", "gender": "f"}, "b": {"gender": "m"}},
    )


def test_a_data_directory_comes_back_as_written(tmp_path):
    write_data_dir(tmp_path, small())
    assert read_data_dir(tmp_path) == small()
    assert (tmp_path / "spk2utt").read_text() == "a a1\nb b1\n"


@pytest.mark.parametrize("name", ["wav.scp", "utt2spk"])
def test_an_utterance_that_a_file_lacks_is_named(tmp_path, name):
    write_data_dir(tmp_path, small())
    lines = (tmp_path / name).read_text().splitlines(keepends=True)
    (tmp_path / name).write_text(lines[0])
    with pytest.raises(InputError, match=f"{name}: lacks utterance b1"):
        read_data_dir(tmp_path)


def test_canonical_phones_must_cover_the_words(tmp_path):
    write_data_dir(tmp_path, small())
    (tmp_path / "canonical").write_text("a1.0 HH AY\nb1.0 N OW\n")
    with pytest.raises(InputError, match="a1: 1 words with phones, 2 words in text"):
        read_data_dir(tmp_path)


@pytest.mark.parametrize(("phone", "plain"), [("IY0", "IY"), ("IY0_E", "IY"), ("K_B", "K")])
def test_stress_and_position_are_stripped(phone, plain):
    assert strip_stress(phone) == plain


def test_variants_that_differ_only_in_stress_are_one(tmp_path):
    (tmp_path / "lexicon").write_text("A AH0\nA AH1\nA EY1\n")
    lexicon = read_lexicon(tmp_path / "lexicon")
    assert lexicon == {"A": [("AH",), ("EY",)]}
    write_lexicon(tmp_path / "again", lexicon)
    assert read_lexicon(tmp_path / "again") == lexicon


@pytest.mark.parametrize(("line", "fault"), [("HI", "no phones"), ("HI XX", "unknown phone XX")])
def test_a_bad_lexicon_line_is_named(tmp_path, line, fault):
    (tmp_path / "lexicon").write_text(f"A AH\n{line}\n")
    with pytest.raises(InputError, match=f"lexicon:2: HI: {fault}"):
        read_lexicon(tmp_path / "lexicon")


def test_an_empty_score_is_masked_and_the_word_null_is_a_word(tmp_path):
    (tmp_path / "word_scores.csv").write_text(
        "utterance,word_index,word,accuracy,stress,total\n0001,0,NULL,,10,7\n"
    )
    labels = read_labels(tmp_path, "word")
    assert labels.loc[0, "utterance"] == "0001" and labels.loc[0, "word"] == "NULL"
    assert pd.isna(labels.loc[0, "accuracy"]) and labels.loc[0, "total"] == 7
    with pytest.raises(InputError, match="no phone scores"):
        read_labels(tmp_path, "phone")


@pytest.mark.parametrize(
    "age, group",
    [
        ("6", "child"),
        ("15", "child"),
        ("16", "adult"),
        (None, "unknown"),
        ("?", "unknown"),
        ("\u00b2", "unknown"),
    ],
)
def test_age_groups(age: str | None, group: str) -> None:
    assert SPEECHOCEAN.age_group(age) == group


def spans():
    data = small()
    for key, start, end in (("a1", 0.0, 1.25), ("b1", 1.25, -1.0)):
        old = data.utterances[key]
        data.utterances[key] = replace(old, audio=Path("rec.flac"), span=Span("rec", start, end))
    return data


def test_stretches_of_recordings_come_back_as_written(tmp_path):
    write_data_dir(tmp_path, spans())
    assert read_data_dir(tmp_path) == spans()
    assert (tmp_path / "wav.scp").read_text() == "rec rec.flac\n"
    assert (tmp_path / "segments").read_text() == "a1 rec 0 1.25\nb1 rec 1.25 -1\n"


def test_an_utterance_or_recording_that_segments_lack_is_named(tmp_path):
    write_data_dir(tmp_path, spans())
    (tmp_path / "segments").write_text("a1 rec 0 1.25\n")
    with pytest.raises(InputError, match="segments: lacks utterance b1"):
        read_data_dir(tmp_path)
    (tmp_path / "segments").write_text("a1 rec 0 1.25\nb1 tape 0 1\n")
    with pytest.raises(InputError, match=r"segments: b1: recording tape is not in wav.scp"):
        read_data_dir(tmp_path)


def test_a_command_is_refused_when_it_is_to_be_read(tmp_path):
    write_data_dir(tmp_path, small())
    (tmp_path / "wav.scp").write_text("a1 sox a1.wav |\nb1 b1.wav\n")
    with pytest.raises(InputError, match=r"utterance a1: .*a command, not a file"):
        read_wav(read_data_dir(tmp_path).utterances["a1"])


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("a,7,10,6,8,11", ":2: a: total 11 is out of range 0..10"),
        ("a,7,10,6,8,x", ":2: a: total is 'x', not a number in 0..10"),
        ("a,7,10,6,8,7\na,7,10,6,8,7", ":3: a: duplicate row"),
        ("a,7,10,6,8", ":2: 5 cells where the header has 6"),
    ],
)
def test_a_bad_score_is_named_by_its_line(tmp_path: Path, row: str, fault: str) -> None:
    header = "utterance,accuracy,completeness,fluency,prosodic,total"
    (tmp_path / "utterance_scores.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(InputError, match=rf"utterance_scores\.csv{fault}"):
        read_labels(tmp_path, "utterance")


def test_scores_of_a_spreadsheet_and_an_aspect_that_its_table_lacks(tmp_path: Path) -> None:
    content = "sep=;\r\nutterance ;total\r\na;7,5\r\nb; \r\n;\r\n"
    (tmp_path / "utterance_scores.csv").write_bytes(content.encode("utf-16"))
    table = read_labels(tmp_path, "utterance").set_index("utterance")
    assert table["total"]["a"] == 7.5 and pd.isna(table["total"]["b"])
    assert table["fluency"].isna().all()


@pytest.mark.parametrize("line", ["a.x G OW", "a.0", "a.0 SIL", "a G", "a.0 <eps>"])
def test_canonical_phones_are_those_of_words(tmp_path: Path, line: str) -> None:
    for name, content in (("text", "a GO\n"), ("wav.scp", "a a.wav\n"), ("utt2spk", "a s\n")):
        (tmp_path / name).write_text(content)
    (tmp_path / "canonical").write_text(line + "\n")
    with pytest.raises(InputError, match=r"canonical: a"):
        read_data_dir(tmp_path)
