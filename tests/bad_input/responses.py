"""Responses that are recordings: data directories with prompts, classes and transcripts."""

from pathlib import Path

from bad_input import command, tried
from made_spoken import make_spoken, write_grammar_table

from pyscorer.contract.classes import ACCEPTED

KIND = "I. own data"
SPEAKERS = {"train": 3, "test": 2}


def prepare(*more: str) -> str:
    """Run prepare_responses on the folder's directories."""
    folders = []
    for split in SPEAKERS:
        folders += [f"--{split}-data", f"data/{split}", f"--{split}-decoded", f"decode/{split}"]
    return command("prepare_responses", "--out", "out", "--folds", "2", *folders, *more)


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def row(given: str):
    """A row of the table, whose function changes the made directories before they are read."""

    def take(change):
        def run(folder: Path) -> str:
            make_spoken(folder, ACCEPTED, SPEAKERS, each=6)
            return prepare(*(change(folder) or ()))

        tried(KIND, given)(run)
        return change

    return take


@row("a response of a class that is none")
def other_class(folder):
    edit(folder / "data/train/response_labels.csv", ",accepted", ",Accepted!")


@row("a prompt that the grammar lacks")
def other_prompt(folder):
    write_grammar_table(folder / "grammar.csv")
    edit(folder / "data/test/prompts", "Ask for soup", "Ask for some soup")
    return "--grammar", "grammar.csv"


@row("a test speaker who is also in train")
def speaker_in_both(folder):
    edit(folder / "data/test/utt2spk", " test00", " train00")


@row("a speaker whom the acoustic model has heard")
def known_speaker(folder):
    (folder / "native").mkdir()
    (folder / "native/utt2spk").write_text("n1 test01\n")
    return "--acoustic-data", "native"


@row("a folder of what was heard that lacks a response")
def undecoded(folder):
    lines = (folder / "decode/test/hyp.text").read_text().splitlines(keepends=True)
    (folder / "decode/test/hyp.text").write_text("".join(lines[1:]))


@row("a response without a prompt")
def no_prompt(folder):
    lines = (folder / "data/train/prompts").read_text().splitlines(keepends=True)
    (folder / "data/train/prompts").write_text("".join(lines[1:]))


@row("a judged response that the data directory lacks")
def unknown_response(folder):
    edit(folder / "data/train/response_labels.csv", "train00-00,", "train99-00,")


@row("test responses with other classes than those of train")
def other_classes(folder):
    edit(folder / "data/test/classes.json", '"kind": "accepted"', '"kind": "levels"')


@row("a grammar without a column of responses")
def no_responses(folder):
    (folder / "grammar.csv").write_text("prompt,answer\nAsk for tea,a tea please\n")
    return "--grammar", "grammar.csv"
