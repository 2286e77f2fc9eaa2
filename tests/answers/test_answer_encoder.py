"""What encodes answers: fitted on training answers, the same for a corpus and one recording."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_answers import SHORT, drawn, silence, viewed

from pyscorer.answers.answer_encoder import KINDS, SEQUENCES, AnswerEncoder
from pyscorer.answers.answer_measures import DEEP, FLAGS, STATES, HeardAnswer
from pyscorer.answers.fitting import fit_answers
from pyscorer.answers.projection import FEWEST, Moments
from pyscorer.errors import InputError
from pyscorer.proficiency.expert_features import Inputs

TRAIN = [drawn(f"train{i:02}", i, worse=i % 3 / 2) for i in range(30)] + [silence("train30")]
KEPT = {DEEP: 2, STATES: 2}
TEST = [drawn(f"test{i}", 100 + i) for i in range(5)] + [silence("test5")]


def fit(
    answers: Sequence[HeardAnswer], longest: int = 60
) -> tuple[AnswerEncoder, dict[str, Inputs]]:
    training = {a.key for a in answers if a.key.startswith("train")}
    keys = [a.key for a in answers]
    return fit_answers(lambda: reversed(answers), keys, training, KEPT, longest)


@pytest.fixture(scope="module")
def fitted() -> tuple[AnswerEncoder, dict[str, Inputs]]:
    return fit([*TRAIN, *TEST])


def test_one_recording_is_encoded_as_the_corpus_is(fitted) -> None:
    encoder, inputs = fitted
    for i, answer in enumerate([*TRAIN, *TEST]):
        for kind, one in encoder.encode(answer).items():
            of_corpus = inputs[kind].values[i]
            if one.lengths is not None:
                assert one.lengths[0] == inputs[kind].lengths[i]
                assert not of_corpus[one.lengths[0] :].any()
                of_corpus = of_corpus[: one.lengths[0]]
            np.testing.assert_allclose(one.values[0], of_corpus, rtol=1e-4, atol=1e-4)


def test_test_answers_influence_neither_scales_nor_directions_nor_figures(fitted) -> None:
    encoder, inputs = fitted
    strange = [replace(drawn(f"test{i}", 200 + i, worse=9), seconds=900.0) for i in range(5)]
    other, again = fit([*TRAIN, *strange, silence("test5")])
    assert (other.names, other.word_names) == (encoder.names, encoder.word_names)
    for name, projection in encoder.projections.items():
        np.testing.assert_array_equal(other.projections[name].usual, projection.usual)
        np.testing.assert_array_equal(other.projections[name].directions, projection.directions)
    for kind, scale in encoder.scales.items():
        np.testing.assert_array_equal(other.scales[kind].mean, scale.mean)
        np.testing.assert_array_equal(other.scales[kind].deviation, scale.deviation)
        own, new = (found[kind].values[: len(TRAIN)] for found in (inputs, again))
        longest = min(own.shape[1], new.shape[1])
        np.testing.assert_array_equal(own[:, :longest], new[:, :longest])


def test_training_figures_have_mean_0_and_deviation_1(fitted) -> None:
    encoder, inputs = fitted
    values = inputs["acoustic"].values[: len(TRAIN) - 1]  # all but silence
    at = [encoder.names.index(name) for name in ("gop_mean", "confidence_mean", "run_seconds")]
    assert np.abs(values[:, at]).max() < 5  # none is cut
    np.testing.assert_allclose(values[:, at].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(values[:, at].std(axis=0), 1, atol=1e-5)


def test_silence_is_kept_and_says_so(fitted) -> None:
    encoder, inputs = fitted
    assert encoder.names[: len(FLAGS)] == FLAGS
    for kind, found in inputs.items():
        assert np.isfinite(found.values).all()
        assert len(found.values) == len(TRAIN) + len(TEST)
        for i, answer in enumerate([*TRAIN, *TEST]):
            first = found.values[i, 0] if kind in SEQUENCES else found.values[i]
            assert (first[: len(FLAGS)] == (1 if answer.decoded.words else 0)).all()
    for kind in SEQUENCES:
        lengths, values = inputs[kind].lengths, inputs[kind].values
        assert lengths is not None and lengths[-1] == 1 and not values[-1].any()


def test_what_was_heard_but_not_aligned_is_between_the_two(fitted) -> None:
    encoder, _ = fitted
    heard = replace(TRAIN[0], recording=None)
    found = encoder.encode(heard)
    assert found["acoustic"].values[0, : len(FLAGS)].tolist() == [1, 0]
    sequence = found["deep_words"]
    assert sequence.lengths is not None and sequence.lengths[0] == len(heard.decoded.words)
    assert (sequence.values[0, :, : len(FLAGS)] == [1, 0]).all()
    known = len(FLAGS) + encoder.word_names.index("confidence")
    assert sequence.values[0, :, known].any() and not sequence.values[0, :, -2:].any()


def test_kinds_of_states_need_states(fitted) -> None:
    assert fitted[0].kinds == KINDS

    def without(answer: HeardAnswer) -> HeardAnswer:
        if answer.recording is None:
            return answer
        kept = {n: m for n, m in answer.recording.measured.items() if n != STATES}
        return replace(answer, recording=replace(answer.recording, measured=kept))

    encoder, inputs = fit(list(map(without, TRAIN)))
    assert encoder.kinds == tuple(inputs) == ("acoustic", "deep_words")
    with pytest.raises(InputError, match="utterance train00: no encoder, which the acoustic"):
        fitted[0].encode(without(TRAIN[0]))


def test_long_sequences_are_cut_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    _, inputs = fit(TRAIN, longest=SHORT)
    cut = sum(len(a.decoded.words) > SHORT for a in TRAIN)
    assert inputs["deep_words"].values.shape[1] == SHORT
    assert cut and f"{cut} answers are longer than {SHORT} words" in caplog.text


def test_what_training_answers_have_is_asked_of_every_other() -> None:
    def more(answer: HeardAnswer) -> HeardAnswer:
        return viewed(replace(answer, second="w1"))

    encoder, _ = fit(list(map(more, TRAIN)))
    assert {"disagreement", "view_word_mean"} <= set(encoder.names)
    with pytest.raises(InputError, match="utterance test0: no second transcript"):
        encoder.encode(TEST[0])
    with pytest.raises(InputError, match="utterance test0: no recogniser's view"):
        encoder.encode(replace(TEST[0], second=""))
    assert encoder.encode(more(TEST[0])).keys() == encoder.encode(more(TEST[5])).keys()


def test_states_of_another_model_are_refused(fitted) -> None:
    recording = TEST[0].recording
    assert recording is not None
    states = recording.measured[STATES]
    wider = replace(
        states, columns=("deep_9", *states.columns), matrix=np.insert(states.matrix, 0, 1.0, axis=1)
    )
    other = replace(recording, measured={**recording.measured, STATES: wider})
    with pytest.raises(InputError, match="utterance test0: 3 values a phone, 2 where"):
        fitted[0].encode(replace(TEST[0], recording=other))


def test_nothing_is_learnt_where_nothing_was_heard() -> None:
    with pytest.raises(InputError, match="no training answer was heard and aligned"):
        fit([silence("train0"), silence("train1")])


def test_an_answer_that_no_folder_has_is_named() -> None:
    training = {a.key for a in TRAIN}
    with pytest.raises(InputError, match="1 answers are not there, first gone"):
        fit_answers(lambda: TRAIN, [*training, "gone"], training, KEPT, 60)


def test_what_is_read_encodes_as_what_was_written(fitted, tmp_path: Path) -> None:
    encoder, _ = fitted
    encoder.save(tmp_path / "encoder")
    read = AnswerEncoder.load(tmp_path / "encoder")
    for answer in (TEST[0], TEST[5]):
        for kind, wanted in encoder.encode(answer).items():
            np.testing.assert_array_equal(read.encode(answer)[kind].values, wanted.values)


def test_a_folder_that_is_none_is_refused_by_name(fitted, tmp_path: Path) -> None:
    folder, again = tmp_path / "encoder", "run answer_features again"
    with pytest.raises(InputError, match=rf"answers\.json: .*{again}"):
        AnswerEncoder.load(folder)
    fitted[0].save(folder)
    text = (folder / "answers.json").read_text()
    for changed, fault in (
        ({"format": "other"}, "not of the format"),
        ({"projections": ["phones", "other"]}, r"projection\.other\.usual"),
        ({"scales": ["acoustic"]}, "no scale of deep_words"),
    ):
        (folder / "answers.json").write_text(json.dumps(json.loads(text) | changed))
        with pytest.raises(InputError, match=rf"answers\.json: .*{fault}.*{again}"):
            AnswerEncoder.load(folder)
    (folder / "answers.json").write_text(text)
    shutil.copyfile(folder / "answers.json", folder / "arrays.npz")
    with pytest.raises(InputError, match=rf"arrays\.npz: damaged.*{again}"):
        AnswerEncoder.load(folder)


def test_directions_are_those_of_most_variance_within_phones() -> None:
    rng = np.random.default_rng(0)
    phones = rng.integers(1, 4, 600)
    centres = rng.normal(size=(40, 3)) * 100
    within = rng.normal(size=(600, 3)) * [1.0, 3.0, 0.1]
    moments = Moments()
    for part in np.split(np.arange(600), 6):
        moments.add(phones[part], centres[phones[part]] + within[part])
    found = moments.projection(2)
    np.testing.assert_allclose(found.directions.T @ found.directions, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(np.abs(found.directions), [[0, 1], [1, 0], [0, 0]], atol=0.1)
    for phone in (1, 2, 3):
        own = phones == phone
        mean = (centres[phone] + within[own]).mean(axis=0)
        np.testing.assert_allclose(found.usual[phone], mean)
        projected = found(phones[own], centres[phone] + within[own])
        np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-6)


def test_a_rare_phone_takes_what_is_usual_of_all() -> None:
    moments = Moments()
    moments.add(np.full(FEWEST, 1), np.full((FEWEST, 1), 2.0))
    moments.add(np.full(FEWEST - 1, 2), np.full((FEWEST - 1, 1), 4.0))
    found = moments.projection()
    assert found.usual[1, 0] == 2
    overall = (2 * FEWEST + 4 * (FEWEST - 1)) / (2 * FEWEST - 1)
    assert found.usual[2, 0] == found.usual[3, 0] == pytest.approx(overall)
