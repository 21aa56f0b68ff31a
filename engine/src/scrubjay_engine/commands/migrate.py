"""MIGRATE: keys to another server, and away from here once they are there.

The conversation runs in a thread, so that the loop goes on serving; the client waits. What changed meanwhile is sent again (with REPLACE: it was our copy)
before it is deleted, so that no write is lost; after ROUNDS of that the rest goes with the loop standing still.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import command, family, key, keyword
from scrubjay_engine.core.engine import NOTIFY_GENERIC
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.persistence.dump import dump_payload
from scrubjay_engine.persistence.migrate import MigrateError, Target, transfer

if TYPE_CHECKING:
    from scrubjay_engine.core.keyspace import Database

ROUNDS = 5
BOTH = CommandError("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string")
Row = tuple[bytes, int, bytes]


class Migration:
    """One MIGRATE command."""

    def __init__(self, client: Client, args: list[bytes]) -> None:
        self.client = client
        self.db: Database = client.db
        self.copy = False
        replace = False
        auth: list[bytes] = []
        self.keys = [args[3]]
        at = 6
        while at < len(args):
            word = args[at].upper()
            if word == b"COPY":
                self.copy = True
            elif word == b"REPLACE":
                replace = True
            elif word in (b"AUTH", b"AUTH2"):
                count = 1 if word == b"AUTH" else 2
                auth = args[at + 1 : at + 1 + count]
                if len(auth) != count:
                    raise SYNTAX
                at += count
            elif word == b"KEYS":
                if args[3]:
                    raise BOTH
                self.keys = args[at + 1 :]
                break
            else:
                raise SYNTAX
            at += 1
        milliseconds, database = integer(args[5]), integer(args[4])
        if milliseconds <= 0:
            milliseconds = 1000
        self.target = Target(
            args[1].decode(errors="replace"), integer(args[2]), database, milliseconds / 1000, auth, replace
        )
        self.error: bytes | None = None
        self.moved: list[bytes] = []

    def rows(self, keys: list[bytes]) -> list[Row]:
        """What there is of these keys, serialized."""
        found = []
        for name in keys:
            value = self.db.value(name)
            if value is not None:
                at = self.db.expire_at(name)
                left = max(at - self.client.engine.keyspace.now_ms, 1) if at >= 0 else 0
                found.append((name, left, dump_payload(value)))
        return found

    def take_away(self, rows: list[Row], answers: list[bytes | None]) -> list[bytes]:
        """Delete what has arrived; the keys that changed meanwhile."""
        changed = []
        for (name, _, payload), error in zip(rows, answers, strict=True):
            if error is not None:
                self.error = self.error or error
                continue
            value = self.db.value(name)
            if self.copy or value is None:
                continue
            if dump_payload(value) != payload:
                changed.append(name)
                continue
            self.db.delete(name)
            self.db.changed(name)
            self.moved.append(name)
            self.client.notify(NOTIFY_GENERIC, "del", name)
        return changed

    def reply(self) -> object:
        """The command's answer."""
        if self.error is not None:
            return CommandError(b"ERR Target instance replied with error: " + self.error)
        return "OK"

    def at_once(self, rows: list[Row]) -> object:
        """With the loop standing still."""
        try:
            self.take_away(rows, transfer(self.target, rows))
        except MigrateError as error:
            raise CommandError(error.text) from None
        return self.reply()

    async def in_background(self, rows: list[Row]) -> object:
        """With the loop going on."""
        target = self.target
        for _ in range(ROUNDS):
            answers = await asyncio.to_thread(transfer, target, rows)
            changed = self.take_away(rows, answers)
            if not changed:
                return self.reply()
            target = Target(target.host, target.port, target.database, target.seconds, target.auth, True)
            rows = self.rows(changed)
        self.target = target
        return self.at_once(rows)


def migrate(client: Client, args: list[bytes]) -> object:
    work = Migration(client, args)
    rows = work.rows(work.keys)
    if not rows:
        return "NOKEY"
    if not client.may_block:
        reply = work.at_once(rows)
        client.rewrite([b"DEL", *work.moved]) if work.moved else client.no_propagate()
        return reply
    client.no_propagate()
    engine = client.engine

    async def run() -> None:
        reply: object
        try:
            reply = await work.in_background(rows)
        except MigrateError as error:
            reply = CommandError(error.text)
        except CommandError as error:
            reply = error
        if work.moved:
            engine.add_effect(work.db.id, [b"DEL", *work.moved])
            engine.flush_effects()
        engine.blocking.unblock(client, reply)
        engine.flush_pending()

    engine.server.spawn(run(), "MIGRATE")
    return client.block([], lambda _: None, 0, lambda: None, kind="migrate")


BEHIND = {b"auth": 1, b"auth2": 2}  # words that belong to an option


def key_positions(args: list[bytes]) -> list[int]:
    """The one key, or with an empty one those behind KEYS; none for both, which MIGRATE refuses."""
    at = 6
    while at < len(args):
        word = args[at].lower()
        if word == b"keys":
            return [] if args[3] else list(range(at + 1, len(args)))
        at += 1 + BEHIND.get(word, 0)
    return [3]


COMMANDS = family(
    "generic",
    [
        command(
            "migrate", migrate, -6, "write", getkeys=key_positions, keys=key(3, "RW access delete") + keyword("KEYS", -2, "RW access delete incomplete", -1),
            categories="keyspace dangerous", since="2.6.0", summary="Move keys to another server.", complexity="O(N) of the values' sizes",
        ),
    ],
)  # fmt: skip
