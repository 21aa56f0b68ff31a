"""A socket of ours to another server for coroutines, plain or through TLS: what a replica uses until its stream begins (replication/follower)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from scrubjay_engine.security.tls import HandshakeError, TlsWire


class Channel:
    """Send and receive; `handshake` first where there is a wire. Failures are OSErrors."""

    def __init__(self, connection: socket.socket, wire: TlsWire | None) -> None:
        self.socket, self.wire = connection, wire
        self._loop = asyncio.get_running_loop()

    async def handshake(self) -> None:
        """TLS with the peer, whose certificate must be of a CA that we know. Raises ConnectionError."""
        if self.wire is None:
            return
        try:
            while not self.wire.handshake():
                await self._ready(self._loop.add_writer if self.wire.wants_write else self._loop.add_reader)
        except HandshakeError as error:
            raise ConnectionError(f"the TLS handshake failed: {error}") from None

    async def send(self, data: bytes) -> None:
        """All of it."""
        if self.wire is None:
            await self._loop.sock_sendall(self.socket, data)
            return
        while data:
            sent = self.wire.write(data)
            data = data[sent:]
            if not sent:
                await self._ready(self._loop.add_writer)

    async def receive(self, most: int) -> bytes:
        """Some of it; b"" at the end."""
        if self.wire is None:
            return await self._loop.sock_recv(self.socket, most)
        while (data := self.wire.read(most)) is None:
            await self._ready(self._loop.add_reader)
        return data

    async def _ready(self, wait: Callable[..., object]) -> None:
        """Waits until the socket is readable (`add_reader`) or writable (`add_writer`)."""
        ready = asyncio.Event()
        number = self.socket.fileno()
        wait(number, ready.set)
        try:
            await ready.wait()
        finally:
            if wait == self._loop.add_writer:
                self._loop.remove_writer(number)
            else:
                self._loop.remove_reader(number)

    def close(self) -> None:
        if self.wire is not None:
            self.wire.end()
        self.socket.close()
