"""A small RESP2/RESP3 client that keeps every byte of a reply, for tests that compare servers.

Client libraries turn replies into Python objects and lose what a comparison is about: a simple string or a bulk string,
a null bulk or a null array, a double's digits. A `Frame` keeps the type byte and the exact text. Used by the contract,
differential and benchmark programs; tests of the public behaviour with real client libraries are in `tests/commands`.

Source of the format: https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP2 and RESP3).
"""

from __future__ import annotations

import socket
from typing import NamedTuple, Self, TypeAlias

Argument: TypeAlias = bytes | str | int | float
Address: TypeAlias = tuple[str, int]
Plain: TypeAlias = bytes | int | float | bool | list["Plain"] | dict[object, "Plain"] | Exception | None

_LINES = b"+-:,#_("  # one line and nothing more
_BLOBS = b"$=!"  # a length, then that many bytes
_LISTS = b"*~>"  # a count, then that many replies
_MAPS = b"%|"  # a count, then twice that many replies


class ErrorReply(Exception):
    """The server answered with an error; `str()` of it is the whole text, code included."""


class ConnectionClosed(Exception):
    """The server closed the connection in the middle of, or before, a reply."""


class Frame(NamedTuple):
    """One reply: its type byte, then text for a line or blob (None for a null), replies for an aggregate (flat in maps)."""

    kind: bytes
    value: bytes | tuple[Frame, ...] | None

    @property
    def children(self) -> tuple[Frame, ...]:
        """The replies inside an aggregate; empty for everything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def is_error(self) -> bool:
        """True for `-` and `!` replies."""
        return self.kind in (b"-", b"!")

    def raw(self) -> bytes:
        """The bytes as the server sent them."""
        if isinstance(self.value, tuple):
            count = len(self.value) // 2 if self.kind in _MAPS else len(self.value)
            return self.kind + b"%d\r\n" % count + b"".join(child.raw() for child in self.value)
        if self.value is None:
            return self.kind + (b"\r\n" if self.kind == b"_" else b"-1\r\n")
        if self.kind in _BLOBS:
            return self.kind + b"%d\r\n%b\r\n" % (len(self.value), self.value)
        return self.kind + self.value + b"\r\n"

    def plain(self) -> Plain:
        """The reply as ordinary Python values; errors become `ErrorReply` objects (they are not raised)."""
        if isinstance(self.value, tuple):
            items = [child.plain() for child in self.value]
            if self.kind not in _MAPS:
                return items
            keys = [key if isinstance(key, bytes | int | float) else repr(key) for key in items[::2]]
            return dict(zip(keys, items[1::2], strict=True))
        if self.is_error:
            return ErrorReply((self.value or b"").decode("utf-8", "replace"))
        if self.value is None:
            return None
        match self.kind:
            case b":" | b"(":
                return int(self.value)
            case b",":
                return float(self.value)
            case b"#":
                return self.value == b"t"
            case _:
                return self.value


def encode(*arguments: Argument) -> bytes:
    """One command as a RESP array of bulk strings."""
    parts = [item if isinstance(item, bytes) else str(item).encode() for item in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


class Connection:
    """A blocking connection. `call` for one command, `send` and `read` where the bytes on the wire matter."""

    def __init__(self, address: Address, *, timeout: float = 30.0, protocol: int = 2) -> None:
        """Connect to `address` (host, port); `timeout` in seconds holds for every later read and write."""
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb", buffering=1 << 16)
        if protocol != 2:
            self.call("HELLO", protocol)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        self._stream.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.socket.sendall(data)

    def read(self) -> Frame:
        """Read one reply; raises ConnectionClosed at the end of the stream and TimeoutError when none comes."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind in _LISTS or kind in _MAPS:
            count = int(rest)
            if count < 0:
                return Frame(kind, None)
            return Frame(kind, tuple(self.read() for _ in range(count * (2 if kind in _MAPS else 1))))
        if kind in _BLOBS:
            size = int(rest)
            return Frame(kind, None) if size < 0 else Frame(kind, self._exactly(size + 2)[:-2])
        if kind == b"_":
            return Frame(kind, None)
        if kind and kind in _LINES:
            return Frame(kind, rest)
        raise ValueError(f"not a RESP reply: {line[:80]!r}")

    def frame(self, *arguments: Argument) -> Frame:
        """Send one command and read its reply, errors included."""
        self.send(encode(*arguments))
        return self.read()

    def call(self, *arguments: Argument) -> Plain:
        """Send one command and return its reply as Python values; raises ErrorReply on an error."""
        reply = self.frame(*arguments).plain()
        if isinstance(reply, ErrorReply):
            raise reply
        return reply

    def pipeline(self, commands: list[tuple[Argument, ...]]) -> list[Frame]:
        """Send many commands in one write and read as many replies."""
        self.send(b"".join(encode(*command) for command in commands))
        return [self.read() for _ in commands]

    def _line(self) -> bytes:
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionClosed(f"the server closed the connection after {line[:80]!r}")
        return line[:-2]

    def _exactly(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        if len(data) != size:
            raise ConnectionClosed(f"the server closed the connection {size - len(data)} bytes short of a reply")
        return data


def info(connection: Connection, section: str = "everything") -> dict[str, str]:
    """INFO as a dictionary; field names and values as the server wrote them."""
    text = connection.call("INFO", section)
    lines = text.decode().split("\r\n") if isinstance(text, bytes) else []
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
