"""MIGRATE's conversation with the other server: RESTORE commands out, replies in, over a plain socket with a time limit.

It blocks, so that the command runs it in a thread, and directly only within MULTI and scripts. Nothing of the engine is touched here.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import IO


class MigrateError(Exception):
    """The whole transfer failed: `text` is the error reply."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True)
class Target:
    """Where to, and how."""

    host: str
    port: int
    database: int
    seconds: float
    auth: list[bytes] = field(default_factory=list)
    replace: bool = False


def request(words: list[bytes]) -> bytes:
    """One command in RESP."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def read_line(stream: IO[bytes]) -> bytes:
    """A one-line reply. Raises MigrateError when the connection ends."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise MigrateError("IOERR error or timeout reading from target instance")
    return line[:-2]


def transfer(target: Target, rows: list[tuple[bytes, int, bytes]]) -> list[bytes | None]:
    """Send (key, milliseconds to live or 0, payload) rows; for each None, or the other side's error. Raises MigrateError."""
    try:
        connection = socket.create_connection((target.host, target.port), timeout=target.seconds)
    except OSError:
        raise MigrateError("IOERR error or timeout connecting to the client") from None
    with connection, connection.makefile("rb") as stream:
        heads = [[b"AUTH", *target.auth]] if target.auth else []
        heads.append([b"SELECT", b"%d" % target.database])
        words = [
            [b"RESTORE", key, b"%d" % ttl, payload, *([b"REPLACE"] if target.replace else [])]
            for key, ttl, payload in rows
        ]
        try:
            connection.sendall(b"".join(map(request, [*heads, *words])))
        except OSError:
            raise MigrateError("IOERR error or timeout writing to target instance") from None
        try:
            for _ in heads:
                answer = read_line(stream)
                if answer.startswith(b"-"):
                    raise MigrateError(f"ERR Target instance replied with error: {answer[1:].decode(errors='replace')}")
            answers = [read_line(stream) for _ in rows]
        except OSError:
            raise MigrateError("IOERR error or timeout reading from target instance") from None
        return [answer[1:] if answer.startswith(b"-") else None for answer in answers]
