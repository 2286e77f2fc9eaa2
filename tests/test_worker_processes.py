import subprocess
import sys

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from pyscorer.parallel import one_thread, ordered_map, shared_map


def _ramp(size: int) -> torch.Tensor:
    return torch.arange(size, dtype=torch.float32) * 2


def test_tensors_come_back_as_plain_memory_in_order() -> None:
    sizes = [3, 100_000, 5]
    found = list(ordered_map(_ramp, sizes, 2))
    assert [len(tensor) for tensor in found] == sizes
    # Not by open files, of which there are 1,024 for a process on many machines.
    assert not any(tensor.is_shared() for tensor in found)
    assert found[1][-1] == 199_998


PARENT_WITH_THREADS = """
import torch
from pyscorer.parallel import ordered_map

def large_sum(size):
    return float(torch.ones(size).add(1).sum())

torch.set_num_threads(2)
large_sum(10_000_000)  # starts the parent's threads
print(list(ordered_map(large_sum, [1_000_000] * 4, 2)))
"""


def test_workers_do_not_wait_for_threads_that_a_fork_leaves_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT_WITH_THREADS],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str([2_000_000.0] * 4)


def _blas_threads(_: int = 0) -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_where_processes_share_the_cores() -> None:
    with threadpool_limits(2, "blas"):
        with one_thread():
            assert _blas_threads() == {1}
        assert _blas_threads() == {2}
        assert list(ordered_map(_blas_threads, [0, 1], 2)) == [{1}, {1}]


def _scaled(factors: dict[str, float], task: tuple[str, float]) -> float:
    return factors[task[0]] * task[1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_tasks_share_reaches_every_process(jobs: int) -> None:
    for factor in (2.0, 3.0):  # a second call has its own
        tasks = [("a", float(i)) for i in range(5)]
        found = list(shared_map(_scaled, {"a": factor}, tasks, jobs))
        assert found == [factor * i for i in range(5)]
