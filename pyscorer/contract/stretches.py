"""Stretches of a file that are read as files of their own."""

import io
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True)
class Part:
    """Bytes `start` to `end` of a file behind a header that is right."""

    start: int
    end: int
    prefix: bytes = b""
    cut: bool = False
    """Whether the file lacks data that its own header, or its last packet, promises."""
    frames: int | None = None
    """How many it holds, where libsndfile would make up some more of the padding after them."""


def bytes_at(file: IO[bytes], place: int, count: int) -> bytes:
    """Up to `count` bytes from `place` on."""
    file.seek(place)
    return file.read(max(0, count))


class PartOfFile(io.RawIOBase):
    """A part as a file that can be read and sought in; closing it leaves the file open."""

    def __init__(self, file: IO[bytes], part: Part) -> None:
        self._file, self._part, self._place = file, part, 0
        self._size = len(part.prefix) + part.end - part.start

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file, but never before its beginning."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, origin + offset)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as there is something."""
        prefix = self._part.prefix
        content = prefix[self._place : self._place + len(buffer)]
        if len(content) < len(buffer) and self._place < self._size:
            begin = max(0, self._place - len(prefix)) + self._part.start
            count = min(len(buffer) - len(content), self._part.end - begin)
            content += bytes_at(self._file, begin, count)
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)
