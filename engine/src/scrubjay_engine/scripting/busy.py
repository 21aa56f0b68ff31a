"""Serving other clients while a script takes longer than `busy-reply-threshold`.

The event loop stands still below the script, so sockets are polled here: those of clients, to answer -BUSY, SCRIPT KILL, FUNCTION KILL and SHUTDOWN NOSAVE, and
the listeners, since somebody may have to connect in order to do that. Everything else (timers, replication links, the admin port) waits, as the whole
server does during any long command.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from scrubjay_engine.core.connection import Connection, serving_nested

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrubjay_engine.scripting.run import ScriptRun
    from scrubjay_engine.server import Server

# At most so often sockets are looked at: polling costs system calls that the script pays for.
INTERVAL_NS = 1_000_000


class BusyTurn:
    """One nested turn of socket reading at a time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._next_ns = 0

    def serve(self, run: ScriptRun) -> None:
        """Called again and again by a late script: read what has arrived and answer it."""
        engine = self.server.engine
        began = engine.tick()
        if began < self._next_ns:
            return
        ready = self._ready(run)
        if ready:
            run.mark_busy(True)
            try:
                with serving_nested():
                    for serve in ready:
                        serve()
                    engine.flush_pending()
            finally:
                run.mark_busy(False)
        ended = engine.tick()
        # With many connections a look takes longer, and is taken less often: a fifth of the time at most.
        self._next_ns = ended + max(INTERVAL_NS, 4 * (ended - began))
        if self.server.stopping.is_set():
            run.abort()

    def _ready(self, run: ScriptRun) -> list[Callable[[], None]]:
        """What is to be called for the sockets that are readable (or writable) now."""
        poll = select.poll()
        callbacks: dict[int, tuple[Callable[[], None], Callable[[], None]]] = {}
        for client in self.server.engine.clients.values():
            if isinstance(client, Connection) and client is not run.caller and not client.paused and not client.closed:
                poll.register(client.fd, select.POLLIN | (select.POLLOUT if client.output_pending else 0))
                callbacks[client.fd] = (client.on_readable, client.on_writable)
        for fd, accept in self.server.acceptors():
            poll.register(fd, select.POLLIN)
            callbacks[fd] = (accept, accept)
        ready = []
        for fd, events in poll.poll(0):
            read, write = callbacks[fd]
            if events & select.POLLOUT:
                ready.append(write)
            if events & ~select.POLLOUT:
                ready.append(read)
        return ready
