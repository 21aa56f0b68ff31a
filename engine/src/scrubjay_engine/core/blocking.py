"""Clients that wait for keys: BLPOP, BZPOPMIN, XREAD BLOCK and the like, served first come, first served.

A blocked client holds `retry(key)`: run again when one of its keys is signalled ready, it returns the reply or NOT_READY. Rules, as in Redis:

1. Signals of one command (or transaction, or script) are handled after it, in the order in which the keys became ready.
2. For each key, clients are tried in the order in which they blocked; one served may make further keys ready, which are handled after.
3. A client waits on several keys but is served once; time-out, CLIENT UNBLOCK, disconnection and role change end the wait.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from scrubjay_engine.core.client import NO_REPLY, NOT_READY, Client
from scrubjay_engine.core.engine import Engine
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.core.keyspace import Database

Retry = Callable[[bytes], object]
Place = tuple[int, bytes]


class Blocked:
    """One client's wait."""

    __slots__ = ("args", "client", "command", "kind", "on_timeout", "places", "retry", "since_ms", "spent", "timer")

    def __init__(
        self, client: Client, places: list[Place], retry: Retry, on_timeout: Callable[[], object], kind: str
    ) -> None:
        self.client = client
        self.places = places
        self.retry = retry
        self.on_timeout = on_timeout
        self.kind = kind
        self.command = client.command
        self.args: list[bytes] | None = None  # its words and the nanoseconds it ran before it waited: set by dispatch
        self.spent = 0
        self.since_ms = client.engine.keyspace.now_ms
        self.timer: asyncio.TimerHandle | None = None


class BlockedClients:
    """All waits, by place (database, key), in the order they began."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.waiting: dict[Place, OrderedDict[int, Blocked]] = {}
        self.ready: OrderedDict[Place, None] = OrderedDict()
        self.count = 0
        self.serving = False
        engine.on_ready_keys = self.serve

    def block(
        self,
        client: Client,
        keys: list[bytes],
        retry: Retry,
        timeout_ms: int,
        on_timeout: Callable[[], object],
        kind: str = "keys",
    ) -> object:
        """Begins a wait and returns NO_REPLY; `timeout_ms` 0 waits for ever. A wait without keys is ended by `unblock` only (WAIT)."""
        places = [(client.db.id, key) for key in dict.fromkeys(keys)]
        blocked = Blocked(client, places, retry, on_timeout, kind)
        client.blocked = blocked
        client.pause()
        self.count += 1
        for place in places:
            self.waiting.setdefault(place, OrderedDict())[client.id] = blocked
        if places:
            self.engine.keyspace.on_ready = self.signal
        if timeout_ms > 0:
            blocked.timer = self.engine.loop.call_later(timeout_ms / 1000, self._time_out, blocked)
        return NO_REPLY

    def signal(self, db: Database, key: bytes) -> None:
        """A key may have become ready (`Database.ready`)."""
        if (db.id, key) in self.waiting:
            self.ready[(db.id, key)] = None
            self.engine.keys_ready = True

    def signal_all(self, db_id: int) -> None:
        """Every key of a database may have changed (SWAPDB, a load): each wait on it is tried again."""
        for place in self.waiting:
            if place[0] == db_id:
                self.ready[place] = None
                self.engine.keys_ready = True

    def serve(self) -> None:
        """Serves whoever waits for keys that have become ready; called after the outermost command."""
        if self.serving:
            return
        self.serving = True
        try:
            while self.ready:
                place, _ = self.ready.popitem(last=False)
                for blocked in list(self.waiting.get(place, {}).values()):
                    if blocked.client.blocked is blocked:
                        self._try(blocked, place)
        finally:
            self.serving = False
            self.engine.keys_ready = False

    def _try(self, blocked: Blocked, place: Place) -> None:
        client = blocked.client
        db, client.db = client.db, self.engine.keyspace.databases[place[0]]
        command, client.command = client.command, blocked.command
        client.rewritten = None
        self.engine.tick()
        try:
            reply = blocked.retry(place[1])
        except CommandError as error:
            error.__traceback__ = None
            reply = error
        finally:
            client.db = db
        if reply is not NOT_READY:
            self._release(blocked)
            mark = client.output_mark()
            client.reply(reply)
            effects: list[tuple[int, list[Any]]] = client.rewritten or []
            for db_id, args in effects:
                self.engine.add_effect(db_id, args)
            self.engine.flush_effects()
            if effects and self.engine.hold_replies:
                client.owe(mark)
            self._count(blocked, reply)
        client.rewritten = None
        client.command = command

    def unblock(self, client: Client, reply: object) -> bool:
        """Ends a client's wait with this reply; False when it does not wait."""
        blocked = client.blocked
        if blocked is None:
            return False
        self._release(blocked)
        client.reply(reply)
        self._count(blocked, reply)
        return True

    def _count(self, blocked: Blocked, reply: object) -> None:
        """The command's call is counted now that it has its reply (INFO commandstats)."""
        if blocked.command is not None:
            engine = self.engine
            # As in Redis, the time that counts is that of the command's own work, not that of its wait.
            blocked.command.note(blocked.spent)
            blocked.command.failed += isinstance(reply, CommandError)
            if engine.on_slow is not None and 0 <= engine.slow_ns <= blocked.spent and blocked.args is not None:
                engine.on_slow(blocked.client, blocked.command, blocked.args, blocked.spent)

    def release(self, client: Client) -> None:
        """Ends a client's wait without a reply (a command held back by CLIENT PAUSE is run instead)."""
        if client.blocked is not None:
            self._release(client.blocked)

    def time_out_now(self, client: Client) -> bool:
        """As if its time were up (CLIENT UNBLOCK)."""
        blocked = client.blocked
        return blocked is not None and self.unblock(client, blocked.on_timeout())

    def forget(self, client: Client) -> None:
        """The client is gone."""
        if client.blocked is not None:
            self._release(client.blocked, resume=False)

    def _time_out(self, blocked: Blocked) -> None:
        if blocked.client.blocked is blocked:
            self.unblock(blocked.client, blocked.on_timeout())
            self.engine.flush_pending()

    def _release(self, blocked: Blocked, resume: bool = True) -> None:
        client = blocked.client
        client.blocked = None
        self.count -= 1
        if blocked.timer is not None:
            blocked.timer.cancel()
        for place in blocked.places:
            waits = self.waiting.get(place)
            if waits is not None:
                waits.pop(client.id, None)
                if not waits:
                    del self.waiting[place]
        if not self.waiting:
            self.engine.keyspace.on_ready = None
        if resume:
            # Not at once: the input that waits may run commands, and we may be within another client's.
            self.engine.loop.call_soon(client.go_on)

    def waiting_clients(self) -> list[Any]:
        """Every client that waits."""
        return [client for client in self.engine.clients.values() if client.blocked is not None]


__all__ = ["NOT_READY", "Blocked", "BlockedClients"]
