"""The harness of the fuzz tests itself: what it lets pass, and what it does not."""

import time

import mutations
import pytest
from hypothesis import given
from mutations import fuzz, mutated, survives

from pyscorer.errors import InputError


def refuse() -> None:
    raise InputError("no")


def test_an_answer_and_a_refusal_survive() -> None:
    assert survives(lambda: 1) == 1
    assert isinstance(survives(refuse), InputError)


def test_anything_else_does_not() -> None:
    with pytest.raises(ZeroDivisionError):
        survives(lambda: 1 / 0)


def test_a_hang_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutations, "SECONDS", 1)
    with pytest.raises(TimeoutError):
        survives(lambda: time.sleep(3))


def test_memory_without_bound_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutations, "MEGABYTES", 0.1)
    held = []
    with pytest.raises(AssertionError, match="MB for a small file"):
        survives(lambda: held.append(bytes(400_000_000)[::2]))


@fuzz
@given(mutated(b"utterance 1.5\n"))
def test_mutations_are_bytes(content: bytes) -> None:
    assert isinstance(content, bytes)
