"""The replication stream: the bytes that every replica gets, kept once for all of them.

Positions count the bytes of the stream from its beginning (INFO's `master_repl_offset`); a replica that has N bytes is at position N and asks
for byte N + 1 (PSYNC). The stream is a row of blocks. A block goes when it lies wholly before the backlog *and* before every reader: the
backlog is what a replica may have missed and still continue, a reader is a replica that has not been sent everything yet.

Invariants:
1. `start <= every reader.position <= end`, and every byte in [start, end) is held exactly once.
2. `end - start >= min(backlog size, bytes ever fed)`.
3. A SELECT stands before the first command of another database than the one before, and before the first command after `forget_database`.

Fed by replication/primary (own writes) or replication/follower (the primary's bytes, passed on as they came).
"""

from bisect import bisect_right
from typing import Protocol

BLOCK = 16 * 1024


class Reader(Protocol):
    """Somebody who still needs the bytes from its position on."""

    position: int


class ReplicationStream:
    """A byte stream with a window: `[start, end)` can be read."""

    def __init__(self, backlog_size: int, position: int = 0) -> None:
        self.backlog_size = backlog_size
        self.readers: set[Reader] = set()
        self.start = position
        self.end = position
        self._blocks: list[bytearray] = []
        self._starts: list[int] = []
        self.database = -1  # selected by the last SELECT in the stream; -1: the next command gets one

    def feed(self, database: int, command: bytes) -> None:
        """Append one encoded command that belongs to a database (-1: to none, as PING does)."""
        if database != self.database and database >= 0:
            number = b"%d" % database
            self.append(b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%b\r\n" % (len(number), number))
            self.database = database
        self.append(command)

    def forget_database(self) -> None:
        """The next command gets a SELECT: a replica is about to start reading here."""
        self.database = -1

    def append(self, data: bytes) -> None:
        """Append bytes as they are."""
        if not self._blocks or len(self._blocks[-1]) >= BLOCK:
            self._blocks.append(bytearray())
            self._starts.append(self.end)
            self.trim()
        self._blocks[-1] += data
        self.end += len(data)

    def trim(self) -> None:
        """Let go of blocks that nobody needs any more."""
        wanted = self.end - self.backlog_size
        for reader in self.readers:
            wanted = min(wanted, reader.position)
        drop = 0
        while drop < len(self._blocks) - 1 and self._starts[drop + 1] <= wanted:
            drop += 1
        if drop:
            del self._blocks[:drop], self._starts[:drop]
            self.start = self._starts[0]

    def holds(self, position: int) -> bool:
        """Whether a replica at that position can go on from here."""
        return self.start <= position <= self.end

    def read(self, position: int, limit: int = 1 << 16) -> bytes:
        """Up to `limit` bytes from `position` on; empty at the end. KeyError when they are not held (any more)."""
        if not self.holds(position):
            raise KeyError(f"position {position} is outside of {self.start}..{self.end}")
        parts: list[bytes] = []
        index = bisect_right(self._starts, position) - 1
        while limit > 0 and 0 <= index < len(self._blocks):
            at = position - self._starts[index]
            part = bytes(memoryview(self._blocks[index])[at : at + limit])
            parts.append(part)
            position += len(part)
            limit -= len(part)
            index += 1
        return b"".join(parts)

    def held(self) -> int:
        """Bytes in memory."""
        return self.end - self.start

    def unread(self) -> int:
        """Bytes beyond the backlog that are kept because a reader has not got them yet."""
        slowest = min((reader.position for reader in self.readers), default=self.end)
        return max(self.end - slowest - self.backlog_size, 0)

    def restart(self, position: int) -> None:
        """Begin anew at a position with nothing held (a full synchronisation gave us another history)."""
        self._blocks.clear()
        self._starts.clear()
        self.start = self.end = position
        self.database = -1
