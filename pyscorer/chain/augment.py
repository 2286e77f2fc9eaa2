"""Changes of training features that leave the phones as they are: few hours over-fit early."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyscorer.chain.ranks import Share

LOW_FREQUENCY, HIGH_FREQUENCY = 20.0, 7600.0
"""Of the 40 mel bins of the MFCC-40, as in Kaldi's mfcc_hires.conf."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of log mel energies (batch, time, bins), drawn for each sequence."""

    warp: float
    """Frequencies are stretched by up to this share (vocal tract length perturbation)."""
    frequency_mask: float
    """Share of the bins that may be set to zero, in one band."""
    time_mask: float
    """Share of the frames that is set to zero."""
    time_mask_frames: int = 20
    """Longest run of frames set to zero."""

    def __call__(self, x: Tensor, share: Share | None = None) -> Tensor:
        """Warp and mask `x`, whose mean is zero; `share` says which rows of a minibatch it is."""
        if self.warp:
            x = warp_frequencies(x, self.warp, share)
        if self.frequency_mask:
            x = mask_frequencies(x, self.frequency_mask, share)
        if self.time_mask:
            x = mask_times(x, self.time_mask, self.time_mask_frames, share)
        return x


def _mel(frequency: Tensor | float) -> Tensor:
    return 1127.0 * torch.log1p(torch.as_tensor(frequency) / 700.0)


def warp_frequencies(x: Tensor, warp: float, share: Share | None = None) -> Tensor:
    """Vocal tract length perturbation in the mel domain.

    Jaitly & Hinton, "Vocal Tract Length Perturbation (VTLP) improves speech recognition", 2013:
    bin f takes the value of frequency a f, by linear interpolation, with a uniform in 1 +- `warp`
    for each sequence.
    """
    batch, time, bins = x.shape
    share = share or Share(0, batch, batch)
    low, high = _mel(LOW_FREQUENCY), _mel(HIGH_FREQUENCY)
    step = (high - low) / (bins + 1)
    frequency = 700.0 * torch.expm1((low + step * torch.arange(1, bins + 1)) / 1127.0)
    factor = 1.0 + warp * (2.0 * share.of(torch.rand(share.whole, 1)) - 1.0)
    position = ((_mel(frequency * factor) - low) / step - 1.0).clamp(0, bins - 1)
    below = position.floor().clamp(max=bins - 2)
    weight = (position - below)[:, None].to(x.device)
    index = below.long()[:, None].to(x.device).expand(batch, time, bins)
    return torch.lerp(x.gather(2, index), x.gather(2, index + 1), weight)


def mask_frequencies(x: Tensor, proportion: float, share: Share | None = None) -> Tensor:
    """Set one band of up to `proportion` of the bins to zero, for each sequence (SpecAugment).

    As Kaldi's `spec-augment-layer` (freq-max-proportion).
    """
    batch, _, bins = x.shape
    share = share or Share(0, batch, batch)
    width = (share.of(torch.rand(share.whole, 1)) * (proportion * bins + 1)).long()
    start = (share.of(torch.rand(share.whole, 1)) * (bins - width + 1)).long()
    bin_index = torch.arange(bins)
    masked = (bin_index >= start) & (bin_index < start + width)
    return x.masked_fill(masked[:, None].to(x.device), 0.0)


def mask_times(x: Tensor, proportion: float, longest: int, share: Share | None = None) -> Tensor:
    """Set runs of up to `longest` frames to zero, `proportion` of all frames on average.

    As Kaldi's `spec-augment-layer` (time-zeroed-proportion, time-mask-max-frames).
    """
    batch, time, _ = x.shape
    share = share or Share(0, batch, batch)
    # A run is longest / 2 frames on average; so many starts give the proportion, overlaps aside.
    runs = max(1, round(2.0 * proportion * time / longest))
    width = share.of(torch.randint(0, longest + 1, (share.whole, runs, 1)))
    start = (share.of(torch.rand(share.whole, runs, 1)) * (time + longest)).long() - longest
    index = torch.arange(time)
    masked = ((index >= start) & (index < start + width)).any(dim=1)
    return x.masked_fill(masked[:, :, None].to(x.device), 0.0)
