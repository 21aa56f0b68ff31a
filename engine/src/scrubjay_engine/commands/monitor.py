"""MONITOR: every command as it is run, to whoever asked for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scrubjay_engine.core import gates
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.security.redaction import redacted

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

CLIENT_DENY_BLOCKING = 1 << 7
ESCAPES = {0x5C: b"\\\\", 0x22: b'\\"', 0x0A: b"\\n", 0x0D: b"\\r", 0x09: b"\\t", 0x07: b"\\a", 0x08: b"\\b"}


def quoted(word: bytes) -> bytes:
    """`"as this"`, with what can't be printed escaped."""
    shown = [ESCAPES.get(c) or (bytes([c]) if 32 <= c < 127 else b"\\x%02x" % c) for c in word]
    return b'"' + b"".join(shown) + b'"'


class Monitors:
    """The clients that watch."""

    def __init__(self, server: Server) -> None:
        self.engine = server.engine
        self.clients: dict[Client, None] = {}

    def add(self, client: Client) -> None:
        self.clients[client] = None
        client.notes["monitor"] = True
        self.engine.set_gate(gates.MONITORS, True)

    def remove(self, client: Client) -> None:
        if client in self.clients:
            del self.clients[client]
            client.notes.pop("monitor", None)
            self.engine.set_gate(gates.MONITORS, bool(self.clients))

    def show(self, client: Client, args: list[bytes]) -> None:
        """The engine's hook after each command (before those that a script runs: it says so itself)."""
        now = time.time_ns() // 1000
        if client.script is not None:
            who = b"lua"
        elif client.gates & gates.CLIENT_PRIMARY or not client.address:
            who = b"?:0"
        else:
            who = client.address.encode()
        words = redacted(client.command, args) if client.command is not None else args
        line = b"+%d.%06d [%d %s] %s\r\n" % (
            now // 10**6,
            now % 10**6,
            client.db.id,
            who,
            b" ".join(quoted(word) for word in words),
        )
        for each in list(self.clients):
            each.write_raw(line)


def monitor(client: Client, args: list[bytes]) -> str:
    if client.gates & CLIENT_DENY_BLOCKING:
        raise CommandError("ERR MONITOR isn't allowed for DENY BLOCKING client")
    client.engine.parts["monitors"].add(client)
    return "OK"


def install(server: Server) -> None:
    """The hook, and the end of a watcher."""
    parts = server.engine.parts
    monitors = parts["monitors"] = Monitors(server)
    server.engine.on_monitor = monitors.show
    server.on_connection_closed.append(monitors.remove)
    parts.setdefault("on_reset", []).append(monitors.remove)


COMMANDS = family(
    "server",
    [
        command("monitor", monitor, 1, "admin noscript loading stale", since="1.0.0", summary="Every command as it is run.", complexity="O(1)"),
    ],
)  # fmt: skip
