"""Stage new_corpus: a first manifest by looking at a table, which is as good as what it saw."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pyscorer.corpora.column_guesses import guess_columns, plausible_scale
from pyscorer.corpora.manifests import load_manifest
from pyscorer.corpora.new_corpus import NewCorpusOptions, new_corpus
from pyscorer.errors import InputError

TABLE = """File name,Speaker ID,sentence,question,Fluency,Overall,verdict,age,sex,note
a/1.wav,s1,The dog ran,Say it,3,70,yes,12,f,x
a/2.wav,s2,The dog ran,Say it,4.5,40,no,,m,y
a/3.wav,s3,The dog,Say that,2,55.5,,30,m,y
"""


def written(folder: Path, table: str = TABLE, name: str = "my.csv") -> dict[str, Any]:
    (folder / name).write_text(table)
    out = folder / "manifests" / "my.yaml"
    new_corpus(table=folder / name, out=out)
    content: dict[str, Any] = yaml.safe_load(out.read_text())
    return content


def guessed(*lines: str, folder: Path = Path("nowhere")):
    header, *rows = (line.split(",") for line in lines)
    return guess_columns([dict(zip(header, row, strict=True)) for row in rows], folder)


def test_a_manifest_is_written_that_says_what_each_column_is(tmp_path, capsys):
    assert written(tmp_path) == {
        "name": "my",
        "folder": "..",
        "table": "my.csv",
        "columns": {
            **{"audio": "File name", "age": "age", "gender": "sex", "speaker": "Speaker ID"},
            **{"text": "sentence", "prompt": "question"},
        },
        "splits": {"train": {"speakers": 0.8}, "test": {"speakers": "rest"}},
        "scores": {
            "fluency": {"column": "Fluency", "range": [1, 5]},
            "overall": {"column": "Overall", "range": [0, 100]},
        },
        "overall": "overall",
        "classes": {
            **{"kind": "accepted", "column": "verdict"},
            **{"accepted": ["yes"], "rejected": ["no"]},
        },
    }
    manifest = load_manifest("my", tmp_path / "manifests")
    assert manifest.missing(Path()) == [] and manifest.scales.overall == "overall"
    said = capsys.readouterr().out
    assert "sentence: text\n" in said and "note: not taken for anything\n" in said
    assert "Fluency: score fluency, on a scale of 1 to 5 (there are 2 to 4.5)" in said
    text = (tmp_path / "manifests/my.yaml").read_text()
    assert "# CHECK: 3 of 3 files are not there, first a/1.wav" in text
    assert "# Not taken for anything: note" in text


def test_a_manifest_that_is_there_stays_as_it_is(tmp_path):
    written(tmp_path)
    before = (tmp_path / "manifests/my.yaml").read_bytes()
    with pytest.raises(InputError, match=r"my.yaml: is there already"):
        written(tmp_path, TABLE.replace("sentence", "text"))
    assert (tmp_path / "manifests/my.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [
        (0, 1, (0, 1)),
        (1, 4, (1, 5)),
        (0, 4, (0, 5)),
        (2.5, 9, (0, 10)),
        (1, 99, (0, 100)),
        (-2.5, 3, (-3, 3)),
        (100, 120.5, (100, 121)),
    ],
)
def test_ranges_are_the_narrowest_usual_scale(low, high, scale):
    assert plausible_scale(low, high) == scale


def test_splits_are_named_train_and_test():
    found = guessed("wav,speaker,text,set", "a.wav,s,x,Training", "b.wav,t,x,TEST", "c.wav,u,x,dev")
    assert found.splits == {"train": "Training", "test": "TEST", "dev": "dev"}
    assert "splits" not in found.unsure
    found = guessed("wav,text,fold", "a.wav,x,1", "b.wav,x,2")
    assert found.splits == {"1": "1", "2": "2"} and "train and test" in found.unsure["splits"]


@pytest.mark.parametrize(
    ("column", "cells", "classes"),
    [
        (
            "Judgement",
            ["correct", "incorrect", "correct"],
            {"kind": "accepted", "accepted": ["correct"], "rejected": ["incorrect"]},
        ),
        ("CEFR", ["B1", "A2", "C1"], {"kind": "levels", "levels": ["A2", "B1", "C1"]}),
        (
            "grade",
            ["band 3", "band 10", "band 2"],
            {"kind": "levels", "levels": ["band 2", "band 3", "band 10"]},
        ),
    ],
)
def test_labels_of_two_values_or_of_a_few_that_have_an_order(column, cells, classes):
    rows = [f"{i}.wav,go,{cell}" for i, cell in enumerate(cells)]
    found = guessed(f"audio,text,{column}", *rows)
    assert found.classes == classes | {"column": column} and found.scores == {}


def test_language_and_meaning_are_two_columns_of_one_judgement():
    found = guessed(
        "wav,prompt,language,meaning", "a.wav,p,correct,incorrect", "b.wav,p,incorrect,correct"
    )
    assert found.classes == {
        **{"kind": "language_meaning", "language": "language", "meaning": "meaning"},
        **{"correct": ["correct"], "incorrect": ["incorrect"]},
    }


def test_what_the_table_does_not_tell_is_marked(tmp_path):
    found = guessed("clip,mark", "a,3", "b,4")
    assert set(found.unsure) == {"audio", "speaker", "text"}
    written(tmp_path, "clip,mark\na,3\nb,4\n")
    text = (tmp_path / "manifests/my.yaml").read_text()
    assert all(f"# {name}:  # CHECK: no column" in text for name in found.unsure)
    assert "# speaker:  # CHECK: no column of speakers: every utterance is one of its own" in text


def test_numbers_that_count_the_rows_are_no_scores():
    rows = [f"{i}.wav,go,{i}" for i in range(12)]
    assert guessed("wav,text,number", *rows).left == ["number"]


def test_kaldi_directories_are_named(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "kaldi" / split).mkdir(parents=True)
        (tmp_path / "kaldi" / split / "wav.scp").write_text("a a.wav\n")
    new_corpus(data=tmp_path / "kaldi", out=tmp_path / "kaldi.yaml")
    manifest = load_manifest("kaldi", tmp_path)
    assert manifest.own and manifest.own.data == {"test": "test", "train": "train"}
    assert manifest.place(Path()) == tmp_path / "kaldi" and list(manifest.splits) == [
        "test",
        "train",
    ]
    new_corpus(
        *(None, tmp_path / "kaldi/train", tmp_path / "one.yaml"), NewCorpusOptions(name="one")
    )
    one = load_manifest("one", tmp_path)
    assert one.own and one.own.data == {"": "."} and list(one.splits) == ["train", "test"]
    with pytest.raises(InputError, match="no Kaldi data directory"):
        new_corpus(data=tmp_path / "kaldi/train/x", out=tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--table or --data"),
        ({"table": Path("my.csv"), "out": Path("your.yaml")}, r"corpus my is called my.yaml"),
        ({"table": Path("my.csv"), "options": NewCorpusOptions(name="A b")}, "small letters"),
        ({"table": Path("absent.csv")}, "no such file"),
    ],
)
def test_what_cannot_be(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        new_corpus(**options)
