"""Tables of a million lines in little memory: strings side by side, found by bisection.

A dict of strings takes some 300 bytes a line more than the line itself, and a process that is
forked copies what it reads of it.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary
from zlib import crc32

from pyscorer.contract.files import entry, read_lines, read_table


class Strings:
    """A list of strings, as their bytes one after the other."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])

    def append(self, text: str) -> None:
        """Add one at the end."""
        self._bytes += text.encode()
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> str:
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strings) and (self._ends, self._bytes) == (
            other._ends,
            other._bytes,
        )

    @property
    def sum(self) -> tuple[int, int]:
        """Number of strings, and a checksum: other strings hardly have the same."""
        return len(self), crc32(self._bytes)


_ALIVE: WeakValueDictionary[tuple[int, int], Strings] = WeakValueDictionary()
"""Keys of the tables that there are, by their checksum."""


class SortedTable(Mapping[str, str]):
    """Keys in ascending order, each with a value.

    What stands before a value's last / (folders), or last : (archives), is there once.
    """

    def __init__(self) -> None:
        self.keys_in_order = Strings()
        self._names = Strings()
        self._folders: dict[str, int] = {}
        self._folder_names: list[str] = []
        self._folder = array("i")
        self._next = 0

    def append(self, key: str, value: str) -> None:
        """Add an entry, whose key is above all others."""
        cut = max(value.rfind("/"), value.rfind(":")) + 1
        folder, name = value[:cut], value[cut:]
        number = self._folders.setdefault(folder, len(self._folders))
        if number == len(self._folder_names):
            self._folder_names.append(folder)
        self.keys_in_order.append(key)
        self._folder.append(number)
        self._names.append(name)

    def share_keys(self) -> None:
        """Hold the keys in common with the table that has the same, if there is one.

        To be called when all entries are there.
        """
        found = _ALIVE.setdefault(self.keys_in_order.sum, self.keys_in_order)
        if found == self.keys_in_order:
            self.keys_in_order = found

    def find(self, key: str) -> int:
        """The place of a key; -1 if it is not there. Who asks in order, once or often, is answered
        at once."""
        keys = self.keys_in_order
        for place in (self._next, self._next - 1):
            if 0 <= place < len(keys) and keys[place] == key:
                break
        else:
            place = bisect_left(keys, key)
            if place == len(keys) or keys[place] != key:
                return -1
        self._next = place + 1
        return place

    def value(self, place: int) -> str:
        """The value at a place."""
        return self._folder_names[self._folder[place]] + self._names[place]

    def __getitem__(self, key: str) -> str:
        place = self.find(key)
        if place < 0:
            raise KeyError(key)
        return self.value(place)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.find(key) >= 0

    def __iter__(self) -> Iterator[str]:
        return (self.keys_in_order[place] for place in range(len(self)))

    def __len__(self) -> int:
        return len(self.keys_in_order)


def sorted_table(entries: Iterable[tuple[str, str]]) -> SortedTable | None:
    """A table of entries in ascending order of their keys (as of C); None if they are in none."""
    table, last = SortedTable(), ""
    for key, value in entries:
        if key <= last:
            return None
        table.append(key, value)
        last = key
    table.share_keys()
    return table


def compact_table(entries: Iterable[tuple[str, str]], between: str = "\n") -> Mapping[str, str]:
    """A table of entries, in little memory if they are in ascending order.

    Values of a key that comes again are joined, with `between`.
    """
    table, last, rest = SortedTable(), "", dict[str, str]()
    for key, value in entries:
        if not rest and key > last:
            table.append(key, value)
            last = key
        else:
            rest = rest or dict(table)
            rest[key] = f"{rest[key]}{between}{value}" if key in rest else value
    table.share_keys()
    return rest or table


class Numbers(Mapping[str, Any]):
    """A number of each key of a table, kept in the order of its keys."""

    def __init__(self, keys: SortedTable, numbers: Any) -> None:
        self._keys, self._numbers = keys, numbers

    def __getitem__(self, key: str) -> Any:
        return self._numbers[self._place(key)]

    def __setitem__(self, key: str, number: Any) -> None:
        self._numbers[self._place(key)] = number

    def _place(self, key: str) -> int:
        place = self._keys.find(key)
        if place < 0:
            raise KeyError(key)
        return place

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def read_sorted_table(path: Path) -> SortedTable | None:
    """What `read_table` reads, of a file that is sorted; None of others, as damaged ones."""
    return sorted_table(entry(line) for _, line in read_lines(path))


def read_large_table(path: Path) -> Mapping[str, str]:
    """What `read_table` reads, with its errors, in little memory where the file is sorted."""
    table = read_sorted_table(path)
    return read_table(path) if table is None else table
