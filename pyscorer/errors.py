"""The one exception that users are meant to read."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)


class InputError(Exception):
    """Bad input or configuration.

    The message names the file, line or utterance at fault and says what to do. The command line
    prints it without a traceback and exits with status 2.
    """


@contextmanager
def naming(place: object) -> Iterator[None]:
    """An InputError of the block gets the file and line, or whatever `place` is, before it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def attempt(function: Callable[..., Result], *arguments: object) -> Result | Exception:
    """`function(*arguments)`, or the exception that it raised.

    For many things in a row of which one that is bad must not end the work on the others. A full
    disk and the like is no fault of the one thing, and is raised.
    """
    try:
        return function(*arguments)
    except Exception as error:
        if of_the_machine(error):
            raise
        return error


def of_the_machine(error: Exception) -> bool:
    """Whether it is a full disk or the like, which is no fault of what was being worked on."""
    return isinstance(error, OSError) and error.errno in _OF_THE_MACHINE


def outcome_of(tried: Result | Exception) -> Result:
    """What `attempt` got; raises what it caught."""
    if isinstance(tried, Exception):
        raise tried
    return tried


def unless_failed(
    function: Callable[[list[Item]], Sequence[Result | Exception]],
    items: Sequence[Item | Exception],
) -> list[Result | Exception]:
    """`function` of all `items` that are no exceptions, at once; those stay in their places."""
    good = [item for item in items if not isinstance(item, Exception)]
    done = iter(function(good) if good else ())
    return [item if isinstance(item, Exception) else next(done) for item in items]


def naming_utterances(
    function: Callable[[list[Item]], list[Result]], keys: list[str], items: list[Item]
) -> list[Result]:
    """`function(items)`, whose InputError names the utterance (of `keys`) at fault.

    After an error the items are given one by one, to find out which it was.
    """
    try:
        return function(items)
    except InputError:
        for key, item in zip(keys, items, strict=True):
            with naming(f"utterance {key}"):
                function([item])
        raise
