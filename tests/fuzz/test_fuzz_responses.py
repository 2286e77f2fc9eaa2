"""Spoiled tables of responses: read, or refused with a message."""

from pathlib import Path

import pytest
from hypothesis import given
from mutations import fresh, fuzz, mutated, survives

from pyscorer.contract.classes import ACCEPTED, read_classes, read_response_labels
from pyscorer.errors import InputError
from pyscorer.proficiency.grammar_table import read_any_grammar
from pyscorer.proficiency.response_file import read_response_file

Factory = pytest.TempPathFactory

GRAMMAR = b"prompt,response,translation\nFrag: Tee,a tea please,ask for tea\n"
LABELS = b"utterance,class\na1,accepted\na2,\na3,rejected\n"
RESPONSES = b'id,speaker,prompt,response,class\na1,anna,"Tea, please",a tea,accepted\n'
CLASSES = b'{"kind": "levels", "names": ["A1", "A2"]}'


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@fuzz
@given(mutated(GRAMMAR))
def test_a_grammar_table(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "g.csv", content)
    grammar = survives(lambda: read_any_grammar(path))
    if not isinstance(grammar, InputError):
        assert all(prompt and unit.responses for prompt, unit in grammar.items())


@fuzz
@given(mutated(LABELS))
def test_labels_of_responses(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "response_labels.csv", content)
    labels = survives(lambda: read_response_labels(path.parent, ACCEPTED))
    if not isinstance(labels, InputError):
        assert set(labels.values()) <= {0, 1}


@fuzz
@given(mutated(RESPONSES))
def test_prepared_responses(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "train.csv", content)
    responses = survives(lambda: read_response_file(path, ACCEPTED))
    assert isinstance(responses, InputError) or all(r.label in (0, 1) for r in responses)


@fuzz
@given(mutated(CLASSES))
def test_classes(tmp_path_factory: Factory, content: bytes) -> None:
    path = written(fresh(tmp_path_factory), "classes.json", content)
    classes = survives(lambda: read_classes(path.parent))
    assert isinstance(classes, InputError) or len(set(classes.names)) == len(classes.names) >= 2
