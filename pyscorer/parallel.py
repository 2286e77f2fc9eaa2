"""Work spread over processes, with results in order and bounded memory."""

import itertools
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

Task = TypeVar("Task")
Result = TypeVar("Result")
Shared = TypeVar("Shared")


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


ENDS = [getattr(signal, s) for s in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, s)]
"""Signals to end."""
_SHARED: Any = None
"""What this worker's tasks have in common, see `shared_map`."""


def begin_worker(shared: Any = None) -> None:
    """Settle a new worker process: its threads, and when and how it ends."""
    global _SHARED
    _SHARED = shared
    for number in ENDS:
        signal.signal(number, _end)
    threadpool_limits(1)
    if "torch" in sys.modules:  # its threads are not there after a fork: whoever wants them hangs
        sys.modules["torch"].set_num_threads(1)
    # A killed run (kill -9) must leave no processes behind that wait for work for ever.
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if hasattr(signal, "pthread_sigmask"):  # they are for the main thread, which may sleep
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_ENDING = False


def _end(number: int, frame: FrameType | None) -> None:
    global _ENDING
    if not _ENDING:  # Ctrl-C is followed by the parent's SIGTERM: once, lest clean-up be cut short
        _ENDING = True
        sys.exit(128 + number)


def _pickled(function: Callable[[Task], Result], task: Task) -> bytes:
    try:
        # As plain bytes: torch would hand tensors over as open files, one for each.
        return pickle.dumps(function(task))
    except SystemExit as end:  # which the pool would take for a result, and go on
        os._exit(end.code if isinstance(end.code, int) else 1)


def ordered_map(
    function: Callable[[Task], Result], tasks: Iterable[Task], jobs: int
) -> Iterator[Result]:
    """Yield `function(task)` in the order of `tasks`, computed by `jobs` processes (0: all cores).

    At most `3 * jobs` tasks are drawn ahead of the one yielded, so memory is bounded whatever the
    number of tasks. `function` must be a module-level function; its exceptions are raised here.
    """
    jobs = jobs or cores()
    if jobs == 1:
        yield from map(function, tasks)
        return
    yield from _spread(function, tasks, jobs, None)


def _spread(
    function: Callable[[Task], Result], tasks: Iterable[Task], jobs: int, shared: object
) -> Iterator[Result]:
    remaining = iter(tasks)
    with ProcessPoolExecutor(jobs, initializer=begin_worker, initargs=(shared,)) as pool:
        pending: deque[Future[bytes]] = deque()
        try:
            for task in itertools.islice(remaining, 3 * jobs):
                pending.append(pool.submit(_pickled, function, task))
            while pending:
                yield pickle.loads(pending.popleft().result())
                for task in itertools.islice(remaining, 1):
                    pending.append(pool.submit(_pickled, function, task))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def shared_map(
    function: Callable[[Shared, Task], Result], shared: Shared, tasks: Iterable[Task], jobs: int
) -> Iterator[Result]:
    """`ordered_map` of `function(shared, task)`; `shared` reaches each process once.

    A forked process sees the parent's memory, so large data and loaded models cost nothing more.
    """
    if (jobs or cores()) == 1:
        yield from map(partial(function, shared), tasks)
        return
    yield from _spread(partial(_with_shared, function), tasks, jobs or cores(), shared)


def _with_shared(function: Callable[[Any, Task], Result], task: Task) -> Result:
    return function(_SHARED, task)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch and BLAS with one thread, as context or decorator: processes share the cores.

    Results that depend on the number of threads then do not depend on the machine.
    """
    import torch  # here: most that is spread over processes does without it

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, "blas"):
            yield
    finally:
        torch.set_num_threads(threads)


def chunks(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    """Cut `tasks` into lists of `size` (the last may be shorter)."""
    remaining = iter(tasks)
    while chunk := list(itertools.islice(remaining, size)):
        yield chunk
