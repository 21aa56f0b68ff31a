"""As much of the RDB format as a backup looks at: the header, the facts at the start, and whether the end is there. The engine reads the rest.

https://github.com/redis/redis/blob/7.0.15/src/rdb.h and rdb.c are where the format is laid down.
"""

from dataclasses import dataclass, field
from typing import Final

from scrubjay_operator.backup.errors import BackupError

AUX: Final = 0xFA
END: Final = 0xFF
HEADER: Final = 9
TAIL: Final = 9  # END and a CRC-64
LOOKED_AT: Final = 64 * 1024


@dataclass(slots=True)
class Watch:
    """Looks at an RDB as it passes: `feed` each piece, `finish` at its end. Raises BackupError when it is none."""

    size: int = 0
    version: int = 0
    _head: bytearray = field(default_factory=bytearray)
    _tail: bytes = b""

    def feed(self, piece: bytes) -> None:
        if len(self._head) < LOOKED_AT:
            self._head += piece[: LOOKED_AT - len(self._head)]
        self._tail = (self._tail + piece)[-TAIL:] if len(piece) < TAIL else piece[-TAIL:]
        self.size += len(piece)
        if not self.version and len(self._head) >= HEADER:
            self.version = version_of(bytes(self._head))

    def finish(self) -> dict[str, str]:
        """The facts (AUX fields) that stand at its start."""
        if not self.version:
            raise BackupError("Damaged", f"an RDB was expected, and only {self.size} bytes came")
        if self.version >= 5 and (len(self._tail) < TAIL or self._tail[0] != END):
            raise BackupError("Damaged", "the RDB does not end as one does: a part of it is missing")
        return facts(bytes(self._head))


def version_of(head: bytes) -> int:
    """The number in `REDIS0011`."""
    if (not head.startswith(b"REDIS") and not head.startswith(b"VALKEY")) or not head[6:9].isdigit():
        raise BackupError("NotAnRdb", f"this is not an RDB: it begins with {head[:9]!r}")
    return int(head[5:9]) if head.startswith(b"REDIS") else int(head[6:9])


def facts(head: bytes) -> dict[str, str]:
    """The AUX fields; reading ends at the first thing that is none."""
    found: dict[str, str] = {}
    at = HEADER
    while at < len(head) and head[at] == AUX:
        name, at = _string(head, at + 1)
        value, at = _string(head, at)
        if name is None or value is None:
            break
        found[name] = value
    return found


def _string(data: bytes, at: int) -> tuple[str | None, int]:
    """One string: with a length of 6 or 14 bits, or an integer of 8, 16 or 32 bits; None where it is longer or cut."""
    if at >= len(data):
        return None, at
    kind, low = data[at] >> 6, data[at] & 0x3F
    if kind == 0:
        return data[at + 1 : at + 1 + low].decode(errors="replace"), at + 1 + low
    if kind == 1 and at + 1 < len(data):
        size = low << 8 | data[at + 1]
        return data[at + 2 : at + 2 + size].decode(errors="replace"), at + 2 + size
    if kind == 3 and low in (0, 1, 2):
        width = 1 << low
        return str(int.from_bytes(data[at + 1 : at + 1 + width], "little", signed=True)), at + 1 + width
    return None, at
