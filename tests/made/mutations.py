"""Files as disks, editors and networks spoil them: for fuzz tests of readers.

    @fuzz
    @given(mutated(VALID))
    def test_reader(tmp_path_factory, content):
        path = fresh(tmp_path_factory) / "file.ark"
        path.write_bytes(content)
        survives(lambda: read(path))

`survives` holds what every reader promises: an answer or an InputError, nothing else, soon, and in
bounded memory. PYSCORER_FUZZ sets the number of examples of each test (10000 for a full run).
"""

import os
import re
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pyscorer.errors import InputError

EXAMPLES = int(os.environ.get("PYSCORER_FUZZ", "25"))
SECONDS = 20
"""A reader that takes longer for a small file hangs."""
MEGABYTES = 1024
"""By which one reading may raise the peak of the process's memory."""

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 100,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""The same examples in every short run, so that it fails for all or for none."""

_EDGES = [
    b"",
    b"\0",
    b"\xff",
    b"\x80",
    b"\r\n",
    b"\n\n",
    b" ",
    b"-1",
    b"nan",
    b"1e999",
    b"\x7f" * 4,
]
_NUMBERS = [
    b"0",
    b"-1",
    b"1",
    b"99999999999",
    b"2147483648",
    b"nan",
    b"inf",
    b"1e400",
    b"0x10",
    b"",
]


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` after one to four faults: bytes flipped, cut, doubled, moved, numbers replaced."""
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        upto = min(len(content), at + draw(st.sampled_from([1, 1, 2, 4, 8, 64, 4096])))
        fault = draw(
            st.sampled_from(["flip", "set", "cut", "delete", "double", "insert", "number"])
        )
        if fault == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif fault == "set":
            content[at:upto] = draw(st.binary(min_size=upto - at, max_size=upto - at))
        elif fault == "cut":
            del content[at:]
        elif fault == "delete":
            del content[at:upto]
        elif fault == "double":
            content[at:at] = content[at:upto]
        elif fault == "insert":
            content[at:at] = draw(st.sampled_from(_EDGES))
        elif found := list(re.finditer(rb"-?\d+(?:\.\d+)?", content)):
            start, end = draw(st.sampled_from(found)).span()
            content[start:end] = draw(st.sampled_from(_NUMBERS))
    return bytes(content)


def survives(read: Callable[[], Any]) -> Any:
    """What `read` answers, or the InputError that it raises; fails for anything else."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"the reader has not ended after {SECONDS} s")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    previous = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        answer = read()
    except InputError as error:
        assert str(error).strip(), "an InputError says what is wrong"
        answer = error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES, f"the reader took {grown:.0f} MB for a small file"
    return answer


def fresh(factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a test: files are overwritten, not piled up."""
    return factory.getbasetemp()
