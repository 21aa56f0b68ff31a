"""A whole server inside this process, without a listening port: what the fuzz targets throw their inputs at.

Everything is the real thing (all families installed, ACL, limits, blocking) but the timer, so that an input has the same effect each
time. What would stop, fork, sleep, connect elsewhere or write files is forbidden by ACL and left out by the targets.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile

import resp
from scrubjay_engine.config import Config
from scrubjay_engine.core.connection import Connection
from scrubjay_engine.server import Server

FORBIDDEN = (
    *(
        "shutdown",
        "debug",
        "replicaof",
        "slaveof",
        "failover",
        "psync",
        "sync",
        "replconf",
        "migrate",
        "save",
        "bgsave",
    ),
    *("bgrewriteaof", "config", "pfselftest", "eval", "eval_ro", "fcall", "fcall_ro", "function", "script", "acl"),
    *("scrubjay", "cluster", "monitor"),
)
LARGEST = 1 << 20  # bytes of one argument: what an input may make the server allocate at once


class World:
    """One server for many inputs. `reset` between them."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        config = Config()
        config.load(["--save", "", "--dir", self.folder.name, "--port", "0", "--proto-max-bulk-len", str(LARGEST)])
        self.loop.run_until_complete(self._make(config))
        self.client, self.peer = self.connect()

    async def _make(self, config: Config) -> None:
        self.server = Server(config)
        self.server.engine.loop = self.loop
        self.server._install()
        for step in self.server.before_listening:
            await step()
        self.server.engine.gates = 0  # nothing is to be loaded
        self.server.engine.refresh_clock()

    def run(self, words: list[bytes]) -> bytes:
        """The reply of one command on the connection that the targets share (empty: the command waits, or the connection was closed)."""
        reply = self.exchange(self.client, self.peer, resp.encode(*words))
        if self.client.closed or self.client.blocked is not None:
            self.renew()
        return reply

    def renew(self) -> None:
        """A fresh connection for `run`."""
        self.client.close()
        self.peer.close()
        self.client, self.peer = self.connect()

    def connect(self) -> tuple[Connection, socket.socket]:
        """A connection that may do all but what is forbidden, and its other end."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        made = self.server.take_client(ours, "", self.server.connection_class)
        assert made is not None
        return made, theirs

    def exchange(self, connection: Connection, peer: socket.socket, data: bytes) -> bytes:
        """Send bytes to a connection; all that it answers."""
        replies = bytearray()
        while data and not connection.closed:
            data = data[peer.send(data[: 1 << 16]) :]
            connection.on_readable()
            waiting = True
            while waiting:
                self.turn()
                waiting = connection.output_pending > 0
                with contextlib.suppress(BlockingIOError):
                    while got := peer.recv(1 << 20):
                        replies += got
        return bytes(replies)

    def turn(self) -> None:
        """Let the loop do what it was asked to do."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def restrict(self) -> None:
        """From now on connections may not run what is forbidden."""
        self.run([b"ACL", b"SETUSER", b"default", *(f"-{name}".encode() for name in FORBIDDEN)])
        self.check()

    def check(self) -> None:
        """Raises AssertionError when a value's invariants are broken or a handler failed in a way that is no reply."""
        assert self.server.engine.unexpected_errors == 0, "a handler failed: see the log"
        for database in self.server.engine.keyspace.databases:
            for key in list(database.keys()):
                value = database.value(key)
                if hasattr(value, "check"):
                    value.check()

    def reset(self) -> None:
        """Empty databases, and one fresh client."""
        for client in list(self.server.engine.clients.values()):
            client.close()
        self.renew()
        for database in self.server.engine.keyspace.databases:
            database.flush()
        while self.server.engine.keyspace.free_lazily(1 << 20):
            pass
        self.turn()

    def close(self) -> None:
        """End it; the files it had are removed."""
        self.client.close()
        self.peer.close()
        for task in list(self.server._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(task)
        self.loop.close()
        self.folder.cleanup()
