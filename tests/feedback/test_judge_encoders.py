"""A judge whose experts read states of a pretrained encoder, its view and its transcript."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_judge import SPLITS, made_judge
from made_whisper import DIM, tiny, write_model, write_tokenizer

from pyscorer.answers.answer_features import AnswerOptions, answer_features
from pyscorer.contract.decoded import read_decoded
from pyscorer.feedback.judge_bundle import load_judge_model
from pyscorer.feedback.judge_ears import load_ears
from pyscorer.feedback.judge_model import judge_model
from pyscorer.feedback.judge_parts import EarPaths, JudgeModelOptions, gather_ears
from pyscorer.feedback.judge_recording import judge_file
from pyscorer.measures.pool import pool
from pyscorer.pretrained.encode import EncodeOptions, encode
from pyscorer.pretrained.recogniser_view import ViewOptions, recogniser_view
from pyscorer.pretrained.transcribe import TranscribeOptions, transcribe
from pyscorer.proficiency.pairs import load_data
from pyscorer.proficiency.train_expert import ExpertOptions, train_expert
from pyscorer.proficiency.train_mixture import MixtureOptions, train_mixture

EXPERTS = ("FFN-STATES", "LSTM-STATES")
LAYERS = (-1, -2)


@pytest.fixture(scope="module")
def root() -> Path:
    return made_judge()


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of random weights, for recordings of up to 30 s."""
    places = np.random.default_rng(1).normal(size=(1500, DIM)).astype(np.float32) / 4
    arrays = tiny(words=305, longest_text=60) | {"encoder/position_encodings/encodings": places}
    folder = write_model(tmp_path_factory.mktemp("whisper") / "tiny", arrays)
    write_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def run(root: Path, whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Experts that read the states, and a mixture of them."""
    made = tmp_path_factory.mktemp("encoders")
    for split in SPLITS:
        heard, states = root / f"heard-{split}", made / f"encoded-{split}"
        encode(heard, [whisper], states, EncodeOptions(layers=LAYERS, jobs=1))
        pool(heard, root / f"ali-{split}", states, made / f"pool-{split}", posteriors=False)
        recogniser_view(heard, whisper, made / f"view-{split}", ViewOptions(jobs=1))
        options = TranscribeOptions(beam=2, jobs=1)
        second = made / f"second-{split}"
        transcribe(root / split, whisper, second, options, root / "lexicon.txt")
    own = {
        name: [root / f"{name}-{split}" for split in SPLITS]
        for name in ("decode", "ali", "gop", "pool")
    }
    new = {name: [made / f"{name}-{split}" for split in SPLITS] for name in ("second", "view")}
    answer_features(
        *(root / "responses", [root / split for split in SPLITS]),
        *(own["decode"], own["ali"], own["gop"], own["pool"]),
        *(made / "answers", AnswerOptions(components=6)),
        pool_encoded=[made / f"pool-{split}" for split in SPLITS],
        **new,
    )
    folders = [made / "experts" / name for name in EXPERTS]
    for name, folder in zip(EXPERTS, folders, strict=True):
        options = ExpertOptions(seeds=2, epochs=2, batch=8, hidden=(12, 8))
        data, text = root / "responses", root / "features"
        train_expert(data, text, name, folder, options, made / "answers")
    mixture = MixtureOptions(gate_hidden=(8,), gate_epochs=1, exams=10)
    train_mixture(root / "responses", folders, made / "mixture", mixture)
    return made


def ears(root: Path, run: Path, whisper: Path) -> EarPaths:
    return EarPaths(
        *(root / "decode-train", root / "graph", None, root / "lexicon.txt", root / "tdnnf.pt"),
        *(root / "gmm", root / "ali-train", run / "answers", (whisper,)),
        *(run / "second-train", whisper, whisper),
    )


def test_states_views_and_second_transcripts_are_those_of_the_tables(
    root: Path, run: Path, whisper: Path, tmp_path: Path
) -> None:
    folders = [run / "experts" / name for name in EXPERTS]
    judge_model(
        *(root / "features", folders, run / "mixture", tmp_path / "model"),
        *(ears(root, run, whisper), JudgeModelOptions(layers=LAYERS)),
    )
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"encoder", "second", "viewer", "answers", "final.npz"} <= names
    assert "text.json" not in names, "there is no expert that reads"
    loaded = load_judge_model(tmp_path / "model")
    table, _ = load_data(root / "responses")
    mixed = np.load(run / "mixture/mixed.npy").mean(axis=0)
    for item in table.test_rows[::3]:
        _, found = judge_file(loaded, root / f"{table.keys[item]}.wav", table.prompts[item])
        wanted = mixed[item] / mixed[item].sum()
        assert found.judgement.posteriors == pytest.approx(wanted.tolist(), abs=2e-3)


def test_whisper_is_the_decoder_where_it_heard_the_training_responses(
    root: Path, run: Path, whisper: Path, tmp_path: Path
) -> None:
    shutil.copytree(run / "second-train", tmp_path / "decode")
    paths = EarPaths(decoded=tmp_path / "decode", recogniser=whisper, lexicon=root / "lexicon.txt")
    gather_ears(paths, [], tmp_path, JudgeModelOptions())
    heard = load_ears(tmp_path).decode
    for one in list(read_decoded(run / "second-test"))[:3]:
        samples, _ = soundfile.read(root / f"{one.key}.wav", dtype="float32")
        found = heard(samples)
        assert (found.transcript, len(found.words)) == (one.transcript, len(one.words))
