"""Commands out of an append-only file, with the position behind each, so that a torn tail can be cut off exactly. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

CHUNK = 1 << 20
LONGEST = 512 * 1024 * 1024


class TornTail(Exception):
    """The file ends within a command: whatever stands before `position` is whole."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class BadFormat(Exception):
    """At `position` stands something that no crash can have left there."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class AofReader:
    """Reads commands one after another. `position` is where the last one ended."""

    def __init__(self, file: IO[bytes], position: int = 0, head: bytes = b"") -> None:
        self._file = file
        self._data = head
        self._at = 0
        self.position = position

    def commands(self) -> Iterator[list[bytes]]:
        """Each command's words. Raises TornTail and BadFormat."""
        while True:
            start = self._at
            if start == len(self._data) and not self._more():
                return
            start = self._at
            if self._data[self._at : self._at + 1] == b"#":  # an annotation (#TS:seconds)
                self._line()
                self.position += self._at - start
                continue
            words = self._command()
            self.position += self._at - start
            if words:
                yield words
            if self._at > CHUNK:
                self._data, self._at = self._data[self._at :], 0

    def _more(self) -> bool:
        """Read on; False at the end of the file."""
        fresh = self._file.read(CHUNK)
        if not fresh:
            return False
        if self._at == len(self._data):
            self._data, self._at = fresh, 0
        else:
            self._data += fresh
        return True

    def _line(self) -> bytes:
        while True:
            end = self._data.find(b"\n", self._at)
            if end >= 0:
                line = self._data[self._at : end].rstrip(b"\r")
                self._at = end + 1
                return line
            if not self._more():
                raise TornTail(self.position)

    def _count(self, kind: bytes) -> int:
        line = self._line()
        if line[:1] != kind or not line[1:].isdigit():
            raise BadFormat(self.position)
        return int(line[1:])

    def _command(self) -> list[bytes]:
        if self._data[self._at : self._at + 1] != b"*":
            raise BadFormat(self.position)
        data, at = self._data, self._at
        words: list[bytes] = []
        # The quick way: everything is in memory. Anything odd starts over the careful way.
        try:
            end = data.index(b"\r\n", at)
            for _ in range(int(data[at + 1 : end])):
                at = end + 2 if not words else at
                end = data.index(b"\r\n", at)
                size = int(data[at + 1 : end])
                word = data[end + 2 : end + 2 + size]
                if data[at] != 36 or len(word) != size or data[end + 2 + size : end + 4 + size] != b"\r\n":
                    return self._slowly()
                words.append(word)
                at = end + 4 + size
        except (ValueError, IndexError):
            return self._slowly()
        self._at = at if words else end + 2
        return words

    def _slowly(self) -> list[bytes]:
        words = []
        start = self._at
        for _ in range(self._count(b"*")):
            size = self._count(b"$")
            if size > LONGEST:
                raise BadFormat(self.position)
            while len(self._data) - self._at < size + 2:
                kept = self._at - start
                self._data, self._at = self._data[start:], kept
                start = 0
                if not self._more():
                    raise TornTail(self.position)
            words.append(self._data[self._at : self._at + size])
            if self._data[self._at + size : self._at + size + 2] != b"\r\n":
                raise BadFormat(self.position)
            self._at += size + 2
        return words
