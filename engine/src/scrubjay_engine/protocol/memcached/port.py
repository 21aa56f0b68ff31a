"""memcached's ports: listeners on TCP, UDP and a unix socket, the limits on connections, and what connections ask of Python code.

`install` puts `Memcached` at `engine.parts["memcached"]` in every server; it listens only where `memcached-port`, `memcached-udp-port` or
`memcached-unixsocket` say so. The protocols themselves are in Cython next door; rare commands are in rare.py, statistics in stats.py.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scrubjay_engine.core import gates
from scrubjay_engine.core.accepting import local_address, tune
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.dispatch import call
from scrubjay_engine.protocol.memcached import metrics, rare
from scrubjay_engine.protocol.memcached.auth import AuthFile
from scrubjay_engine.protocol.memcached.connection import MemcachedConnection, datagram_session
from scrubjay_engine.protocol.memcached.items import Items
from scrubjay_engine.protocol.memcached.session import Session
from scrubjay_engine.protocol.memcached.settings import Settings
from scrubjay_engine.protocol.memcached.stats import Statistics
from scrubjay_engine.protocol.memcached.watchers import Watchers
from scrubjay_engine.version import MEMCACHED_VERSION

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

PROTOCOLS = {"auto": 0, "ascii": 1, "binary": 2}
DATAGRAM = 1400  # bytes of a UDP answer, header included: below every usual MTU
FULL = b"ERROR Too many open connections\r\n"
REPLICA = b"SERVER_ERROR this node is a replica\r\n"
PROTECTED = (
    b"SERVER_ERROR protected mode: only loopback is served until there is memcached-auth-file or protected-mode no\r\n"
)


class Memcached:
    """The memcached side of a server: its sessions, listeners and options."""

    version = MEMCACHED_VERSION.encode()

    def __init__(self, server: Server) -> None:
        self.server = server
        self.items = Items(server.engine)
        self.settings = Settings(server.config)
        self.statistics = Statistics(self)
        self.watchers = Watchers(self)
        self.sessions: set[MemcachedConnection] = set()
        self.auth: AuthFile | None = None
        self.datagrams: asyncio.DatagramTransport | None = None
        self.accepting = True

    # -- options -------------------------------------------------------------------------------------------------------

    def follow_options(self) -> None:
        """Takes the options over, now and at each change."""
        config, items = self.server.config, self.items
        items.use_cas = config.flag("memcached-cas")
        items.debug_time = config.text("enable-debug-command") == "yes"
        for option, field in (
            ("memcached-max-item-size", "item_size_max"),
            ("memcached-flush-all", "flush_enabled"),
            ("memcached-dump", "dump_enabled"),
            ("memcached-watch", "watch_enabled"),
            ("memcached-shutdown", "shutdown_enabled"),
            ("memcached-verbosity", "verbosity"),
        ):
            config.on_change(option, functools.partial(setattr, items, field))
        config.on_change("memcached-extended", self.settings.read_extended)
        if config.text("memcached-auth-file"):
            self.auth = AuthFile(Path(config.text("memcached-auth-file")))

    # -- listening -----------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Opens the ports that the options name. Raises ConfigError when one can't be had."""
        config = self.server.config
        self.server.listen("memcached", config.number("memcached-port"), self.accept)
        self.server.listen_unix(
            "memcached-unix",
            config.text("memcached-unixsocket"),
            config.number("memcached-unixsocketperm"),
            self.accept,
        )
        if config.number("memcached-udp-port"):
            await self._listen_udp(config.number("memcached-udp-port"))
        self._write_ports()

    async def _listen_udp(self, port: int) -> None:
        address = self.server.config.words("bind")[0].removeprefix("-")
        host = {"*": "0.0.0.0", "::*": "::"}.get(address, address)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(self), local_addr=(host, port))
        self.datagrams = transport

    def _write_ports(self) -> None:
        """Where MEMCACHED_PORT_FILENAME says: which ports were opened, for whoever asked for any that is free."""
        path = os.environ.get("MEMCACHED_PORT_FILENAME")
        if not path:
            return
        config = self.server.config
        lines = [
            f"{kind} INET: {config.number(option)}\n"
            for kind, option in (("TCP", "memcached-port"), ("UDP", "memcached-udp-port"))
            if config.number(option)
        ]
        Path(path + ".new").write_text("".join(lines))
        os.replace(path + ".new", path)

    async def close(self) -> None:
        """Ends UDP; the server closes the other listeners."""
        if self.datagrams is not None:
            self.datagrams.close()

    # -- connections ---------------------------------------------------------------------------------------------------

    def accept(self, connection: socket.socket, address: Any) -> None:
        """Makes an accepted socket a session, or sends it away."""
        from scrubjay_engine.server import refuse, show_address

        config = self.server.config
        self.items.total_connections += 1
        if len(self.sessions) >= config.number("memcached-max-connections"):
            self.items.rejected_connections += 1
            refuse(connection, FULL)
            return
        if self.server.engine.gates & gates.REPLICA:
            refuse(connection, REPLICA)
            return
        if isinstance(address, tuple):  # not a unix socket
            if self.protected(address):
                refuse(connection, PROTECTED)
                return
            tune(connection.fileno(), config.number("tcp-keepalive"))
        session = MemcachedConnection(self.server.engine, connection, self.closed)
        session.address = show_address(address, connection)
        session.local_address = show_address(local_address(connection.fileno()), connection)
        self._prepare(session)
        self.sessions.add(session)
        self.watchers.connected(session)
        session.start()

    def protected(self, address: Any) -> bool:
        """Protected mode: memcached clients know no Redis password, so without users of their own only this host's are served."""
        config = self.server.config
        if self.auth is not None or config.flag("managed") or not config.flag("protected-mode"):
            return False
        return not ipaddress.ip_address(address[0].partition("%")[0].removeprefix("::ffff:")).is_loopback

    def _prepare(self, session: Session) -> None:
        session.speaks = PROTOCOLS[self.server.config.text("memcached-protocol")]
        if self.auth is not None:
            session.check_login = self.auth.check
            if not self.server.config.flag("memcached-sasl"):
                session.speaks = PROTOCOLS["ascii"]

    def closed(self, client: Client) -> None:
        """A connection has ended."""
        if isinstance(client, MemcachedConnection):
            self.sessions.discard(client)
            self.watchers.disconnected(client)
        self.server.closed(client)

    def close_idle(self) -> None:
        """`memcached-idle-timeout`."""
        seconds = self.server.config.number("memcached-idle-timeout")
        if not seconds:
            return
        now = self.server.engine.keyspace.now_ms / 1000
        for session in list(self.sessions):
            if now - session.last_command > seconds and session not in self.watchers.watching:
                self.items.idle_kicks += 1
                session.notes["reason"] = "idle_timeout"
                session.close()

    def each_second(self) -> None:
        """What time alone makes due."""
        self.close_idle()
        self.watchers.tell_skipped()
        if self.items.flush_at and self.server.engine.keyspace.now_ms // 1000 >= self.items.flush_at:
            self.items.flush()
        if self.auth is not None:
            self.auth.follow()

    # -- for the sessions ----------------------------------------------------------------------------------------------

    def empty(self) -> None:
        """flush_all: database 0 is emptied as FLUSHDB does it, for Redis clients, replicas and the AOF as well."""
        self.statistics.flushed += len(self.items.db)
        call(Client.detached(self.server.engine), [b"FLUSHDB"])

    def rare(self, session: Session, words: list[bytes]) -> None:
        """A text command that is not among the hot ones."""
        rare.run(self, session, [word for word in words if word][:23])

    def binary_statistics(self, session: Session, key: bytes) -> list[tuple[bytes, bytes]] | None:
        """What the binary protocol's stat answers; None when there are no such statistics."""
        return self.statistics.binary(session, key)

    def discovery_value(self, with_cas: bool) -> bytes:
        """The older way to ask for the cluster's nodes: `get AmazonElastiCache:cluster`. Empty when there is no cluster."""
        data = self.discovery()
        if data is None:
            return b""
        cas = b" 0" if with_cas else b""
        return b"VALUE AmazonElastiCache:cluster 0 %d%s\r\n%s\r\n" % (len(data), cas, data)

    def discovery(self) -> bytes | None:
        """The cluster as auto-discovery clients read it: a version, then `host|ip|port` of each node."""
        words = self.server.config.words("memcached-cluster")
        return f"{words[0]}\n{' '.join(words[1:])}\n".encode() if words else None


class Datagrams(asyncio.DatagramProtocol):
    """UDP (doc/protocol.txt, "UDP protocol"): a request in one datagram, its answer in as many as it takes, each with a header of 8 bytes."""

    def __init__(self, memcached: Memcached) -> None:
        self.memcached = memcached
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        if len(data) <= 8 or data[4:6] != b"\0\1" or self.transport is None:
            return  # requests of several datagrams are dropped, as memcached does
        if self.memcached.auth is not None or self.memcached.protected(address):
            return  # nobody can log in by UDP
        session = datagram_session(self.memcached.server.engine)
        self.memcached.server.engine.tick()
        answer = session.serve_datagram(data[8:])
        request = data[:2]
        room = DATAGRAM - 8
        pieces = [answer[at : at + room] for at in range(0, len(answer), room)]
        for number, piece in enumerate(pieces):
            self.transport.sendto(request + struct.pack(">HHH", number, len(pieces), 0) + piece, address)


def install(server: Server) -> None:
    """Adds the part; it listens when the server does."""
    memcached = Memcached(server)
    server.engine.parts["memcached"] = memcached
    memcached.follow_options()
    server.before_listening.append(memcached.listen)
    server.on_stop.append(memcached.close)
    server.every(1, memcached.each_second)
    server.engine.parts.setdefault("metrics", []).append(lambda: metrics.samples(memcached))


COMMANDS: list[object] = []
