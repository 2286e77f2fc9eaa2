"""docs/own-corpus.md does what it says: its commands, in their order, on a small made corpus."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pyscorer.contract.datadir import read_data_dir, read_labels
from pyscorer.corpora.manifests import load_manifest
from pyscorer.corpora.sample import SampleOptions, generate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-corpus.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
COMMANDS = [command for kind, block in BLOCKS if kind == "sh" for command in block.splitlines()]
(FILE,) = (block for kind, block in BLOCKS if kind == "yaml" and block.startswith("# my.yaml"))
NEW = "S007U001"
"""The recording that is the new one: a clear one, as so small an acoustic model knows little."""
(TABLE,) = (block for kind, block in BLOCKS if kind == "csv")


def recordings(folder: Path) -> dict[str, str]:
    """The corpus that the page begins with, in `folder`, with the columns that it shows; texts."""
    made = folder.parent / "made"
    generate(made, SampleOptions(speakers=21, natives=2, utterances=6), jobs=1)
    columns = next(csv.reader([TABLE.splitlines()[0]]))
    texts = {}
    folder.mkdir()
    with (folder / "lessons.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        for split in ("train", "test"):
            data = read_data_dir(made / split)
            scores = read_labels(made / split, "utterance").set_index("utterance")
            for key, u in data.utterances.items():
                (folder / "wav").mkdir(exist_ok=True)
                shutil.copy(made / u.audio, folder / "wav" / f"{key}.wav")
                known, own = data.speakers[u.speaker], scores.loc[key]
                texts[key] = " ".join(u.words).capitalize()
                row = {"file": f"wav/{key}.wav", "speaker": u.speaker, "text": f"{texts[key]}."}
                row |= {"age": known["age"], "sex": known["gender"]}
                row |= {"fluency": 1 + round(0.4 * own["fluency"], 1), "overall": 10 * own["total"]}
                table.writerow(row)
    return texts


@pytest.mark.slow
def test_every_command_of_the_page_works(tmp_path):
    texts = recordings(tmp_path / "recordings")
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYSCORER_CORPORA", None)
    folder, said = tmp_path, {}
    for command in COMMANDS:
        if command.startswith("cd "):
            folder /= command.removeprefix("cd ")
            (folder / "my.yaml").write_text(FILE)
            shutil.copy(folder / f"recordings/wav/{NEW}.wav", folder / "new.wav")
            continue
        done = subprocess.run(
            *(command,), shell=True, cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        said[command.split()[1]] = done.stdout
    assert texts[NEW] in COMMANDS[-1], "the page scores another recording"
    assert (folder / "results/lessons/report.html").stat().st_size > 10_000
    assert "text: text\n" in said["new_corpus"] and "sex: gender\n" in said["new_corpus"]
    assert "overall: score overall, on a scale of 0 to 100" in said["new_corpus"]
    assert re.search(r"\d", said["score"])


def test_the_manifest_that_the_page_shows_is_the_one_that_is_written(tmp_path):
    shown = next(block for kind, block in BLOCKS if kind == "yaml" and block.startswith("scores:"))
    keys = {"name": "x", "table": "x.csv", "columns": {"audio": "file", "text": "text"}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(keys) + shown)
    assert load_manifest("x", tmp_path).scales.overall == "overall"


@pytest.mark.parametrize("block", [b for k, b in BLOCKS if k == "yaml" and "classes:" in b])
def test_classes_and_tables_that_the_page_shows_are_valid(tmp_path, block):
    keys = {"name": "x", "table": "x.csv", "columns": {"audio": "file"}, "splits": {"train": {}}}
    keys["scores"] = {a: {"column": a, "range": [0, 10]} for a in ("total", "fluency")}
    for line in block.splitlines():
        if line.startswith("classes:"):
            (tmp_path / "x.yaml").write_text(yaml.safe_dump(keys) + line + "\n")
            assert load_manifest("x", tmp_path).classes


def test_tables_of_words_phones_and_raters_that_the_page_shows_are_valid(tmp_path):
    block = next(b for k, b in BLOCKS if k == "yaml" and b.startswith("words:"))
    keys = {"name": "x", "table": "x.csv", "columns": {"audio": "file"}, "splits": {"train": {}}}
    keys["scores"] = {"fluency": {"column": "flu", "range": [1, 5]}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(keys) + block)
    own = load_manifest("x", tmp_path).own
    assert own and list(own.tables) == ["word", "phone", "rater"]
    assert own.tables["rater"].scores == {"fluency": "flu"} and own.tables["word"].first_index == 1


def test_the_manifest_of_acceptance_is_the_one_that_the_page_shows():
    block = next(b for k, b in BLOCKS if k == "yaml" and "base: speechocean762" in b)
    manifests = PAGE.parents[1] / "data_manifests"
    real = yaml.safe_load((manifests / "speechocean762_acceptance.yaml").read_text())
    assert yaml.safe_load(block).items() <= real.items()
