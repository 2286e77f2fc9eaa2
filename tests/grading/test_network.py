"""The grader's network: what its scores depend on, and what its loss counts."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_corpus import make_utterances

from pyscorer.contract.labels import Labels
from pyscorer.contract.pooled import PooledSet
from pyscorer.contract.scales import SPEECHOCEAN, make_scales
from pyscorer.errors import InputError
from pyscorer.grading.batches import (
    Batches,
    Scaling,
    Targets,
    human_scale,
    scaling_of,
    targets_of,
    utterance_targets,
)
from pyscorer.grading.fit_grader import (
    FitOptions,
    fit_grader,
    grader_loss,
    loss_weights,
    low_emphasis,
    predict,
)
from pyscorer.grading.grader import Module, both_scores
from pyscorer.grading.grader_inputs import RawInputs, assemble, norms_of
from pyscorer.grading.held_out import pcc_of
from pyscorer.grading.network import Grader, GraderConfig, Grades
from pyscorer.parallel import one_thread


def batches_of(speakers: int) -> tuple[Batches, Labels, GraderConfig]:
    raw, labels, _ = make_utterances(speakers)
    inputs = assemble(raw, norms_of(raw))
    config = GraderConfig(inputs.spans, inputs.words.shape[1], inputs.utterances.shape[1], width=16)
    return Batches(inputs, scaling_of(inputs, labels)), labels, config


def test_scores_of_an_utterance_do_not_depend_on_its_companions() -> None:
    batches, _, config = batches_of(4)
    torch.manual_seed(0)
    grader = Grader(config)
    together = predict(grader, batches, np.arange(16))
    alone = [predict(grader, batches, np.array([i])) for i in range(16)]
    for level, parts in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(level, torch.cat(parts), atol=1e-5, rtol=1e-4)


def test_every_phone_word_and_utterance_has_its_scores() -> None:
    batches, labels, config = batches_of(3)
    grades = predict(Grader(config), batches, np.arange(12))
    assert grades.phones.shape == labels.phones.shape
    assert grades.words.shape == labels.words.shape
    assert grades.utterances.shape == (12, 2, 5)


def test_a_phone_is_scored_with_the_inputs_of_its_word_in_mind() -> None:
    batches, _, config = batches_of(2)
    torch.manual_seed(0)
    grader = Grader(config).eval()
    batch, _, _ = batches.take(np.array([0]))
    other = batch._replace(words=batch.words + 1)
    assert (grader(other).phones - grader(batch).phones).abs().min() > 1e-4


def test_left_out_words_are_out_and_an_utterance_keeps_one() -> None:
    batches, _, _ = batches_of(2)
    words = batches.pooled.word_counts[:2]
    dropped = np.ones(words.sum(), dtype=bool)
    dropped[words[0] + 1] = False
    batch, _, word_rows = batches.take(np.array([0, 1]), dropped)
    assert list(word_rows) == [0, words[0] + 1]
    assert list(batch.utterance_of_word) == [0, 1]
    assert set(batch.word_of_phone.tolist()) == {0, 1}


def test_unscored_phones_are_masked() -> None:
    nothing = torch.full((2, 2, 5), math.nan)
    silent = Grades(torch.tensor([0.0, math.nan]), torch.full((1, 3), math.nan), nothing)
    grades = Grades(torch.tensor([1.0, 9.0]), torch.ones(1, 3), torch.ones(2, 2, 5))
    weights = loss_weights(FitOptions(), SPEECHOCEAN)
    assert grader_loss(grades, silent, weights) == pytest.approx(1.0)


def test_auxiliary_targets_are_the_ratings_and_whether_levels_are_reached() -> None:
    _, labels, _ = make_utterances(1)
    scores = np.array([[0.0], [4.0], [8.0], [10.0]], np.float32)
    ratings = np.array([[[1.0], [np.nan]], [[4.0], [5.0]], [[8.0], [8.0]], [[9.0], [10.0]]])
    known = replace(labels, utterances=scores, raters=scores + 0.5, ratings=ratings)
    assert utterance_targets(known).shape == (4, 2, 1)
    by_expert = utterance_targets(known, ["raters"])
    np.testing.assert_array_equal(by_expert[:, 2:], ratings.astype(np.float32))
    # The quantiles .1 to .9 of 0, 4, 8, 10, the higher neighbour: 4, 4, 8, 10, 10.
    reached = utterance_targets(known, ["ordinal"])[:, 2:, 0]
    assert reached.tolist() == [[0] * 5, [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1] * 5]
    assert utterance_targets(replace(known, ratings=labels.ratings), ["raters"]).shape[1] == 2
    unscored = replace(known, utterances=np.full((4, 1), np.nan, np.float32))
    assert np.isnan(utterance_targets(unscored, ["ordinal"])[:, 2:]).all()


def test_auxiliary_targets_weigh_in_the_loss_as_the_option_says() -> None:
    nothing = torch.full((1,), math.nan), torch.full((1, 3), math.nan)
    wanted = Grades(*nothing, torch.zeros(2, 3, 5))
    told = torch.zeros(2, 3, 5)
    told[:, 2] = 2.0
    grades = Grades(torch.ones(1), torch.ones(1, 3), told)
    for weight in (0.0, 0.25):
        weights = loss_weights(FitOptions(auxiliary_weight=weight), SPEECHOCEAN)
        assert grader_loss(grades, wanted, weights) == pytest.approx(4 * weight)


def test_aspects_weigh_in_the_loss_as_the_options_say() -> None:
    weights = loss_weights(FitOptions(), SPEECHOCEAN)
    assert weights.utterances.tolist() == pytest.approx([1, 0.3, 1, 1, 1.5])
    assert weights.words.tolist() == pytest.approx([1, 0.15, 1])
    ranges = {"flow": [1, 5], "range": [-1, 1]}
    own = make_scales({"utterance": ranges, "word": {"clarity": [0, 100]}}, "x")
    plain = loss_weights(FitOptions(), own)
    assert plain.utterances.tolist() == [1, 1] and plain.words.tolist() == [1]
    options = FitOptions(aspect_weights=("utterance.range=0.5", "word.clarity=2"))
    weights = loss_weights(options, own)
    assert weights.utterances.tolist() == [1, 0.5] and weights.words.tolist() == [2]


def test_words_below_most_weigh_as_the_options_say() -> None:
    weights = loss_weights(FitOptions(low_weights=("word.stress=9",)), SPEECHOCEAN)
    assert weights.low_words.tolist() == [1, 9, 1]
    words = np.array([[5, 10, 8], [10, 5, np.nan], [10, 10, 9], [10, np.nan, 9]])
    emphasis = low_emphasis(words, weights.low_words.numpy())
    assert emphasis.tolist() == [[1, 1, 1], [1, 9, 1], [1, 1, 1], [1, 1, 1]]
    assert not (low_emphasis(np.full((3, 1), np.nan), np.array([9.0])) > 1).any()
    with pytest.raises(InputError, match=r"low_weights: utterance\.total=2 is not word\.aspect="):
        loss_weights(FitOptions(low_weights=("utterance.total=2",)), SPEECHOCEAN)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("word.flow=1", "no word.flow among the scores: utterance.flow"),
        ("flow=1", "is not utterance.aspect=weight"),
        ("utterance.flow=-1", "is not utterance.aspect=weight"),
        ("utterance.flow", "is not utterance.aspect=weight"),
        ("phone.accuracy=1", "is not utterance.aspect=weight"),
    ],
)
def test_a_weight_of_nothing_is_refused(entry: str, fault: str) -> None:
    own = make_scales({"utterance": {"flow": [1, 5]}}, "x")
    with pytest.raises(InputError, match=f"aspect_weights: .*{fault}"):
        loss_weights(FitOptions(aspect_weights=(entry,)), own)


def test_standardised_scores_return_to_their_own_scale() -> None:
    raw, labels, _ = make_utterances(5)
    scaling = scaling_of(assemble(raw, norms_of(raw)), labels)
    targets = targets_of(labels, scaling)
    back = human_scale(Grades(targets.phones, targets.words, targets.utterances), scaling)
    np.testing.assert_allclose(back.phones, labels.phones, atol=1e-5)
    np.testing.assert_allclose(back.words, labels.words, atol=1e-4)
    np.testing.assert_allclose(back.utterances[:, 0], labels.utterances, atol=1e-4)


def test_sources_can_be_off() -> None:
    raw, _, _ = make_utterances(2)
    kept = [i for i, (source, _) in enumerate(raw.columns) if source != "recogniser"]
    features = replace(raw.pooled, features=raw.pooled.features[:, kept])
    silent = RawInputs(features, tuple(raw.columns[i] for i in kept))
    inputs = assemble(silent, norms_of(raw), durations=False)
    assert [name for name, _ in inputs.spans] == ["gop"]
    assert inputs.words.shape[1] == 1 + 2 * 2
    config = GraderConfig(inputs.spans, 5, inputs.utterances.shape[1], width=16)
    raw, labels, _ = make_utterances(2)
    batches = Batches(inputs, scaling_of(inputs, labels))
    assert predict(Grader(config), batches, np.arange(8)).utterances.shape == (8, 2, 5)


def material(speakers: int) -> tuple[PooledSet, Labels, Scaling, Batches, Targets, GraderConfig]:
    """What `make_utterances` of so many speakers gives a small grader to learn from."""
    raw, labels, _ = make_utterances(speakers)
    inputs = assemble(raw, norms_of(raw))
    scaling = scaling_of(inputs, labels)
    batches, targets = Batches(inputs, scaling), targets_of(labels, scaling)
    config = GraderConfig(inputs.spans, inputs.words.shape[1], inputs.utterances.shape[1], width=16)
    return raw.pooled, labels, scaling, batches, targets, config


@one_thread()
def test_learns_what_the_inputs_tell_about_speakers_not_heard() -> None:
    pooled, labels, scaling, batches, targets, config = material(40)
    heard, new = np.arange(120), np.arange(120, 160)
    options = FitOptions(epochs=12, batch_size=12, learning_rate=5e-3, averaged=0.9)
    grader, curve = fit_grader(config, options, batches, targets, heard, [0, 0], labels.scales)
    again, _ = fit_grader(config, options, batches, targets, heard, [0, 0], labels.scales)
    grades = predict(grader, batches, new)
    scores, _ = both_scores(Module(0, 0, grader), batches, new, scaling)
    pcc = pcc_of(scores, labels, pooled, new)
    assert pcc["total"] > 0.9 and pcc["word_total"] > 0.8 and pcc["phone"] > 0.8
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    assert torch.equal(grades.utterances, predict(again, batches, new).utterances)


def test_any_number_of_utterances_can_be_learned_from() -> None:
    # 52 batches of 3, sorted among six times 26 utterances, which are 9 batches each: 54.
    _, labels, _, batches, targets, config = material(39)
    options = FitOptions(epochs=1, batch_size=3)
    _, curve = fit_grader(config, options, batches, targets, np.arange(156), [0], labels.scales)
    assert len(curve) == 1


def test_the_full_size_is_below_a_million_parameters() -> None:
    spans = (("durations", 6), ("tdnnf", 258), ("gop", 85), ("encoder", 1536), ("learned_gop", 42))
    assert sum(p.numel() for p in Grader(GraderConfig(spans, 5, 150)).parameters()) < 1e6
