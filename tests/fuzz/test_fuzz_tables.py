"""Text, JSON, YAML, XML and tables that are spoiled: an answer or an InputError, nothing else."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from mutations import fresh, fuzz, mutated, survives

from pyscorer.contract.datadir import read_data_dir, read_labels
from pyscorer.contract.files import read_json, read_table, read_text, read_yaml
from pyscorer.contract.markup import read_xml
from pyscorer.contract.pooled import read_pooled, write_pooled
from pyscorer.contract.scales import SPEECHOCEAN
from pyscorer.contract.segments import PhoneSegment
from pyscorer.contract.tables import read_frame, read_rows
from pyscorer.corpora import speechocean762
from pyscorer.corpora.faults import check_canonical, check_labels, check_tables
from pyscorer.corpora.librispeech import read as read_librispeech
from pyscorer.corpora.manifests import load_manifest
from pyscorer.corpora.raw_tables import RawTable
from pyscorer.corpora.spoken_call import read_grammar, read_responses
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.proficiency.vectors import read_vectors
from pyscorer.recognition.language_model import read_arpa

Factory = pytest.TempPathFactory

TABLES = {
    "text": b"a1 GO YOU\na2 GO\n",
    "wav.scp": b"a1 a1.wav\na2 a2.wav\n",
    "utt2spk": b"a1 a\na2 a\n",
    "spk2utt": b"a a1 a2\n",
    "spk2age": b"a 12\n",
    "spk2gender": b"a f\n",
    "canonical": b"a1.0 G OW\na1.1 Y UW\na2.0 G OW\n",
}
LABELS = {
    "utterance": b"utterance,accuracy,completeness,fluency,prosodic,total\n"
    b"a1,7,10.0,6,8,7.5\na2,,10,9,,8\n",
    "word": b"utterance,word_index,word,accuracy,stress,total\na1,0,GO,7,10,8\na1,1,YOU,,5,6\n",
    "phone": b"utterance,word_index,phone_index,phone,accuracy\na1,0,0,G,2\na1,0,1,OW,1.8\n",
    "rater": b"utterance,rater,accuracy,completeness,fluency,prosodic,total\na1,0,7,10,6,8,7\n",
}
LEXICON = b"GO G OW\nYOU Y UW1\nYOU(2) y uh0\nTHE 0.7 DH AH\n;;; end\n!SIL SIL\n"
SCORES = {
    "a1": {
        "accuracy": 7, "completeness": 10.0, "fluency": 6, "prosodic": None, "total": "7.5",
        "words": [
            {"text": "GO", "accuracy": 7, "stress": 10, "total": 8, "phones-accuracy": [2, 1.8]},
            {"text": "YOU", "accuracy": 6, "total": 6, "phones-accuracy": None},
        ],
    }
}  # fmt: skip
RATERS = {"a1": {"total": [7, 8], "accuracy": [7, 7], "completeness": [1.0, 0.5]}}
GRAMMAR = (
    '<?xml version="1.0" encoding="ISO-8859-1"?>\n<grammar><prompt_unit><prompt>Frag: für</prompt>'
    "<translated_prompt>Ask for</translated_prompt><response>one ticket</response></prompt_unit>"
    "</grammar>\n"
).encode("latin-1")
RESPONSES = (
    'Id\tPrompt\tRecResult\tlanguage\tmeaning\n"a"\t"Frag: für"\t"one ticket"\t"correct"\t'
    '"correct"\n"b"\t"Frag: für"\t""\t"incorrect"\t"incorrect"\n'
).encode()
MANIFEST = (
    Path(__file__).resolve().parents[2] / "data_manifests" / "librispeech.yaml"
).read_bytes()
ARPA = (
    b"\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-1.0\t<s>\t-0.3\n-0.5\tgo\t-0.2\n-0.7\t</s>\n\n"
    b"\\2-grams:\n-0.1\t<s> go\n\n\\end\\\n"
)


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", TABLES)
def test_kaldi_tables(tmp_path: Path, name: str) -> None:
    for file, content in TABLES.items():
        written(tmp_path, file, content)

    @fuzz
    @given(mutated(TABLES[name]))
    def spoil(content: bytes) -> None:
        path = written(tmp_path, name, content)
        survives(lambda: read_table(path))
        data = survives(lambda: read_data_dir(tmp_path))
        if not isinstance(data, InputError):
            assert all(u.speaker is not None and u.audio for u in data.utterances.values())
        faults = []
        tables = survives(lambda: check_tables(tmp_path, faults))
        assert all(isinstance(table, RawTable) for table in tables.values())
        survives(lambda: check_canonical(tmp_path, tables["text"], faults))
        assert not any("Traceback" in str(fault) for fault in faults)

    spoil()


@pytest.mark.parametrize("level", LABELS)
def test_label_tables(tmp_path: Path, level: str) -> None:
    text = RawTable({"a1": "GO YOU", "a2": "GO"}, {"a1": 1, "a2": 2})

    @fuzz
    @given(mutated(LABELS[level]))
    def spoil(content: bytes) -> None:
        path = written(tmp_path, f"{level}_scores.csv", content)
        table = survives(lambda: read_labels(tmp_path, level))
        if not isinstance(table, InputError):
            top = max(high for _, high in SPEECHOCEAN.level(level).values())
            scores = table.filter(["accuracy", "fluency", "stress", "total"]).to_numpy(dtype=float)
            assert ((scores >= 0) & (scores <= top) | np.isnan(scores)).all()
        faults = []
        survives(lambda: check_labels(tmp_path, text, {"a1": {0: ("G", "OW")}}, faults))
        survives(lambda: list(read_rows(path)))
        survives(lambda: read_frame(path, ["utterance", "accuracy"], ["utterance"], ["accuracy"]))

    spoil()


@fuzz
@given(mutated(LEXICON))
def test_lexicon(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "lexicon.txt", content)
    lexicon = survives(lambda: read_lexicon(path))
    if not isinstance(lexicon, InputError):
        assert all(variant for variants in lexicon.values() for variant in variants)


def release(folder: Path) -> None:
    """A corpus of one utterance in speechocean762's layout."""
    for name in ("text", "wav.scp", "utt2spk", "spk2age", "spk2gender"):
        written(folder, f"train/{name}", TABLES[name].splitlines()[0] + b"\n")
    written(folder, "resource/text-phone", b"a1.0 G_B OW0_E\na1.1 Y_B UW1_E\n")
    written(folder, "resource/lexicon.txt", LEXICON)
    written(folder, "resource/scores.json", json.dumps(SCORES).encode())
    written(folder, "resource/raters.json", json.dumps(RATERS).encode())


@pytest.mark.parametrize("name", ["scores.json", "raters.json", "text-phone"])
def test_speechocean762(tmp_path: Path, name: str) -> None:
    release(tmp_path)
    path = tmp_path / "resource" / name

    @fuzz
    @given(mutated(path.read_bytes()))
    def spoil(content: bytes) -> None:
        path.write_bytes(content)
        part = survives(lambda: speechocean762.read(tmp_path, "train"))
        if not isinstance(part, InputError):
            assert len(part.labels["utterance"]) == 1 and len(part.labels["word"]) == 2
        if name.endswith("json"):
            survives(lambda: read_json(path))

    spoil()


@fuzz
@given(mutated(b"; ID |SEX| SUBSET |MINUTES| NAME\n14 | F | train-clean-360 | 25.03 | Kristin\n"))
def test_librispeech(tmp_path_factory: Factory, content: bytes) -> None:
    folder = fresh(tmp_path_factory)
    written(folder, "dev/14/208/14-208.trans.txt", b"14-208-0000 GO YOU\n")
    written(folder, "librispeech-lexicon.txt", LEXICON)
    written(folder, "SPEAKERS.TXT", content)
    survives(lambda: read_librispeech(folder, "dev"))


@fuzz
@given(mutated(GRAMMAR))
def test_grammar(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "grammar.xml", content)
    survives(lambda: read_xml(path))
    survives(lambda: read_grammar(path))


@fuzz
@given(mutated(RESPONSES))
def test_responses(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "train.csv", content)
    survives(lambda: read_responses(path))


@fuzz
@given(mutated(MANIFEST))
def test_manifest(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "librispeech.yaml", content)
    survives(lambda: read_text(path))
    survives(lambda: read_yaml(path))
    survives(lambda: load_manifest("librispeech", path.parent))


@fuzz
@given(mutated(ARPA))
def test_arpa(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "lm.arpa", content)
    survives(lambda: read_arpa(path))


@pytest.mark.parametrize("name", ["words.txt", "words.bin"])
def test_vectors(tmp_path: Path, name: str) -> None:
    values = np.array([[1, 2.5], [3, 4]], np.float32)
    lines = [b"go " + v.tobytes() + b"\n" for v in values] if name.endswith("bin") else []
    valid = b"2 2\n" + (b"".join(lines) or b"go 1 2.5\nyou 3 4\n")

    @fuzz
    @given(mutated(valid))
    def spoil(content: bytes) -> None:
        path = written(tmp_path, name, content)
        survives(lambda: read_vectors(path, {"go", "you"}))

    spoil()


@pytest.mark.parametrize("name", ["segments.csv", "columns.txt"])
def test_pooled_tables(tmp_path: Path, name: str) -> None:
    segments = [PhoneSegment(0, 0, "G", 0, 5, 0, 0), PhoneSegment(0, 1, "OW", 5, 9, 0, 0)]
    rows = [(key, segments, np.ones((2, 2), np.float32)) for key in ("a1", "a2")]
    write_pooled(tmp_path, ["gop", "lpp"], rows)
    path = tmp_path / name

    @fuzz
    @given(mutated(path.read_bytes()))
    def spoil(content: bytes) -> None:
        path.write_bytes(content)
        pooled = survives(lambda: read_pooled(tmp_path, ["gop"]))
        if not isinstance(pooled, InputError):
            assert pooled.word_counts.sum() <= len(pooled.phones) == len(pooled.features)

    spoil()


def test_a_folder_and_a_file_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    for read in (read_table, read_text, read_json, read_yaml, read_xml, read_lexicon):
        with pytest.raises(InputError, match=r"text: cannot be read: Is a directory"):
            read(tmp_path / "text")
    path = written(tmp_path, "secret", b"a b\n")
    path.chmod(0)
    if not os.access(path, os.R_OK):
        with pytest.raises(InputError, match="secret: cannot be read: Permission denied"):
            read_table(path)


def test_a_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    write_pooled(tmp_path, ["gop", "lpp", "gop"], [])
    with pytest.raises(InputError, match=r"columns\.txt:3: column gop stands twice"):
        read_pooled(tmp_path, ["gop"])
