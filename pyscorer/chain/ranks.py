"""The processes (ranks) that train one network: each takes its share of every minibatch.

Sums over ranks are those of torch.distributed: gloo between CPUs, nccl between GPUs. Every rank
draws the random numbers of the whole minibatch and keeps its own, normalises with the statistics of
all, and takes the same step on the sum of the gradients, so that any number of ranks gives the same
network but for rounding.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.multiprocessing
from torch import Tensor, distributed
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException
from torch.nn import functional

from pyscorer.contract.devices import check_device
from pyscorer.errors import InputError
from pyscorer.parallel import cores

Item = TypeVar("Item")


@dataclass(frozen=True)
class Share:
    """The rows `first` up to `end` of the `whole` of a minibatch: those of one rank."""

    first: int
    end: int
    whole: int
    copies: int = 1
    """Ranks that have these very rows: all of them where there are fewer rows than ranks."""

    @property
    def weight(self) -> float:
        """By which a mean over these rows enters the mean over the minibatch."""
        return (self.end - self.first) / (self.whole * self.copies)

    def of(self, whole: Any) -> Any:
        """These rows of a list or tensor that has one for each of the minibatch."""
        return whole[self.first : self.end]


@dataclass(frozen=True)
class Ranks:
    """How many processes train together, and which this is."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this is the one that writes files."""
        return self.rank == 0

    def share(self, whole: int) -> Share:
        """What this rank takes of `whole` rows."""
        if whole < self.size:
            return Share(0, whole, whole, self.size)
        ends = [rank * whole // self.size for rank in (self.rank, self.rank + 1)]
        return Share(ends[0], ends[1], whole)

    def sum_gradients(self, parameters: Sequence[Tensor], figures: list[float]) -> list[float]:
        """Add up the gradients of all ranks, in place; returns the sums of `figures`."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        numbers = torch.tensor(figures, dtype=gradients[0].dtype, device=gradients[0].device)
        flat = torch.cat([*(g.reshape(-1) for g in gradients), numbers])
        distributed.all_reduce(flat)
        parts = flat.split([*(g.numel() for g in gradients), len(figures)])
        for gradient, part in zip(gradients, parts, strict=False):
            gradient.copy_(part.view_as(gradient))
        return [float(f) for f in parts[-1].tolist()]

    def sums(self, figures: list[float]) -> list[float]:
        """Sums over all ranks."""
        if self.size == 1:
            return figures
        numbers = torch.tensor(figures, dtype=torch.float64, device=self.device)
        distributed.all_reduce(numbers)
        return [float(f) for f in numbers.tolist()]

    def from_first(self, item: Item) -> Item:
        """What the first rank gives; of the others it does not matter."""
        if self.size == 1:
            return item
        given = [item]
        distributed.broadcast_object_list(given, device=torch.device(self.device))
        return given[0]

    def agree(self, tensors: Sequence[Tensor]) -> None:
        """Make `tensors` those of the first rank: machines of two kinds round in two ways."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)


class _SharedBatchNorm(torch.autograd.Function):
    """Batch normalisation of (rows, dim) with the statistics of all ranks."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        running: tuple[Tensor, Tensor],
        momentum: float,
        epsilon: float,
        copies: int,
    ) -> Tensor:
        wide = x.float()
        mean, variance = (v.double() for v in torch.batch_norm_update_stats(wide, None, None, 0.0))
        dim, rows = len(mean), len(x)
        # Sums of squares are subtracted below: in double precision nothing is lost.
        moments = torch.cat([mean, variance + mean.square(), mean.new_ones(1)]) * rows
        distributed.all_reduce(moments)
        count = moments[-1]
        mean, square = moments[:dim] / count, moments[dim:-1] / count
        variance = (square - mean.square()).clamp_min(0.0)
        seen = count / copies
        running[0].lerp_(mean.float(), momentum)
        running[1].lerp_((variance * (seen / (seen - 1.0).clamp_min(1.0))).float(), momentum)
        mean, variance = mean.float(), variance.float()
        y = functional.batch_norm(wide, mean, variance, training=False, eps=epsilon)
        ctx.save_for_backward(y, (variance + epsilon).rsqrt(), count.float())
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        y, scale, count = ctx.saved_tensors
        wide = gradient.float()
        product = wide * y
        sums = torch.stack([wide.sum(0), product.sum(0)])
        distributed.all_reduce(sums)
        means = sums / count
        torch.addcmul(wide, y, means[1], value=-1.0, out=product)
        product.sub_(means[0]).mul_(scale)
        return product.to(gradient.dtype), None, None, None, None


def shared_batch_norm(
    x: Tensor, running: tuple[Tensor, Tensor], momentum: float, epsilon: float, share: Share
) -> Tensor:
    """`batch_norm` (training, no scale and offset) of rows (rows, dim) that ranks have shares of.

    `running` are mean and variance, which move by `momentum`. Not so cheap as torch's own, which
    CPUs have for one process only.
    """
    y: Tensor = _SharedBatchNorm.apply(x, running, momentum, epsilon, share.copies)
    return y


def under_launcher() -> bool:
    """Whether torchrun, or whoever sets the same variables, started this process as one of many."""
    return {"RANK", "WORLD_SIZE"} <= os.environ.keys()


@contextmanager
def joined(device: str, threads: int, rendezvous: str = "env://") -> Iterator[Ranks]:
    """Be one of the processes that the environment tells of; without any, the only one.

    torch gets its part of `threads` (0: of all cores of the machine), a process its own GPU.
    Raises InputError for a device that is not there, and for more processes than GPUs.
    """
    local = int(os.environ.get("LOCAL_RANK", "0"))
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if not under_launcher():
        torch.set_num_threads(threads or cores())
        yield Ranks(device=check_device(device))
        return
    torch.set_num_threads(max(1, (threads or cores()) // beside))
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    on_gpu = device.startswith("cuda")
    if on_gpu:
        if torch.cuda.device_count() <= local:
            raise InputError(
                f"process {local + 1} of this machine has no GPU: there are "
                f"{torch.cuda.device_count()}; start one process a GPU"
            )
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    if rank > 0:
        logging.getLogger("pyscorer").setLevel(logging.WARNING)
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo", init_method=rendezvous, rank=rank, world_size=size
    )
    yield Ranks(rank, size, device)
    # Not after a fault: the others would complain of a lost connection before it has been told.
    distributed.destroy_process_group()


def spread(function: Callable[..., None], processes: int, *arguments: Any) -> None:
    """Run `function(*arguments, rendezvous)` in so many processes of this machine.

    Each finds its rank in the environment, as torchrun sets it. Where one ends early, all do, and
    what it says of bad input or of the machine is raised here.
    """
    context = torch.multiprocessing.get_context("spawn")
    faults = context.SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="pyscorer-ranks-") as folder:
        rendezvous = (Path(folder) / "rendezvous").as_uri()
        try:
            torch.multiprocessing.spawn(
                _as_rank, (processes, faults, function, *arguments, rendezvous), processes
            )
        except (ProcessRaisedException, ProcessExitedException) as end:
            if not faults.empty():
                raise faults.get() from None
            if getattr(end, "signal_name", None) == "SIGKILL":
                raise InputError(
                    f"one of {processes} processes was killed, most likely for want of memory: "
                    "start fewer"
                ) from None
            raise


def _as_rank(rank: int, size: int, faults: Any, function: Callable[..., None], *args: Any) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
    }
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        function(*args)
    except (InputError, OSError, MemoryError) as error:
        faults.put(error)
        raise SystemExit(2) from None
