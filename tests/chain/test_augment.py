import torch

from pyscorer.chain.augment import Augmentation, mask_frequencies, mask_times, warp_frequencies


def test_warping_moves_a_peak_along_the_frequencies():
    torch.manual_seed(0)
    x = torch.zeros(200, 2, 40)
    x[:, :, 20] = 1.0
    warped = warp_frequencies(x, 0.1)
    peaks = warped[:, 0].argmax(dim=1)
    assert {19, 20, 21} <= set(peaks.tolist()) <= {18, 19, 20, 21, 22}
    # one factor a sequence: all its frames are warped alike
    torch.testing.assert_close(warped[:, 0], warped[:, 1])


def test_warping_keeps_a_flat_spectrum():
    x = torch.full((3, 5, 40), 2.5)
    torch.testing.assert_close(warp_frequencies(x, 0.1), x)


def test_no_warp_is_the_identity():
    x = torch.randn(2, 5, 40)
    torch.testing.assert_close(warp_frequencies(x, 0.0), x, atol=1e-4, rtol=0)


def test_one_band_of_at_most_the_given_share_is_masked():
    torch.manual_seed(0)
    masked = mask_frequencies(torch.ones(300, 4, 40), 0.25) == 0
    assert (masked == masked[:, :1]).all()
    widths = masked[:, 0].sum(dim=1)
    assert (widths.min(), widths.max()) == (0, 10)
    edges = (masked[:, 0, 1:] != masked[:, 0, :-1]).sum(dim=1)
    assert edges.max() == 2


def test_share_of_frames_masked():
    torch.manual_seed(0)
    masked = mask_times(torch.ones(400, 150, 40), 0.2, 20) == 0
    assert (masked == masked[:, :, :1]).all()
    assert 0.14 < masked.float().mean() < 0.22


def test_nothing_asked_nothing_changed():
    x = torch.randn(2, 5, 40)
    assert Augmentation(0.0, 0.0, 0.0)(x) is x
