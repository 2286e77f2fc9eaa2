"""What the encoders learned, as files: the same afterwards, and nothing that must be trusted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.corpora.spoken_call import PromptUnit
from pyscorer.errors import InputError
from pyscorer.proficiency import bert
from pyscorer.proficiency.encoders import Encoders, load_encoders, save_encoders
from pyscorer.proficiency.expert_features import FeatureOptions, encode, fit_encoders
from pyscorer.proficiency.pairs import PairTable, build_pairs
from pyscorer.proficiency.sample_responses import make_sample

KINDS = ("fbk", "units", "joined", "counts", "tfidf", "w2v", "w2v_marked")


def _encoder() -> bert.Encoder:
    weights = {"embeddings.LayerNorm.bias": torch.arange(4.0) / 3}
    return bert.Encoder(weights, {"[CLS]": 0, "e\u0301t\u00e9": 1}, 1, 2, 4, 1e-12)


@pytest.fixture(scope="module")
def fitted() -> tuple[Encoders, PairTable]:
    train, test, grammar = make_sample(1, 120, 40)
    table = build_pairs(train, test, 2, 1)
    grammar["Frag: \u00fcber"] = PromptUnit("of", ("it's over",))
    generic = [r.split() for unit in grammar.values() for r in unit.responses]
    options = FeatureOptions(dimension=8, orders=3, unit_vocabulary=80, kinds=KINDS[3:])
    encoders, _ = fit_encoders(table, grammar, generic, options)
    encoders.bert = _encoder()
    return encoders, table


@pytest.fixture
def folder(fitted, tmp_path: Path) -> Path:
    save_encoders(tmp_path / "encoders", fitted[0])
    return tmp_path / "encoders"


def test_what_is_read_encodes_as_what_was_written(fitted, folder):
    encoders, table = fitted
    found = load_encoders(folder)
    prompts = [*table.prompts, "Frag: ein Schiff", "Frag: \u00fcber"]
    responses = [*table.responses, "i want a ship", "it's over"]
    for kind in KINDS:
        wanted, got = (encode(e, kind, prompts, responses) for e in (encoders, found))
        assert np.array_equal(wanted.values, got.values), kind
        assert (wanted.lengths is None) == (got.lengths is None)
    assert found.grammar == encoders.grammar
    kept = encoders.bert
    assert found.bert and kept and found.bert.vocabulary == kept.vocabulary
    assert found.bert.epsilon == kept.epsilon
    assert all(torch.equal(found.bert.weights[n], kept.weights[n]) for n in kept.weights)


def test_no_file_needs_trust(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["arrays.npz", "text.json", "units.model"]
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiu" for name in arrays)


@pytest.mark.parametrize("name", ["arrays.npz", "text.json", "units.model"])
@pytest.mark.parametrize("content", [None, "half", b"", b"foreign", b"[1, 2]"])
def test_a_missing_damaged_or_foreign_file_is_named(folder, name, content):
    path = folder / name
    data = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(data[: len(data) // 2] if content == "half" else content)
    with pytest.raises(InputError, match=rf"encoders/{name}: .*run expert_features"):
        load_encoders(folder)


def test_a_pickle_is_not_opened(folder):
    path = folder / "arrays.npz"
    np.savez(path, idf=np.array([{"any": "object"}], dtype=object))
    with pytest.raises(InputError, match=r"arrays\.npz: damaged"):
        load_encoders(folder)
    shutil.rmtree(folder)
    folder.write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match=r"text\.json: "):
        load_encoders(folder)


def test_parts_that_do_not_belong_together_are_an_error(folder):
    with np.load(folder / "arrays.npz") as arrays:
        kept = dict(arrays)
    np.savez(
        folder / "arrays.npz", **{k: v for k, v in kept.items() if k != "models.0.log_backoff"}
    )
    with pytest.raises(InputError, match=r"arrays\.npz: lacks models\.0\.log_backoff"):
        load_encoders(folder)
    kept["known.0"] = kept["known.0"][:0]
    np.savez(folder / "arrays.npz", **kept)
    with pytest.raises(InputError, match=r"text\.json: does not fit .*arrays\.npz"):
        load_encoders(folder)
    text = json.loads((folder / "text.json").read_text())
    del text["grammar"]
    (folder / "text.json").write_text(json.dumps(text))
    with pytest.raises(InputError, match=r"text\.json: lacks 'grammar'"):
        load_encoders(folder)
