"""The one exception that users are meant to read."""

from collections.abc import Callable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class InputError(Exception):
    """Bad input or configuration.

    The message names the file, line or utterance at fault and says what to do. The command line
    prints it without a traceback and exits with status 2.
    """


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
            try:
                function([item])
            except InputError as error:
                raise InputError(f"utterance {key}: {error}") from None
        raise
