"""MULTI, EXEC, DISCARD, WATCH, UNWATCH.

A queued command has passed all checks that can be made without running it (dispatch.admitted); EXEC runs the queue without anybody in between, time
standing still. WATCH holds by key: `Database.changed` reports every change through the keyspace's hook, and a watched key that was already expired when
WATCHed counts as absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrubjay_engine.core.client import NULL_ARRAY, Client, Raw
from scrubjay_engine.core.command import Command, command, family, keys
from scrubjay_engine.core.dispatch import run_queued
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.core.keyspace import Database

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

CLIENT_MULTI = 1 << 2
CLIENT_DENY_BLOCKING = 1 << 7
FLAG_WRITE, FLAG_DENYOOM, FLAG_MAY_REPLICATE, FLAG_NO_MULTI = 1 << 0, 1 << 2, 1 << 14, 1 << 17
WORD = 33 + 8  # bytes that a word takes beside its own: the object's head, and its place in the list
WATCH = 33 + 56 + 40 + 216 + 40  # the same of a watched key: its head, its place, and the set of its watchers
EXECABORT = CommandError("EXECABORT Transaction discarded because of previous errors.")


class Transaction:
    """The queue of one client between MULTI and EXEC."""

    def __init__(self) -> None:
        self.commands: list[tuple[Command, list[bytes]]] = []
        self.aborted = False
        self.writes = False
        self.replicates = False
        self.denies_oom = False
        self.common_flags = ~0  # those that every command has
        self.bytes = 0  # of the queued words

    def queue(self, client: Client, row: Command, args: list[bytes]) -> None:
        """Takes a command in and answers QUEUED."""
        if row.flags & FLAG_NO_MULTI:
            self.aborted = True
            raise CommandError("ERR Command not allowed inside a transaction")
        if not self.aborted:
            self.commands.append((row, args))
            self.bytes += sum(len(word) + WORD for word in args)
        flags = client.engine.parts["scripting"].flags_of(row, args) if row.group == "scripting" else row.flags
        self.writes = self.writes or bool(flags & FLAG_WRITE)
        self.replicates = self.replicates or bool(flags & (FLAG_WRITE | FLAG_MAY_REPLICATE))
        self.denies_oom = self.denies_oom or bool(flags & FLAG_DENYOOM)
        self.common_flags &= flags
        client.add_status("QUEUED")

    def abort(self) -> None:
        """A command was refused while queuing: EXEC will refuse them all."""
        self.aborted = True


class Watches:
    """Which clients watch which keys; the keyspace's `on_changed` hook."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.count = 0

    def watch(self, client: Client, name: bytes) -> None:
        if client.watched is None:
            client.watched = Watched()
        place = (client.db, name)
        if place in client.watched.places:
            return
        expired = client.db.is_expired(name)
        client.watched.places[place] = expired
        client.watched.bytes += len(name) + WATCH
        client.db.watchers.setdefault(name, set()).add(client)
        self.count += 1
        self.update()

    def unwatch(self, client: Client) -> None:
        if client.watched is None:
            return
        for db, name in client.watched.places:
            clients = db.watchers.get(name)
            if clients is not None:
                clients.discard(client)
                if not clients:
                    del db.watchers[name]
            self.count -= 1
        client.watched = None
        self.update()

    def update(self) -> None:
        """The keyspace reports changes only while somebody listens."""
        keyspace = self.server.engine.keyspace
        tracking = self.server.engine.parts.get("tracking_changed")
        keyspace.on_changed = self.changed
        keyspace.watching = self.count > 0 or tracking is not None

    def changed(self, db: Database, name: bytes) -> None:
        for client in db.watchers.get(name, ()):
            # An expired key that is now removed was absent all along.
            if not (client.watched.places[(db, name)] and name not in db):
                client.watched.dirty = True
        tracking = self.server.engine.parts.get("tracking_changed")
        if tracking is not None:
            tracking(db, name)

    def flushed(self, db: Database) -> None:
        """A whole database is about to go: keys that are there change."""
        for name, clients in db.watchers.items():
            for client in clients:
                if name in db:
                    client.watched.dirty = True

    def swapped(self, first: int, second: int) -> None:
        """After SWAPDB: a watched key that is in either database may have changed."""
        databases = self.server.engine.keyspace.databases
        a, b = databases[first], databases[second]
        for db, other in ((a, b), (b, a)):
            for name, clients in db.watchers.items():
                for client in clients:
                    self._swapped_under(client, db, other, name)

    @staticmethod
    def _swapped_under(client: Client, db: Database, gone: Database, name: bytes) -> None:
        """`db` now holds what the other database held, `gone` what `db` held. Expired or absent before and after is no change."""
        expired_now, expired_before = db.is_expired(name), gone.is_expired(name)
        there_now = expired_now or name in db
        there_before = expired_before or name in gone
        places = client.watched.places
        if not there_now and not there_before:
            return
        if places[(db, name)]:
            if not there_now:
                places[(db, name)] = False
                return
            if expired_now:
                return
        elif not there_before and expired_now:
            places[(db, name)] = True
            return
        client.watched.dirty = True


class Watched:
    """What one client watches: (database, key) -> whether it was expired already."""

    __slots__ = ("bytes", "dirty", "places")

    def __init__(self) -> None:
        self.places: dict[tuple[Database, bytes], bool] = {}
        self.dirty = False
        self.bytes = 0  # what the watching takes


def multi(client: Client, args: list[bytes]) -> str:
    if client.multi is not None:
        raise CommandError("ERR MULTI calls can not be nested")
    client.multi = Transaction()
    client.gates |= CLIENT_MULTI
    return "OK"


def _leave(client: Client) -> None:
    """No transaction and no watched keys from here on."""
    client.multi = None
    client.gates &= ~CLIENT_MULTI
    client.engine.parts["watches"].unwatch(client)


def discard(client: Client, args: list[bytes]) -> str:
    if client.multi is None:
        raise CommandError("ERR DISCARD without MULTI")
    _leave(client)
    return "OK"


def execute(client: Client, args: list[bytes]) -> object:
    transaction: Transaction | None = client.multi
    if transaction is None:
        raise CommandError("ERR EXEC without MULTI")
    dirty = client.watched is not None and (client.watched.dirty or _any_expired(client))
    _leave(client)
    if transaction.aborted:
        raise EXECABORT
    if dirty:
        return NULL_ARRAY
    client.gates |= CLIENT_DENY_BLOCKING
    keyspace, recheck = client.engine.keyspace, client.engine.check_acl
    frozen, keyspace.clock_frozen = keyspace.clock_frozen, True
    client.reply(Raw(b"*%d\r\n" % len(transaction.commands)))
    try:
        for row, words in transaction.commands:
            if recheck is not None and client.gates & 2:
                try:
                    recheck(client, row, words)
                except CommandError as error:
                    client.add_error(error.text)
                    continue
            run_queued(client, row, words)
    finally:
        keyspace.clock_frozen = frozen
        client.gates &= ~CLIENT_DENY_BLOCKING
    client.rewritten = []
    return Raw(b"")


def _any_expired(client: Client) -> bool:
    """A watched key that has expired since, though nobody has looked at it yet."""
    return any(not was and db.is_expired(name) for (db, name), was in client.watched.places.items())


def watch(client: Client, args: list[bytes]) -> str:
    if client.multi is not None:
        raise CommandError("ERR WATCH inside MULTI is not allowed")
    if client.watched is not None and client.watched.dirty:
        return "OK"
    for name in args[1:]:
        client.engine.parts["watches"].watch(client, name)
    return "OK"


def unwatch(client: Client, args: list[bytes]) -> str:
    client.engine.parts["watches"].unwatch(client)
    return "OK"


def install(server: Server) -> None:
    """The watch table, and what ends a transaction from outside."""
    parts = server.engine.parts
    watches = parts["watches"] = Watches(server)
    parts["give_up_transaction"] = _leave
    watches.update()
    parts.setdefault("on_flush", []).append(watches.flushed)
    parts.setdefault("on_swap", []).append(watches.swapped)
    parts.setdefault("on_reset", []).append(_leave)
    server.on_connection_closed.append(watches.unwatch)
    server.on_connection_closed.append(parts["blocking"].forget)


FLAGS = "noscript loading stale fast allow_busy"
COMMANDS = family(
    "transactions",
    [
        command("multi", multi, 1, FLAGS, since="1.2.0", summary="Begin a transaction.", complexity="O(1)"),
        command("exec", execute, 1, "noscript loading stale skip_slowlog", since="1.2.0", summary="Run the transaction.", complexity="That of its commands"),
        command("discard", discard, 1, FLAGS, since="2.0.0", summary="Forget the transaction.", complexity="O(1)"),
        command("watch", watch, -2, FLAGS, keys=keys(1, -1, 1, "RO"), since="2.2.0", summary="Let EXEC fail if these keys change.", complexity="O(1) a key"),
        command("unwatch", unwatch, 1, FLAGS, since="2.2.0", summary="Forget all watched keys.", complexity="O(1)"),
    ],
)  # fmt: skip
