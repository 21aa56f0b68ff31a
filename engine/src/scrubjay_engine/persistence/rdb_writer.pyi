from collections.abc import Iterable

class RdbWriter:
    """Writes an RDB file, or the body of one value, into a buffer that `take` empties."""

    def __init__(self, compress: bool = True, checksum: bool = True) -> None: ...
    def header(self, version: int = 9) -> None: ...
    def aux(self, name: bytes, value: bytes) -> None: ...
    def database(self, index: int, keys: int, expires: int) -> None:
        """What follows belongs to database `index`; the sizes are hints for the reader."""

    def function(self, code: bytes) -> None: ...
    def key(self, kind: int, key: bytes, expire: int = -1, idle: int = -1, frequency: int = -1) -> None:
        """The head of a key: its type, its expiry in Unix milliseconds (-1: none)."""

    def byte(self, value: int) -> None: ...
    def length(self, n: int) -> None: ...
    def string(self, value: bytes) -> None: ...
    def strings(self, values: Iterable[bytes]) -> int:
        """Several strings; how many."""

    def scores(self, pairs: Iterable[tuple[bytes, float]]) -> int:
        """Members and scores; how many pairs."""

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""

    def integer(self, value: int) -> None:
        """Eight bytes, little-endian (times)."""

    def eof(self) -> None:
        """The end marker and the checksum: the last thing of a file."""

    def pending(self) -> int:
        """Bytes that wait in the buffer."""

    def take(self) -> bytes:
        """What was written since the last time."""

def with_footer(body: bytes) -> bytes:
    """A DUMP payload: the body (type byte and value), the version, the checksum of all before it."""

def without_footer(payload: bytes) -> bytes:
    """The body of a DUMP payload; CorruptData when its version or checksum is wrong."""
