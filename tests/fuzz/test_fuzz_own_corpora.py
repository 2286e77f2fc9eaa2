"""Spoiled manifests, tables and TextGrids of corpora: an answer or an InputError, nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from mutations import fresh, fuzz, mutated, survives

from pyscorer.corpora.l2arctic import read as read_l2arctic
from pyscorer.corpora.new_corpus import new_corpus
from pyscorer.corpora.prepare import PrepareOptions, prepare
from pyscorer.errors import InputError

Factory = pytest.TempPathFactory

TABLE = (
    "file,who,set,said,asked,from,to,ch,flu,ok,years,sex\n"
    "a.wav,Ann,train,The dog ran,Say it,0,1.5,1,4,yes,12,f\n"
    "b.wav,Bob,test,The dog,Say é,0,-1,2,2.5,no,40,m\n"
).encode()
WORDS = (
    b"utterance,word_index,word,acc\na-0000000-0000150-ch1,0,THE,4\na-0000000-0000150-ch1,1,DOG,\n"
)
MANIFEST = b"""name: mine
table: my.csv
columns: {audio: file, speaker: who, split: set, text: said, prompt: asked, age: years, gender: sex,
  start: from, end: to, channel: ch}
splits: {train: {from: train, speakers: rest}, test: {from: [test], speakers: [Bob]}}
scores: {fluency: {column: flu, range: [1, 5]}}
words: {table: words.csv, scores: {accuracy: {column: acc, range: [0, 10]}}}
classes: {kind: accepted, column: ok, accepted: ["yes"], rejected: ["no"]}
child_below: 13
"""
GRID = b"""File type = "ooTextFile"
Object class = "TextGrid"

0
0.5
<exists>
2
"IntervalTier"
"words"
0
0.5
1
0
0.5
"go"
"IntervalTier"
"phones"
0
0.5
2
0
0.2
"G,K,s"
0.2
0.5
"OW1"
"""


def corpus(folder: Path, **changes: bytes) -> None:
    files = {"my__csv": TABLE, "words__csv": WORDS, "mine__yaml": MANIFEST} | changes
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)


def prepared(folder: Path) -> None:
    options = PrepareOptions(manifests=folder)
    survives(lambda: prepare("mine", "train", folder / "out", options, folder))


def test_what_is_spoiled_is_whole_at_first(tmp_path: Path) -> None:
    corpus(tmp_path)
    prepare("mine", "train", tmp_path / "out", PrepareOptions(manifests=tmp_path), tmp_path)
    assert (tmp_path / "out/word_scores.csv").read_text().count("\n") == 4
    (tmp_path / "ABA/transcript").mkdir(parents=True)
    (tmp_path / "ABA/transcript/x.txt").write_text("go")
    (tmp_path / "ABA/annotation").mkdir()
    (tmp_path / "ABA/annotation/x.TextGrid").write_bytes(GRID)
    assert len(read_l2arctic(tmp_path, "all").labels["phone"]) == 2


@fuzz
@given(mutated(MANIFEST))
def test_manifests(tmp_path_factory: Factory, content: bytes) -> None:
    folder = fresh(tmp_path_factory)
    corpus(folder, mine__yaml=content)
    prepared(folder)


@fuzz
@given(mutated(TABLE))
def test_tables(tmp_path_factory: Factory, content: bytes) -> None:
    folder = fresh(tmp_path_factory)
    corpus(folder, my__csv=content)
    prepared(folder)
    found = survives(lambda: new_corpus(table=folder / "my.csv", out=folder / "new/my.yaml"))
    if not isinstance(found, InputError):
        assert (folder / "new/my.yaml").exists()


@fuzz
@given(mutated(WORDS))
def test_tables_of_words(tmp_path_factory: Factory, content: bytes) -> None:
    folder = fresh(tmp_path_factory)
    corpus(folder, words__csv=content)
    prepared(folder)


@fuzz
@given(mutated(GRID))
def test_annotations(tmp_path_factory: Factory, content: bytes) -> None:
    folder = fresh(tmp_path_factory)
    for name in ("transcript/x.txt", "annotation/x.TextGrid"):
        (folder / "ABA" / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "ABA/transcript/x.txt").write_text("go")
    (folder / "ABA/annotation/x.TextGrid").write_bytes(content)
    survives(lambda: read_l2arctic(folder, "all"))
