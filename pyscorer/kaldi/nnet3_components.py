"""What the components of feed-forward nnet3 networks compute when they are tested.

Sources: Kaldi's nnet3/nnet-simple-component.cc, nnet-normalize-component.cc,
nnet-tdnn-component.cc, nnet-convolutional-component.cc, convolution.h, nnet-general-component.cc,
nnet-attention-component.cc, attention.h.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyscorer.errors import InputError
from pyscorer.kaldi.nnet3 import Component

At = Callable[[int], Tensor]
"""Input of a component at the times of its output plus an offset: rows x dim. Rows for times that
do not exist are zero."""


@dataclass(frozen=True)
class Runnable:
    """A component made ready: how it computes, and which times of its input it needs."""

    compute: Callable[[At], Tensor]
    input_dim: int
    output_dim: int
    offsets: tuple[int, ...] = (0,)
    required: tuple[int, ...] = (0,)
    """Of `offsets`, those without which a time cannot be computed; others default to zero."""


def runnable(component: Component) -> Runnable:
    """The component ready to run. Raises InputError saying what it lacks."""
    fields = component.fields

    def tensor(name: str) -> Tensor:
        value = needed(name)
        if not np.isfinite(value).all():
            raise InputError(f"{component.type}: {name} has what is no number")
        return torch.from_numpy(np.array(value, dtype=np.float32))

    def needed(name: str) -> Any:
        if name not in fields:
            raise InputError(f"{component.type} without {name}")
        return fields[name]

    match component.type:
        case (
            "FixedAffineComponent"
            | "AffineComponent"
            | "NaturalGradientAffineComponent"
            | "TdnnComponent"
            | "LinearComponent"
        ):
            linear = component.type == "LinearComponent"
            weight = tensor("Params" if linear else "LinearParams")
            bias = torch.zeros(0) if linear else tensor("BiasParams")
            offsets = tuple(needed("TimeOffsets")) if component.type == "TdnnComponent" else (0,)
            return _affine(component.type, weight, bias if bias.numel() else None, offsets)
        case "BatchNormComponent":
            return _batch_norm(component.type, fields, tensor("StatsMean"), tensor("StatsVar"))
        case "RectifiedLinearComponent":
            return _elementwise(torch.relu, needed("Dim"))
        case "LogSoftmaxComponent":
            return _elementwise(lambda x: x.log_softmax(dim=1), needed("Dim"))
        case "NoOpComponent" | "GeneralDropoutComponent" | "SpecAugmentTimeMaskComponent":
            return _elementwise(lambda x: x, needed("Dim"))
        case "DropoutComponent":
            kept = 1.0 - needed("DropoutProportion")
            return _elementwise(lambda x: x * kept, needed("Dim"))
        case "PermuteComponent":
            columns = torch.tensor(needed("ColumnMap"))
            if sorted(columns.tolist()) != list(range(len(columns))):
                raise InputError("PermuteComponent whose column map is no permutation")
            return _elementwise(lambda x: x[:, columns], len(columns))
        case "TimeHeightConvolutionComponent":
            model = {name: needed(name) for name in _CONVOLUTION}
            return _convolution(model, tensor("LinearParams"), tensor("BiasParams"))
        case "NormalizeComponent":
            dim, rms = needed("InputDim"), needed("TargetRms")
            return _normalize(dim, fields.get("BlockDim", dim), rms, fields.get("AddLogStddev"))
        case "RestrictedAttentionComponent":
            return _attention({name: needed(name) for name in _ATTENTION})
    raise InputError(f"{component.type} is read, but not run")


def _elementwise(function: Callable[[Tensor], Tensor], dim: int) -> Runnable:
    return Runnable(lambda at: function(at(0)), dim, dim)


def _affine(kind: str, weight: Tensor, bias: Tensor | None, offsets: tuple[int, ...]) -> Runnable:
    if weight.ndim != 2 or not offsets or weight.shape[1] % len(offsets):
        raise InputError(f"{kind} of {tuple(weight.shape)} over {len(offsets)} times")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise InputError(f"{kind} with {len(bias)} biases for {len(weight)} outputs")

    def compute(at: At) -> Tensor:
        x = torch.cat([at(o) for o in offsets], dim=1) if len(offsets) > 1 else at(offsets[0])
        return torch.nn.functional.linear(x, weight, bias)

    return Runnable(compute, weight.shape[1] // len(offsets), len(weight), offsets, offsets)


def _batch_norm(kind: str, fields: dict[str, Any], mean: Tensor, var: Tensor) -> Runnable:
    lacking = [f for f in ("Dim", "BlockDim", "Epsilon", "TargetRms", "Count") if f not in fields]
    if lacking:
        raise InputError(f"{kind} without {', '.join(lacking)}")
    dim, block = fields["Dim"], fields["BlockDim"]
    if fields["Count"] <= 0:
        raise InputError(f"{kind} that has seen no data: the network was never trained")
    if block < 1 or dim % block or mean.shape != (block,) or var.shape != (block,):
        raise InputError(f"{kind} of {dim} in blocks of {block} with {len(mean)} means")
    scale = fields["TargetRms"] * (var.clamp(min=0) + fields["Epsilon"]).rsqrt()
    scale, offset = (v.repeat(dim // block) for v in (scale, -mean * scale))
    return _elementwise(lambda x: torch.addcmul(offset, x, scale), dim)


def _normalize(dim: int, block: int, rms: float, add_log_stddev: bool | None) -> Runnable:
    """Each block of a row scaled to a root mean square of `rms`."""
    if add_log_stddev or block < 1 or dim % block:
        raise InputError(f"NormalizeComponent of {dim} in blocks of {block}, or with log stddev")

    def compute(x: Tensor) -> Tensor:
        blocks = x.reshape(-1, block)
        power = (blocks**2).mean(dim=1, keepdim=True) / rms**2
        return (blocks * power.clamp(min=_NORM_FLOOR).rsqrt()).reshape(x.shape)

    return _elementwise(compute, dim)


_NORM_FLOOR = 2.0**-66
_CONVOLUTION = (
    "NumFiltersIn", "NumFiltersOut", "HeightIn", "HeightOut", "HeightSubsampleOut", "Offsets",
    "RequiredTimeOffsets",
)  # fmt: skip


def _convolution(model: dict[str, Any], weight: Tensor, bias: Tensor) -> Runnable:
    """Over time and height; columns are height times filters, filter by filter within a height.

    `weight` is filters out x (offsets x filters in). Beyond the heights there are zeros.
    """
    filters_in, filters_out, height_in, height_out, step, offsets, required = (
        model[name] for name in _CONVOLUTION
    )
    sizes = (filters_in, filters_out, height_in, height_out, step)
    if min(sizes) < 1 or not offsets or weight.shape != (filters_out, len(offsets) * filters_in):
        raise InputError(
            f"TimeHeightConvolutionComponent of {tuple(weight.shape)} for {len(offsets)} offsets, "
            f"{filters_in} filters in and {filters_out} out"
        )
    times = tuple(sorted({time for time, _ in offsets}))
    if bias.shape != (filters_out,) or not required or not set(required) <= set(times):
        raise InputError("TimeHeightConvolutionComponent whose biases or times do not fit")
    below = max(0, -min(height for _, height in offsets))
    last = (height_out - 1) * step + max(height for _, height in offsets)
    above = max(0, last + 1 - height_in)

    def compute(at: At) -> Tensor:
        padded = {
            time: torch.nn.functional.pad(
                at(time).reshape(-1, height_in, filters_in), (0, 0, below, above)
            )
            for time in times
        }
        stop = (height_out - 1) * step + 1
        patches = [
            padded[time][:, below + height : below + height + stop : step]
            for time, height in offsets
        ]
        out = torch.nn.functional.linear(torch.cat(patches, dim=2), weight, bias)
        return out.reshape(len(out), -1)

    return Runnable(
        compute, height_in * filters_in, height_out * filters_out, times, tuple(required)
    )


_ATTENTION = (
    "NumHeads", "KeyDim", "ValueDim", "NumLeftInputs", "NumRightInputs", "TimeStride",
    "NumLeftInputsRequired", "NumRightInputsRequired", "OutputContext", "KeyScale",
)  # fmt: skip


def _attention(model: dict[str, Any]) -> Runnable:
    """Self-attention over a few times, some of which may be missing.

    Columns are heads, of each the key, the value, and the query (of a key and of each place). Out
    come the values weighted, and with `OutputContext` the weights.
    """
    heads, key, value, left, right, stride, need_left, need_right, weights_too, scale = (
        model[name] for name in _ATTENTION
    )
    places = left + 1 + right
    if (
        min(heads, key, value, stride) < 1
        or not 0 <= need_left <= left
        or not (0 <= need_right <= right)
    ):
        raise InputError(f"RestrictedAttentionComponent of {heads} heads over {left} and {right}")
    width = key + value + key + places
    offsets = tuple(stride * place for place in range(-left, right + 1))

    def compute(at: At) -> Tensor:
        query = at(0).reshape(-1, heads, width)[:, :, key + value :]
        around = torch.stack([at(o).reshape(-1, heads, width) for o in offsets], dim=2)
        keys, values = around[..., :key], around[..., key : key + value]
        dots = scale * (keys @ query[:, :, :key, None]).squeeze(-1)
        weights = (dots + query[:, :, key:]).softmax(dim=-1)
        out = (weights[:, :, None] @ values).squeeze(2)
        out = torch.cat([out, weights], dim=-1) if weights_too else out
        return out.reshape(len(out), -1)

    required = tuple(stride * place for place in range(-need_left, need_right + 1))
    size = value + (places if weights_too else 0)
    return Runnable(compute, heads * width, heads * size, offsets, required)
