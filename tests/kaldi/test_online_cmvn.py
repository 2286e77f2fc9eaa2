import numpy as np
import pytest

from pyscorer.errors import InputError
from pyscorer.kaldi.online_cmvn import (
    OnlineCmvn,
    add_to_stats,
    frames_of_splices,
    normalised_splices,
)


def stats(mean: float, variance: float = 1.0, count: float = 1000.0) -> np.ndarray:
    """CMVN statistics of one dimension."""
    return np.array([[mean * count, count], [(variance + mean**2) * count, 0]])


def frames(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


EACH = np.arange(3)[:, None]
KALDI = OnlineCmvn()


def normalised(features, options=KALDI, speaker=None, mean=5.0, splices=EACH):
    return normalised_splices(features, options, splices, stats(mean), speaker)[:, 0]


def test_the_mean_of_the_frames_so_far_and_200_of_the_training_data():
    found = normalised(frames(10, 20, 30))
    expected = [10 - (10 + 1000) / 201, 20 - (30 + 1000) / 202, 30 - (60 + 1000) / 203]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_window_forgets_and_leaves_less_room_to_the_training_data():
    options = OnlineCmvn(cmn_window=2, speaker_frames=2, global_frames=1)
    found = normalised(frames(10, 20, 40), options)
    np.testing.assert_allclose(found, [10 - 15 / 2, 20 - 30 / 2, 40 - 60 / 2])


def test_the_speakers_frames_come_before_the_training_datas():
    options = OnlineCmvn(cmn_window=5, speaker_frames=3, global_frames=3)
    found = normalised(frames(10, 20, 30), options, stats(100, count=50), mean=0)
    # t=0: itself, 3 of the speaker, 1 of all; t=2: three of its own and 2 of the speaker
    np.testing.assert_allclose(found, [10 - 310 / 5, 20 - 330 / 5, 30 - 260 / 5], rtol=1e-6)


def test_few_frames_of_a_speaker_count_as_few():
    options = OnlineCmvn(cmn_window=5, speaker_frames=3, global_frames=3)
    found = normalised(frames(10, 20, 30), options, stats(100, count=1), mean=0)
    np.testing.assert_allclose(found[0], 10 - 110 / 5, rtol=1e-6)


def test_variance_is_scaled_to_one():
    options = OnlineCmvn(cmn_window=3, speaker_frames=3, global_frames=0, norm_vars=True)
    found = normalised(frames(10, 20, 30), options)
    assert found[2] == pytest.approx((30 - 20) / np.std([10, 20, 30]))


def test_dimensions_may_be_left_alone():
    features = np.array([[10, 10], [20, 20]], dtype=np.float32)
    both = np.concatenate([stats(5)[:, :1], stats(5)], axis=1)
    options = OnlineCmvn(skip_dims=(1,))
    found = normalised_splices(features, options, np.arange(2)[:, None], both)
    np.testing.assert_allclose(found[:, 1], [10, 20])
    np.testing.assert_allclose(found[:, 0], normalised(features[:, :1], splices=EACH[:2]))


def test_without_normalisation_frames_are_as_they_were():
    found = normalised(frames(10, 20, 30), OnlineCmvn(norm_means=False))
    np.testing.assert_array_equal(found, [10, 20, 30])


def test_a_quiet_frame_takes_the_statistics_before_it_filled_up_once_more():
    options = OnlineCmvn(cmn_min_energy=50)
    found = normalised(frames(100, 10, 20), options, mean=0)
    # 1 frame and 200 of the training data, then 200 more, then 199, as the window is full
    np.testing.assert_allclose(found, [100 - 100 / 201, 10 - 100 / 401, 20 - 100 / 600], rtol=1e-6)


def test_a_loud_frame_looks_at_the_whole_window_again():
    found = normalised(frames(100, 10, 60), OnlineCmvn(cmn_min_energy=50), mean=0)
    np.testing.assert_allclose(found[2], 60 - 170 / 203, rtol=1e-6)


def test_quiet_frames_at_the_beginning_have_the_training_datas_mean():
    found = normalised(frames(10, 20, 30), OnlineCmvn(cmn_min_energy=50))
    np.testing.assert_allclose(found, [5, 15, 25], rtol=1e-6)


def test_quiet_frames_are_filled_up_each_time_that_they_are_asked_for():
    splices = np.array([[0, 1], [1, 0]])
    found = normalised_splices(frames(100, 10), OnlineCmvn(cmn_min_energy=50), splices, stats(0))
    expected = [[100 - 100 / 201, 10 - 100 / 401], [10 - 100 / 600, 100 - 100 / 201]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_no_quiet_frame_no_difference():
    features = np.random.default_rng(1).normal(100, 10, (700, 3)).astype(np.float32)
    all_stats = add_to_stats(None, features[:50])
    splices = frames_of_splices(700, 3, 2)
    one, other = (
        normalised_splices(features, OnlineCmvn(cmn_min_energy=energy), splices, all_stats)
        for energy in (None, 50)
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_splices_repeat_the_ends():
    assert frames_of_splices(3, 1, 2).tolist() == [[0, 0, 1, 2], [0, 1, 2, 2], [1, 2, 2, 2]]


def test_statistics_add_up():
    one, other = frames(1, 2), frames(3)
    np.testing.assert_array_equal(
        add_to_stats(add_to_stats(None, one), other), add_to_stats(None, frames(1, 2, 3))
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"cmn_window": 100},
        {"speaker_frames": 100},
        {"global_frames": -1},
        {"norm_means": False, "norm_vars": True},
    ],
)
def test_options_that_kaldi_refuses(wrong):
    with pytest.raises(InputError, match="online CMVN"):
        OnlineCmvn(**wrong)


def test_no_frame_to_take_a_mean_from():
    options = OnlineCmvn(global_frames=0, cmn_min_energy=50)
    with pytest.raises(InputError, match="global-frames"):
        normalised(frames(10, 20, 30), options)
