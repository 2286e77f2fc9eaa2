"""Anyone's own corpus by a manifest: kind N."""

import math
import struct
import wave
from pathlib import Path

from bad_input import command, tried

KIND = "M. own corpora"
TABLE = """file,who,set,said,asked,flu,ok
a.wav,Ann,train,The dog ran,Say it,4,yes
b.wav,Bob,test,The dog ran,Say it,2,no
"""
MANIFEST = """name: mine
table: my.csv
columns: {audio: file, speaker: who, split: set, text: said, prompt: asked}
splits: {train: {}, test: {}}
scores: {fluency: {column: flu, range: [1, 5]}}
classes: {kind: accepted, column: ok, accepted: ["yes"], rejected: ["no"]}
"""


def tone(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        samples = (int(9000 * math.sin(i / 7)) for i in range(16000))
        file.writeframes(b"".join(struct.pack("<h", s) for s in samples))


def corpus(folder: Path, *changes: tuple[str, str]) -> None:
    """The corpus with texts of its table and its manifest replaced."""
    table, manifest = TABLE, MANIFEST
    for old, new in changes:
        assert old in table or old in manifest
        table, manifest = table.replace(old, new), manifest.replace(old, new)
    (folder / "my.csv").write_text(table, encoding="utf-8")
    (folder / "mine.yaml").write_text(manifest, encoding="utf-8")
    for name in ("a.wav", "b.wav"):
        tone(folder / name)


def prepared(folder: Path, *changes: tuple[str, str]) -> str:
    corpus(folder, *changes)
    return prepare()


def prepare() -> str:
    said = command(
        *("prepare", "--corpus", "mine", "--split", "train", "--out", "out", "--manifests", "."),
        *("--root", "corpora"),
    )
    return said.splitlines()[1]


def validated() -> str:
    prepare()
    said = command(
        *("validate", "--data", "out", "--lexicon", "out/lexicon.txt", "--out", "valid"),
        *("--report", "report.csv"),
    )
    return "\n".join(line for line in said.splitlines() if "audio:" not in line)


@tried(KIND, "a table without the column that the manifest names for audio")
def no_audio_column(folder: Path) -> str:
    return prepared(folder, ("file,who", "path,who"))


@tried(KIND, "a table without the column of the labels")
def no_label_column(folder: Path) -> str:
    return prepared(folder, ("flu,ok", "flu,okay"))


@tried(KIND, "a manifest without a column for audio")
def no_audio_named(folder: Path) -> str:
    return prepared(folder, ("audio: file, ", ""))


@tried(KIND, "two rows for one utterance")
def row_twice(folder: Path) -> str:
    return prepared(folder, ("b.wav,Bob", "a.wav,Bob"))


@tried(KIND, "a label outside the declared set")
def other_label(folder: Path) -> str:
    return prepared(folder, ("4,yes", "4,perhaps"))


@tried(KIND, "a score out of the declared range, and one that is no number")
def out_of_range(folder: Path) -> str:
    return prepared(folder, ("4,yes", "7,yes"), ("2,no", "two,no"))


@tried(KIND, "a label that is not in quotes: `accepted: [yes]`, which YAML takes for true")
def yes_of_yaml(folder: Path) -> str:
    return prepared(folder, ('["yes"]', "[yes]"))


@tried(KIND, "a speaker in train and in test")
def in_both(folder: Path) -> str:
    return prepared(folder, ("b.wav,Bob", "b.wav,Ann"))


@tried(KIND, "the same, with `allow_speakers_in_both: true`")
def in_both_allowed(folder: Path) -> str:
    allowed = ("table: my.csv", "table: my.csv\nallow_speakers_in_both: true")
    return prepared(folder, ("b.wav,Bob", "b.wav,Ann"), allowed)


@tried(KIND, "a share of speakers that is nobody")
def no_share(folder: Path) -> str:
    return prepared(folder, ("{train: {}, test: {}}", "{train: {from: train, speakers: 0.1}}"))


@tried(KIND, "a row without a speaker, and one without a prompt")
def empty_cells(folder: Path) -> str:
    return prepared(folder, ("a.wav,Ann", "a.wav,"), ("Say it,2", ",2"))


@tried(KIND, "audio that does not decode")
def undecodable(folder: Path) -> str:
    corpus(folder)
    (folder / "a.wav").write_bytes(b"ID3 and then nothing")
    return validated()


@tried(KIND, "audio that is not there")
def absent(folder: Path) -> str:
    corpus(folder)
    (folder / "a.wav").unlink()
    return validated()


@tried(KIND, "a text with a sign that cannot be read aloud")
def unreadable_text(folder: Path) -> str:
    corpus(folder, ("train,The dog ran", "train,The dog 🙂 ran"))
    return validated()


@tried(KIND, "a table that is not there")
def no_table(folder: Path) -> str:
    corpus(folder)
    (folder / "my.csv").unlink()
    return prepare()


@tried(KIND, "a manifest with a key that belongs to published corpora")
def other_key(folder: Path) -> str:
    return prepared(folder, ("table: my.csv", "table: my.csv\nlabels: {}"))


@tried(KIND, "a manifest that is neither a reader's nor of a table")
def neither(folder: Path) -> str:
    return prepared(folder, ("table: my.csv\n", ""))


@tried(KIND, "new_corpus, with a manifest of that name there")
def there_already(folder: Path) -> str:
    corpus(folder)
    return command("new_corpus", "--table", "my.csv", "--out", "mine.yaml", "--name", "mine")


@tried(KIND, "new_corpus, of a table without rows")
def no_rows(folder: Path) -> str:
    (folder / "my.csv").write_text("file,text\n")
    return command("new_corpus", "--table", "my.csv", "--out", "my.yaml")
