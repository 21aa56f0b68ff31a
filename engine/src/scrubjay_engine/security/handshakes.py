"""Handshakes of connections that are not clients yet: each has its time, and those that are refused are told in the log and in /metrics.

Used by security/tls_ports. A peer that has not finished its handshake costs a socket and an SSL object, is not in CLIENT LIST, and counts for `maxclients`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from scrubjay_engine.security.tls import HandshakeError, TlsContext, TlsWire

if TYPE_CHECKING:
    from scrubjay_engine.metrics import Sample

log = logging.getLogger(__name__)

HANDSHAKE = b"\x16"  # the first byte of a TLS connection (RFC 8446, 5.1: ContentType handshake)
Done = Callable[[socket.socket, Any, TlsWire], None]


class Handshake:
    """One peer's handshake, from the accepted socket to `done` or its end."""

    def __init__(self, all_of_them: Handshakes, connection: socket.socket, address: Any, wire: TlsWire, done: Done):
        self.all = all_of_them
        self.connection, self.address, self.wire, self.done = connection, address, wire, done
        self.began = time.monotonic()
        self.seen = False
        self.writing = False
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(connection.fileno(), self.go_on)

    def go_on(self) -> None:
        """The socket is ready: take the handshake a step further."""
        try:
            if not self.seen:
                first = self.connection.recv(1, socket.MSG_PEEK)
                if first not in (HANDSHAKE, b""):
                    raise HandshakeError("plaintext", "plain text on a TLS port")
                self.seen = True
            finished = self.wire.handshake()
        except BlockingIOError:
            return
        except (HandshakeError, OSError) as error:
            self.refuse(getattr(error, "reason", "closed"), str(error))
            return
        if finished:
            self.leave(hand_over=True)
            self.all.accepted(self)
        elif self.wire.wants_write != self.writing:
            self.writing = self.wire.wants_write
            if self.writing:
                self.loop.add_writer(self.connection.fileno(), self.go_on)
            else:
                self.loop.remove_writer(self.connection.fileno())

    def leave(self, hand_over: bool = False) -> None:
        """The loop forgets the socket; when it is handed over, it will be read at once, and what the loop calls for it is exchanged then."""
        if not hand_over:
            self.loop.remove_reader(self.connection.fileno())
        if self.writing:
            self.loop.remove_writer(self.connection.fileno())
        self.all.under_way.discard(self)

    def refuse(self, reason: str, text: str) -> None:
        """Ends it, and says why."""
        self.leave()
        self.all.refused(reason, text, self.address, self.connection)
        self.connection.close()


class Handshakes:
    """All that are under way, and counters of those that ended."""

    def __init__(self, seconds: Callable[[], int]) -> None:
        self.seconds = seconds
        self.under_way: set[Handshake] = set()
        self.counts: dict[str, int] = {"ok": 0, "resumed": 0}

    def begin(self, context: TlsContext, connection: socket.socket, address: Any, done: Done) -> None:
        """Takes an accepted, non-blocking socket; `done(socket, address, wire)` gets it when the peer is who it must be."""
        wire = TlsWire(context, connection.fileno())
        self.under_way.add(Handshake(self, connection, address, wire, done))

    def accepted(self, one: Handshake) -> None:
        self.counts["resumed" if one.wire.resumed else "ok"] += 1
        number = one.connection.fileno()
        one.done(one.connection, one.address, one.wire)
        if one.connection.fileno() < 0:  # it was not taken, and is closed
            one.loop.remove_reader(number)

    def refused(self, reason: str, text: str, address: Any, connection: socket.socket) -> None:
        """A log line in Redis' words, and a count."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        log.warning(
            "Error accepting a client connection: %s (addr=%s laddr=%s, reason: %s)",
            text,
            show(address),
            show(connection.getsockname()),
            reason,
        )

    def drop_late(self) -> None:
        """Ends those that take longer than `tls-handshake-timeout` (slow-loris)."""
        limit = self.seconds()
        now = time.monotonic()
        for one in [each for each in self.under_way if now - each.began > limit]:
            one.refuse("timeout", f"no handshake within {limit} seconds")

    def close(self) -> None:
        for one in list(self.under_way):
            one.leave()
            one.connection.close()

    def metrics(self) -> Iterator[Sample]:
        """For /metrics."""
        counts = [(f'{{result="{result}"}}', count) for result, count in sorted(self.counts.items())]
        yield "scrubjay_tls_handshakes_total", "counter", "TLS handshakes by how they ended.", counts
        yield "scrubjay_tls_handshakes_open", "gauge", "TLS handshakes under way.", [("", len(self.under_way))]


def show(address: Any) -> str:
    """`host:port` of a socket address."""
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)
