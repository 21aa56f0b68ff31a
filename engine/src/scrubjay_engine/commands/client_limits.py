"""Limits on connections: idle time (`timeout`), output buffers by class (`client-output-buffer-limit`), and all clients' memory together (`maxmemory-clients`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrubjay_engine.commands.client import NORMAL, PRIMARY, PUBSUB, kind_of
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.connection import Budget

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

CLIENT_UNAUTHENTICATED = 1 << 0
UNAUTHENTICATED_OUTPUT = (
    1024  # bytes that somebody who has not logged in may leave unread (Redis: REPLY_BUFFER_SIZE_UNAUTHENTICATED_CLIENT)
)
COMMANDS: list[object] = []


class OutputLimits:
    """Closes clients that do not read what they asked for. A limit of 0 is none."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.limits: dict[str, tuple[int, int, int]] = {}
        server.config.on_change("client-output-buffer-limit", self.follow)

    def follow(self, value: object) -> None:
        words = str(value).split()
        self.limits = {
            words[at]: (int(words[at + 1]), int(words[at + 2]), int(words[at + 3])) for at in range(0, len(words), 4)
        }

    def check(self, client: Client, size: int) -> None:
        """The client's output is this long, or about to be."""
        kind = kind_of(client)
        if kind == PRIMARY or client.closing or client.closed:
            return
        if client.gates & CLIENT_UNAUTHENTICATED and size > UNAUTHENTICATED_OUTPUT:
            self.close(client, size)
            return
        hard, soft, seconds = self.limits[kind]
        if hard and size >= hard:
            self.close(client, size)
        elif soft and size >= soft:
            now = client.engine.keyspace.now_ms
            since = client.notes.setdefault("over_soft_limit", now)
            if now - since > seconds * 1000:
                self.close(client, size)
        else:
            client.notes.pop("over_soft_limit", None)

    def close(self, client: Client, size: int) -> None:
        log.warning(
            "Client %s scheduled to be closed ASAP for overcoming of output buffer limits: %d bytes unread, class %s",
            client.address,
            size,
            kind_of(client),
        )
        client.close_soon()

    def check_all(self) -> None:
        """Soft limits are also reached by time passing."""
        for client in list(self.server.engine.clients.values()):
            if not client.closed:
                self.check(client, client.output_bytes)


class ClientMemory:
    """Closes the biggest clients while all together take more than `maxmemory-clients`: as soon as one of them has made it too much, and looking at all of them now
    and then."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.budget = Budget(self.evict)

    def limit(self) -> int:
        value = self.server.config.number("maxmemory-clients")
        return self.server.engine.maxmemory * -value // 100 if value < 0 else value

    def evict(self) -> None:
        """Count everybody anew, then close who has most. Clients that asked for NO-EVICT count, but stay."""
        limit = self.budget.limit = self.limit()
        if not limit:
            return
        sizes = self._sizes()
        for client in sorted(sizes, key=lambda each: sizes[each], reverse=True):
            if self.budget.taken <= limit:
                break
            if not client.no_evict:
                self._close(client, limit)
        # What cannot be evicted is not looked at again before there is more of it.
        self.budget.alarm = max(limit, self.budget.taken)

    def _sizes(self) -> dict[Client, int]:
        sizes = {}
        for client in self.server.engine.clients.values():
            counts = not (client.doomed or client.closed) and kind_of(client) in (NORMAL, PUBSUB)
            sizes[client] = client.memory if counts else 0
            self.budget.set(client, sizes[client])
        return {client: size for client, size in sizes.items() if size}

    def _close(self, client: Client, limit: int) -> None:
        log.info(
            "Evicting client %s: clients take %d bytes, maxmemory-clients is %d",
            client.address,
            self.budget.taken,
            limit,
        )
        stats = self.server.engine.parts["stats"]
        stats["evicted_clients"] = stats.get("evicted_clients", 0) + 1
        self.budget.set(client, 0)
        client.close_soon()


def close_idle(server: Server) -> None:
    """`timeout`: seconds without a command after which a normal client is disconnected."""
    seconds = server.config.number("timeout")
    if not seconds:
        return
    now = server.engine.keyspace.now_ms
    for client in list(server.engine.clients.values()):
        if (
            kind_of(client) == NORMAL
            and client.blocked is None
            and client.replica is None
            and now - client.active_ms > seconds * 1000
        ):
            log.info("Closing idle client %s", client.address)
            client.close()


def close_unauthenticated(server: Server) -> None:
    """`authentication-timeout`: seconds after which a connection that has not logged in is ended, whatever it sends (slow-loris); 0: none."""
    seconds = server.config.number("authentication-timeout")
    if not seconds:
        return
    now = server.engine.keyspace.now_ms
    for client in list(server.engine.clients.values()):
        if client.gates & CLIENT_UNAUTHENTICATED and now - client.created_ms > seconds * 1000:
            log.info("Closing client %s: it has not logged in within %d seconds", client.address, seconds)
            stats = server.engine.parts["stats"]
            stats["unauthenticated_closed"] = stats.get("unauthenticated_closed", 0) + 1
            client.close()


def install(server: Server) -> None:
    """The checks and when they happen."""
    limits = OutputLimits(server)
    memory = ClientMemory(server)
    server.engine.parts["output_limits"] = limits.check
    server.engine.parts["client_memory"] = memory
    server.engine.parts["client_budget"] = memory.budget
    server.every(0.1, limits.check_all)
    server.every(0.1, memory.evict)
    server.config.on_change("maxmemory-clients", lambda _: memory.evict(), now=False)
    server.every(1, lambda: close_idle(server))
    server.every(1, lambda: close_unauthenticated(server))
