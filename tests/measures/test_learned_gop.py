"""Learned posteriors of phones: what the columns say, and what is learned from what."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pyscorer.contract.archives import read_matrices
from pyscorer.contract.files import write_table
from pyscorer.contract.phones import ARPABET, PHONE_ID
from pyscorer.contract.pooled import read_columns, read_pooled, write_pooled
from pyscorer.contract.recording import Measured, pooled_recordings
from pyscorer.contract.scales import SPEECHOCEAN
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.measures.learned_gop import (
    LEARNED_COLUMNS,
    LearnedGopOptions,
    gop_columns,
    learned_gop,
    load_learned_gop,
    train_learned_gop,
)

OPTIONS = LearnedGopOptions(folds=2, hidden=32, dropout=0.0, epochs=30, learning_rate=0.02)
BADLY = "S0U1"
"""The utterance in which each phone is spoken as the one after it in ARPABET."""
STATES = np.random.default_rng(0).normal(size=(len(ARPABET), 12))


def write_corpus(folder: Path, speakers: int = 6, each: int = 3) -> tuple[Path, Path]:
    """A data directory and pooled states: of each utterance, the inventory in its own order."""
    generator = np.random.default_rng(1)
    data, pool = folder / "data", folder / "pool"
    data.mkdir()
    rows, phones, owners = [], [], {}
    for speaker in range(speakers):
        for number in range(each):
            key = f"S{speaker}U{number}"
            owners[key] = f"S{speaker}"
            order = generator.permutation(len(ARPABET))
            said = (order + 1) % len(ARPABET) if key == BADLY else order
            states = STATES[said] + generator.normal(scale=0.1, size=(len(order), 12))
            names = [ARPABET[i] for i in order]
            segments = [PhoneSegment(i, 0, p, 10 * i, 10, 0, 0) for i, p in enumerate(names)]
            rows.append((key, segments, np.column_stack([states, np.zeros(len(order))])))
            score = 0.5 if key == BADLY else 2.0
            phones += [(key, i, 0, p, score) for i, p in enumerate(names)]
    write_pooled(pool, [*(f"deep_{i}" for i in range(12)), "log_duration"], rows)
    write_table(data / "utt2spk", owners)
    tables = {
        "utterance": pd.DataFrame(
            {"utterance": [*owners]} | dict.fromkeys(SPEECHOCEAN.utterance, 8.0)
        ),
        "word": pd.DataFrame(
            [(u, w, "X", 8.0, 10.0, 8.0) for u, w, *_ in phones],
            columns=["utterance", "word_index", "word", "accuracy", "stress", "total"],
        ),
        "phone": pd.DataFrame(
            phones, columns=["utterance", "word_index", "phone_index", "phone", "accuracy"]
        ),
    }
    for level, table in tables.items():
        table.to_csv(data / f"{level}_scores.csv", index=False)
    return data, pool


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned")
    data, pool = write_corpus(folder)
    train_learned_gop(data, pool, folder / "model.pt", folder / "out", OPTIONS)
    return folder


def test_columns_are_what_they_say() -> None:
    posteriors = np.full((3, len(ARPABET)), 0.1 / 37)
    posteriors[:, 0], posteriors[:, 1] = 0.6, 0.3  # of AA and AE
    ids = np.array([PHONE_ID["AA"], PHONE_ID["AE"], PHONE_ID["SPN"]])
    found = dict(zip(LEARNED_COLUMNS, gop_columns(np.log(posteriors), ids).T, strict=True))
    np.testing.assert_allclose(np.exp(found["logp"]), [0.6, 0.3, 1 / 39], rtol=1e-5)
    np.testing.assert_allclose(np.exp(found["ratio"]), [2, 0.5, 1 / 39 / 0.6], rtol=1e-5)
    assert list(found["rival"]) == [PHONE_ID["AE"], PHONE_ID["AA"], PHONE_ID["AA"]]
    entropy = -(0.6 * np.log(0.6) + 0.3 * np.log(0.3) + 0.1 * np.log(0.1 / 37))
    np.testing.assert_allclose(found["entropy"], entropy, rtol=1e-5)
    np.testing.assert_allclose(np.exp(found["logp_AE"]), 0.3, rtol=1e-5)


def test_phones_of_speakers_not_heard_in_training_are_recognised(trained: Path) -> None:
    pooled = read_pooled(trained / "out", ["logp", "ratio", "rival"])
    bad = np.repeat([key == BADLY for key in pooled.keys], pooled.phone_counts)
    assert (pooled.features[~bad, 1] > 0).mean() > 0.95
    # What was said in place of the phone is its rival, though taught nowhere as such.
    said = (pooled.phones[bad] - 1 + 1) % len(ARPABET) + PHONE_ID[ARPABET[0]]
    assert (pooled.features[bad, 1] < 0).mean() > 0.95
    assert (pooled.features[bad, 2] == said).mean() > 0.95
    assert read_columns(trained / "out") == list(LEARNED_COLUMNS)
    segments = [(trained / name / "segments.csv").read_text() for name in ("pool", "out")]
    assert segments[0] == segments[1]


def test_a_recording_has_the_columns_that_the_stage_writes(trained: Path) -> None:
    learned_gop(trained / "model.pt", trained / "pool", trained / "applied")
    key, written = next(iter(read_matrices(trained / "applied" / "phones.scp")))
    names = tuple(read_columns(trained / "pool"))
    pooled = Measured(names, dict(read_matrices(trained / "pool" / "phones.scp"))[key])
    recording = next(r for r in pooled_recordings(trained / "pool") if r.key == key)
    measure = load_learned_gop(trained / "model.pt")
    found = measure(replace(recording, measured={"encoder": pooled}))
    np.testing.assert_allclose(found, written, atol=1e-5)
    with pytest.raises(InputError, match="no pooled states"):
        measure(recording)


def test_posteriors_sum_to_one_over_one_network_and_over_all(trained: Path) -> None:
    model = load_learned_gop(trained / "model.pt")
    for fold in (None, 0, 1):
        sums = np.exp(model.log_posteriors(STATES, fold)).sum(axis=1)
        np.testing.assert_allclose(sums, 1, rtol=1e-5)


def test_the_same_seed_gives_the_same_model(trained: Path) -> None:
    train_learned_gop(
        trained / "data", trained / "pool", trained / "again.pt", trained / "again", OPTIONS
    )
    one, other = (load_learned_gop(trained / name) for name in ("model.pt", "again.pt"))
    for a, b in zip(one.networks, other.networks, strict=True):
        torch.testing.assert_close(a.state_dict(), b.state_dict(), rtol=0, atol=0)


def test_bad_input_is_refused_by_name(trained: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pt: no such model"):
        load_learned_gop(trained / "none.pt")
    (trained / "damaged.pt").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"damaged\.pt: not a model of train_learned_gop"):
        load_learned_gop(trained / "damaged.pt")
    segment = PhoneSegment(0, 0, "AA", 0, 5, 0, 0)
    write_pooled(trained / "other", ["deep_0"], [("u", [segment], np.zeros((1, 1)))])
    with pytest.raises(InputError, match=r"1 states a phone where .* takes 12"):
        learned_gop(trained / "model.pt", trained / "other", trained / "x")
    write_pooled(trained / "gop", ["lpp"], [("u", [segment], np.zeros((1, 1)))])
    with pytest.raises(InputError, match="no deep features"):
        learned_gop(trained / "model.pt", trained / "gop", trained / "x")
    strict = LearnedGopOptions(folds=2, well_pronounced=3.0)
    with pytest.raises(InputError, match=r"phone AA is nowhere scored 3\.0 or more"):
        train_learned_gop(
            trained / "data", trained / "pool", trained / "x.pt", trained / "x", strict
        )
