"""What a grader reads of words, by hand."""

from dataclasses import replace

import numpy as np
import torch

from pyscorer.contract.pooled import PHONE_NAMES, make_pooled
from pyscorer.grading.batches import principal_components
from pyscorer.grading.grader_inputs import RawInputs, assemble, utterance_inputs, word_inputs
from pyscorer.pretrained.view_columns import RecogniserView

FRAMES = np.array([10, 10, 20])
PAUSES = np.array([0, 0, 30])
GOP = np.array([-1.0, -3.0, -0.5])
NORMS = np.tile([np.log(10), np.log(2)], (len(PHONE_NAMES), 1))


def two_words() -> RawInputs:
    """A word of two phones, and, after a pause, one of one phone twice as long as is usual."""
    features = np.column_stack([np.log(FRAMES), np.log1p(PAUSES), np.zeros(3), GOP])
    pooled = make_pooled(
        ["U"],
        features.astype(np.float32),
        np.zeros(3, dtype=np.int64),
        ["AA", "B", "AA"],
        np.array([0, 0, 1]),
        np.array([0, 1, 0]),
    )
    durations = tuple(("durations", c) for c in ("log_duration", "pause_before", "pause_after"))
    return RawInputs(pooled, (*durations, ("gop", "lpp")))


def test_a_word_has_its_phones_and_mean_and_least_of_what_is_measured_on_them() -> None:
    inputs = word_inputs(two_words(), NORMS)
    # Phones, means of GOP, normal duration and pause before, then the least of each.
    np.testing.assert_allclose(inputs[0], [2, -2, 0, 0, -3, 0, 0], atol=1e-6)
    pause = np.log(31)
    np.testing.assert_allclose(inputs[1], [1, -0.5, 1, pause, -0.5, 1, pause], atol=1e-6)


def test_without_durations_no_time_enters_and_the_recognisers_view_comes_last() -> None:
    raw, words = two_words(), np.arange(12.0).reshape(2, 6)
    seen = np.column_stack([words[[0, 0, 1]], np.zeros((3, 4))])
    columns = tuple(("recogniser", c) for c in RecogniserView().columns)
    features = np.column_stack([raw.pooled.features, seen])
    raw = RawInputs(replace(raw.pooled, features=features), (*raw.columns, *columns))
    inputs = word_inputs(raw, NORMS, durations=False)
    np.testing.assert_allclose(inputs[:, :3], [[2, -2, -3], [1, -0.5, -0.5]])
    np.testing.assert_array_equal(inputs[:, 3:], words)


def test_deep_features_are_a_span_of_their_own() -> None:
    raw = two_words()
    states = np.column_stack([raw.pooled.features, [7.0, 8.0, 9.0]]).astype(np.float32)
    raw = RawInputs(replace(raw.pooled, features=states), (*raw.columns, ("encoder", "deep_0")))
    inputs = assemble(raw, NORMS)
    assert inputs.spans == (("durations", 6), ("gop", 1), ("encoder states", 1))
    np.testing.assert_array_equal(inputs.phones(slice(3))[:, -1], [7, 8, 9])


def test_columns_of_words_and_utterances_are_read_by_these_alone() -> None:
    raw = two_words()
    own = np.array([[1, 5, 9], [2, 5, 9], [3, 6, 9]])
    columns = tuple(("prosody", c) for c in ("voicing", "word_voicing", "utterance_voicing"))
    features = np.column_stack([raw.pooled.features, own]).astype(np.float32)
    whole = RawInputs(replace(raw.pooled, features=features), (*raw.columns, *columns))
    before, after = assemble(raw, NORMS), assemble(whole, NORMS)
    assert after.spans == (*before.spans, ("prosody", 1))
    np.testing.assert_array_equal(after.phones(slice(3))[:, -1], [1, 2, 3])
    np.testing.assert_array_equal(after.words[:, :-1], before.words)
    np.testing.assert_array_equal(after.words[:, -1], [5, 6])
    np.testing.assert_array_equal(after.utterances[:, :-1], before.utterances)
    assert after.utterances[:, -1] == 9
    assert utterance_inputs(whole, NORMS)[0][-1] == "prosody_utterance_voicing"


def test_principal_components_are_the_directions_of_most_variance_made_alike() -> None:
    # Columns that are the same, and one by itself that varies less.
    x = torch.tensor([[2.0, 2.0, 0.5], [-2.0, -2.0, 0.5], [2.0, 2.0, -0.5], [-2.0, -2.0, -0.5]])
    one = x @ principal_components(x, 1)
    torch.testing.assert_close(one.abs(), torch.ones(4, 1))
    two = x @ principal_components(x, 2)
    torch.testing.assert_close(two.T @ two / 4, torch.eye(2), atol=1e-4, rtol=0)
    assert principal_components(x, 9).shape == (3, 3)
