"""The stage answer_features: made archives in, inputs of acoustic experts out."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from made_answers import drawn, silence, viewed, write_answers

from pyscorer.answers.answer_archives import AnswerFolders, read_answers
from pyscorer.answers.answer_encoder import KINDS, SEQUENCES, AnswerEncoder
from pyscorer.answers.answer_features import AnswerOptions, answer_features
from pyscorer.answers.answer_measures import HeardAnswer
from pyscorer.contract.classes import ACCEPTED, write_classes
from pyscorer.contract.decoded import TEXT
from pyscorer.corpora.spoken_call import Response
from pyscorer.errors import InputError
from pyscorer.proficiency.expert_features import load_inputs
from pyscorer.proficiency.response_file import write_response_file
from pyscorer.proficiency.train_expert import ExpertOptions, train_expert


def answers(split: str, number: int) -> list[HeardAnswer]:
    """Of ten a speaker, every second much worse, the last one silent."""
    return [
        silence(f"{split}{i:03}", second="")
        if i % 10 == 9
        else viewed(drawn(f"{split}{i:03}", 1000 * len(split) + i, worse=i % 2, second="w1 w2"))
        for i in range(number)
    ]


@dataclass(frozen=True)
class Made:
    data: Path
    folders: tuple[AnswerFolders, AnswerFolders]
    answers: tuple[list[HeardAnswer], list[HeardAnswer]]

    def options(self) -> dict[str, list[Path]]:
        names = ("recordings", "decoded", "ali", "gop", "pool", "pool_encoded", "second", "view")
        return {name: [getattr(f, name) for f in self.folders] for name in names}

    def run(self, out: Path, **changed: object) -> None:
        arguments = {**self.options(), "options": AnswerOptions(components=2), **changed}
        answer_features(data=self.data, out=out, **arguments)  # type: ignore[arg-type]


def write_made(root: Path) -> Made:
    train, test = answers("train", 80), answers("test", 20)
    data = root / "data"
    data.mkdir(parents=True)
    for split, found in (("train", train), ("test", test)):
        rows = [
            Response(a.key, a.prompt, a.decoded.transcript, int(i % 2), f"{split}{i // 10}")
            for i, a in enumerate(found)
        ]
        # The order of the table is its own.
        write_response_file(data / f"{split}.csv", rows[::-1], ACCEPTED)
    write_classes(data, ACCEPTED)
    (data / "folds.json").write_text(json.dumps({"by": "row", "folds": 4, "seed": 1}))
    folders = (write_answers(root / "train", train), write_answers(root / "test", test))
    return Made(data, folders, (train, test))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return write_made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def features(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "answers"
    made.run(out)
    return out


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Made:
    """The folders again, to be spoilt."""
    return write_made(tmp_path / "made")


def test_archives_give_the_answers_that_were_written(made: Made) -> None:
    found = list(
        read_answers(made.folders[1], dict.fromkeys((a.key for a in made.answers[1]), "p"))
    )
    assert [a.key for a in found] == [a.key for a in made.answers[1]]
    for read, written in zip(found, made.answers[1], strict=True):
        assert (read.decoded.words, read.second) == (written.decoded.words, written.second)
        assert (read.recording is None) == (written.recording is None)
        if read.recording is not None and written.recording is not None:
            assert read.recording.segments == written.recording.segments
            assert read.recording.view == written.recording.view
            for name, measured in written.recording.measured.items():
                np.testing.assert_allclose(
                    read.recording.measured[name].matrix, measured.matrix, rtol=1e-6
                )


def test_the_stage_and_a_single_recording_give_the_same_inputs(made: Made, features: Path) -> None:
    encoder = AnswerEncoder.load(features / "encoder")
    items = [*made.answers[0][::-1], *made.answers[1][::-1]]
    for kind in KINDS:
        inputs = load_inputs(features, kind)
        assert len(inputs.values) == len(items)
        for i in (0, 1, 35, 80, 99):
            one = encoder.encode(items[i])[kind]
            whole = inputs.values[i]
            if one.lengths is not None:
                assert inputs.lengths is not None and inputs.lengths[i] == one.lengths[0]
                whole = whole[: one.lengths[0]]
            np.testing.assert_allclose(one.values[0], whole, atol=0.01)


def test_sequences_have_lengths_and_vectors_none(features: Path) -> None:
    for kind in KINDS:
        assert (load_inputs(features, kind).lengths is not None) == (kind in SEQUENCES)


@pytest.mark.parametrize("expert", ["FFN-ACOUSTIC", "LSTM-DEEP"])
def test_an_expert_tells_the_worse_answers_by_their_sound(
    made: Made, features: Path, expert: str, tmp_path: Path
) -> None:
    train_expert(
        made.data, tmp_path, expert, tmp_path / "out", ExpertOptions(seeds=1, epochs=30), features
    )
    outputs = np.load(tmp_path / "out" / "outputs.npy").mean(axis=(0, 1))
    test = outputs[80:, 0]  # how far accepted, of rows in the order of the table
    good = np.array([i % 2 == 0 for i in range(20)])[::-1]
    assert test[good].min() > np.median(test[~good])


def test_inputs_of_a_second_run_are_the_same(made: Made, features: Path, tmp_path: Path) -> None:
    made.run(tmp_path / "again")
    for kind in KINDS:
        first, second = (load_inputs(f, kind).values for f in (features, tmp_path / "again"))
        np.testing.assert_array_equal(first, second)


def test_a_folder_too_few_is_named(made: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--pool: 1 folders.*name two"):
        made.run(tmp_path / "out", pool=[made.folders[0].pool])


def test_an_answer_without_duration_is_named(copy: Made, tmp_path: Path) -> None:
    (copy.folders[1].recordings / "utt2dur").write_text("test000 1.0\n")
    with pytest.raises(InputError, match="utt2dur: lacks utterance test001"):
        copy.run(tmp_path / "out")


def test_an_alignment_of_something_else_is_refused(copy: Made, tmp_path: Path) -> None:
    ali = copy.folders[1].ali
    for name in ("phones.ctm", "words.ctm"):
        text = (ali / name).read_text()
        (ali / name).write_text(text.replace("test002", "other"))
    with pytest.raises(InputError, match=r"phones\.ctm: utterance other is not in .*decoded"):
        copy.run(tmp_path / "out")


def test_phones_of_what_was_not_heard_are_refused(copy: Made, tmp_path: Path) -> None:
    decoded = copy.folders[1].decoded
    text = (decoded / TEXT).read_text().splitlines()
    (decoded / TEXT).write_text("\n".join(["test000", *text[1:]]) + "\n")
    words = (decoded / "words.ctm").read_text().splitlines(keepends=True)
    (decoded / "words.ctm").write_text("".join(w for w in words if not w.startswith("test000")))
    with pytest.raises(InputError, match="test000: has phones, but no words in"):
        copy.run(tmp_path / "out")


def test_measures_of_another_alignment_are_refused(copy: Made, tmp_path: Path) -> None:
    shutil.rmtree(copy.folders[1].gop)
    shutil.copytree(copy.folders[1].pool, copy.folders[1].gop)
    (copy.folders[1].gop / "columns.txt").write_text("gop\n")
    with pytest.raises(InputError, match=r"gop/phones\.scp: test000: .* columns, not .* x 1"):
        copy.run(tmp_path / "out")


def test_a_second_transcript_of_every_answer_is_wanted(copy: Made, tmp_path: Path) -> None:
    second = copy.folders[1].second
    assert second is not None
    text = (second / TEXT).read_text().splitlines()
    (second / TEXT).write_text("\n".join(text[1:]) + "\n")
    with pytest.raises(InputError, match="second: lacks utterance test000"):
        copy.run(tmp_path / "out")
