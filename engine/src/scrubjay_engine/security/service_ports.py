"""Listeners for the admin port and the HTTP ports: asyncio servers, with mutual TLS where nodes have certificates (`node-tls-*`).

Not on the data path, so Python's own ssl module does. New certificates make a new context; the listening socket stays open meanwhile, so that nobody who
connects at that moment is turned away, and connections that are there go on.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from scrubjay_engine.security.tls_ports import NODE_OPTIONS, NOT_CONFIGURED

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)
HANDSHAKE_SECONDS = 10.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def node_context(server: Server) -> ssl.SSLContext | None:
    """Our certificate, and a peer's is demanded, of the nodes' CA; None where nodes have none. Raises ValueError."""
    config = server.config
    cert, key, authority = (config.text(name) for name in NODE_OPTIONS[1:])
    if not cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(cert, key)
        context.load_verify_locations(authority)
    except OSError as error:  # ssl.SSLError is one
        log.warning("The nodes' certificates can't be used (%s, %s, %s): %s", cert, key, authority, error)
        raise ValueError(NOT_CONFIGURED) from None
    return context


def peer_context(server: Server) -> ssl.SSLContext | None:
    """For connections of ours to another node's admin port: our certificate, and that of a node is demanded. None where nodes have none. Raises ValueError."""
    if node_context(server) is None:
        return None
    cert, key, authority = (server.config.text(name) for name in NODE_OPTIONS[1:])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = (
        False  # nodes are known by their CA: they have addresses, which change, and no name of their own here
    )
    context.load_cert_chain(cert, key)
    context.load_verify_locations(authority)
    return context


class ServicePort:
    """One port. `plain` never uses TLS; `open` listens, `stop` ends the listening."""

    def __init__(self, server: Server, serve: Serve, limit: int, plain: bool = False) -> None:
        self.server, self.serve, self.limit, self.plain = server, serve, limit, plain
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, addresses: list[str] | None, port: int) -> None:
        """Listens on the addresses (None: all). Raises OSError, ValueError."""
        first = await asyncio.start_server(self._ignore, addresses, port)
        self._sockets = [each.dup() for each in first.sockets]
        await self._exchange([first])
        if not self.plain:
            self.server.config.after_change(NODE_OPTIONS, self._renew)

    @staticmethod
    async def _ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()  # between finding out the addresses and serving there is no turn of the loop: nobody comes here

    def _renew(self) -> None:
        node_context(self.server)  # refuses at once what can't be used
        task = asyncio.get_running_loop().create_task(self._exchange(self._servers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(self, before: list[asyncio.Server]) -> None:
        """Serves the sockets with the certificates of now, in place of the servers of before."""
        context = None if self.plain else node_context(self.server)
        self._servers = [
            await asyncio.start_server(
                self.serve,
                sock=each.dup(),
                limit=self.limit,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
            )
            for each in self._sockets
        ]
        for each in before:
            each.close()

    def stop(self) -> None:
        for each in self._servers:
            each.close()
        for listening in self._sockets:
            listening.close()
