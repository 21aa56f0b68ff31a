"""A cache node as a backup sees it: who it is, and one RDB image of it over its own replication (PSYNC).

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/ and `redis-cli --rdb` of Redis 7, which asks in the same way: `REPLCONF rdb-only 1`
says that only the image is wanted, so the node keeps no stream for us. Works with any server that speaks PSYNC; one that does not know `rdb-only` is asked
without it, and left when the image is whole.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from scrubjay_operator.backup.errors import BackupError

CHUNK: Final = 1 << 18
MARK: Final = 40
LONGEST_LINE: Final = 1 << 16
CONNECT_S: Final = 10.0
SILENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node takes clients, and how it wants to be greeted. `tls` is the context to use, None for plain text."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class About:
    """What a node says of itself. `link_up` is True for a primary."""

    role: str
    offset: int
    link_up: bool
    version: str
    keys: int
    used_memory: int


class Node:
    """One connection. Raises BackupError("SourceLost") whenever the node does not answer as it should."""

    def __init__(self, address: Address, silence: float = SILENCE_S) -> None:
        self.address = address
        self._buffer = b""
        try:
            self._socket = socket.create_connection((address.host, address.port), CONNECT_S)
            if address.tls is not None:
                self._socket = address.tls.wrap_socket(self._socket, server_hostname=address.host)
        except OSError as error:
            raise _lost(address, f"cannot be reached: {error}") from error
        self._socket.settimeout(silence)
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _greet(self) -> None:
        if not self.address.password:
            return
        words = [self.address.user, self.address.password] if self.address.user else [self.address.password]
        answer = self.call("AUTH", *words)
        if answer.startswith(b"-") and b"without any password" not in answer:
            raise BackupError("SourceRefuses", f"{self.address} refuses our password: {_text(answer)}")

    def call(self, *words: str) -> bytes:
        """One command with a one-line answer, as it came, `+`, `-` or `:` first."""
        self._send(*words)
        return self._line()

    def info(self) -> dict[str, str]:
        """INFO, as one table."""
        self._send("INFO")
        header = self._line()
        if not header.startswith(b"$"):
            raise BackupError("SourceRefuses", f"{self.address} answers INFO with {_text(header)}", again=True)
        text = self._exactly(int(header[1:]) + 2).decode(errors="replace")
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line and line[0] != "#")

    def about(self) -> About:
        """Its role and how far it is."""
        info = self.info()
        replica = info.get("role") == "slave"
        keys = sum(int(value.split("keys=")[1].split(",")[0]) for name, value in info.items() if _is_database(name))
        return About(
            role="replica" if replica else "primary",
            offset=int(info.get("slave_repl_offset" if replica else "master_repl_offset") or 0),
            link_up=not replica or info.get("master_link_status") == "up",
            version=info.get("scrubjay_version") or info.get("redis_version", ""),
            keys=keys,
            used_memory=int(info.get("used_memory") or 0),
        )

    def image(self) -> "Image":
        """Ask for an image; it is at one moment of the node's data. The connection is of no other use after this."""
        answer = self.call("REPLCONF", "capa", "eof", "capa", "psync2", "capa", "scrubjay-exact")
        if answer.startswith(b"-"):
            raise BackupError("SourceRefuses", f"{self.address} does not let us replicate: {_text(answer)}")
        self.call("REPLCONF", "rdb-only", "1")
        answer = self.call("PSYNC", "?", "-1")
        words = answer.decode(errors="replace").split()
        if len(words) < 3 or words[0] != "+FULLRESYNC":
            again = answer.startswith((b"-NOMASTERLINK", b"-LOADING", b"-MASTERDOWN", b"-BUSY"))
            raise BackupError("SourceRefuses", f"{self.address} refuses PSYNC: {_text(answer)}", again=again)
        header = self._line()
        if not header.startswith(b"$"):
            raise _lost(self.address, f"began its image with {_text(header)}")
        if header.startswith(b"$EOF:"):
            return Image(self, words[1], int(words[2]), header[5:], None)
        return Image(self, words[1], int(words[2]), b"", int(header[1:]))

    def _send(self, *words: str) -> None:
        encoded = [word.encode() for word in words]
        data = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _lost(self.address, f"is gone: {error}") from error

    def receive(self) -> bytes:
        """What comes next, at least one byte."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
            return data
        try:
            data = self._socket.recv(CHUNK)
        except TimeoutError as error:
            raise _lost(self.address, f"was silent for {self._socket.gettimeout():.0f} s") from error
        except OSError as error:
            raise _lost(self.address, f"is gone: {error}") from error
        if not data:
            raise _lost(self.address, "closed the connection")
        return data

    def _line(self) -> bytes:
        """The next line; empty ones only say that the node is alive."""
        data = b""
        while True:
            line, found, rest = data.partition(b"\n")
            if found:
                if line.strip():
                    self._buffer = rest
                    return line.rstrip(b"\r")
                data = rest
                continue
            if len(data) > LONGEST_LINE:
                raise _lost(self.address, "sent a line without end")
            data += self.receive()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.receive()
        self._buffer = data[size:] + self._buffer
        return data[:size]


class Image:
    """One RDB on its way: iterate once over its bytes. Raises BackupError("SourceLost") when it does not come to its end."""

    def __init__(self, node: Node, replication_id: str, offset: int, mark: bytes, size: int | None) -> None:
        self.replication_id = replication_id
        self.offset = offset
        self.moment = time.time()
        self._node = node
        self._mark = mark
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        return self._until_mark() if self._size is None else self._of_size(self._size)

    def _of_size(self, left: int) -> Iterator[bytes]:
        while left:
            data = self._node.receive()
            piece = data[:left]
            left -= len(piece)
            yield piece

    def _until_mark(self) -> Iterator[bytes]:
        """The image ends with the forty bytes that were announced; nothing follows, or what follows is the stream, which is not wanted."""
        held = b""
        while True:
            held += self._node.receive()
            at = held.find(self._mark)
            if at >= 0:
                yield held[:at]
                return
            if len(held) > MARK:
                yield held[:-MARK]
                held = held[-MARK:]


def _is_database(name: str) -> bool:
    return name.startswith("db") and name[2:].isdigit()


def _lost(address: Address, what: str) -> BackupError:
    return BackupError("SourceLost", f"{address} {what}", again=True)


def _text(answer: bytes) -> str:
    return answer.decode(errors="replace").lstrip("-+").strip()[:200]
