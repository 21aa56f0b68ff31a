"""Fields of hashes that expire: the commands of Redis 7.4 and Valkey 9 (HEXPIRE ... HTTL, HGETEX, HSETEX, HGETDEL), and their expiry.

A hash keeps its fields' times itself (`values/hash_value`); nothing there expires without being asked. Here is who asks: `visible` and
`reap` before a command looks, `FieldExpiry` from a timer. A primary removes what has expired and propagates HDEL; a replica hides it and waits
for that HDEL, so that clocks that differ cannot make them differ for good. Times travel absolute, as HPEXPIREAT.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from scrubjay_engine.commands.arguments import integer, invalid_expire
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import Command, command, key
from scrubjay_engine.core.engine import NOTIFY_GENERIC, NOTIFY_HASH, Engine
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.core.keyspace import Database
from scrubjay_engine.values.hash_value import HashValue

MISSING_FIELDS = CommandError("ERR Mandatory keyword FIELDS is missing or not at the right position")
NO_FIELDS = CommandError("ERR Parameter `numFields` should be greater than 0")
FIELDS_MISMATCH = CommandError("ERR The `numfields` parameter must match the number of arguments")
LATEST_MS = (1 << 48) - 2  # as in Redis: no field expires later than the year 10895
PERIOD_SECONDS = 0.1
FIELDS_A_STEP = 2000  # about a millisecond of removals


# -- expiring ----------------------------------------------------------------------------------------------------------


def reap(engine: Engine, db: Database, name: bytes, limit: int = -1) -> bool:
    """Remove expired fields of a hash and tell everyone; True when the whole key went with them."""
    value = db.write(name, HashValue)
    if value is None:
        return True
    gone = value.expired(engine.keyspace.now_ms, limit)
    if not gone:
        return False
    engine.add_effect(db.id, [b"HDEL", name, *gone])
    engine.notify(NOTIFY_HASH, "hexpired", name, db.id)
    db.changed(name)
    if not db.delete_if_empty(name, value):
        return False
    engine.notify(NOTIFY_GENERIC, "del", name, db.id)
    return True


def visible(engine: Engine, db: Database, name: bytes, value: HashValue) -> HashValue | None:
    """What a reader may see of a hash with expired fields; None when nothing."""
    keyspace = engine.keyspace
    if keyspace.expiry_ignored:
        return value
    if keyspace.expires_delete:
        return None if reap(engine, db, name) else value
    shown = value.copy()
    shown.expired(keyspace.now_ms)
    return shown if len(shown) else None


class FieldExpiry:
    """Removes expired fields that nobody asks for: hashes by the time at which their first field expires.

    An entry of the heap is a hint: the hash may have changed since, so it is looked at when its time has come, and put back if
    there is more. A hash is in the heap at least once for the earliest time it had since.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.heap: list[tuple[int, int, bytes]] = []

    def watch(self, db: Database, name: bytes, value: HashValue) -> None:
        """A hash whose first field now expires earlier than before (or which was loaded or moved here)."""
        if value.timed():
            heapq.heappush(self.heap, (value.next_expiry(), db.id, name))

    def swapped(self, first: int, second: int) -> None:
        """SWAPDB."""
        other = {first: second, second: first}
        self.heap = [(at, other.get(number, number), name) for at, number, name in self.heap]
        heapq.heapify(self.heap)

    def step(self, budget: int = FIELDS_A_STEP) -> None:
        """Remove what is due, about `budget` fields at most."""
        engine = self.engine
        if not engine.keyspace.expires_delete:
            return
        while self.heap and self.heap[0][0] <= engine.keyspace.now_ms and budget > 0:
            _, number, name = heapq.heappop(self.heap)
            db = engine.keyspace.databases[number]
            value = db.peek(name) if name in db else None
            if not isinstance(value, HashValue):
                continue
            before = len(value)
            gone = reap(engine, db, name, budget)
            budget -= 1 + before - len(value)
            if not gone:
                self.watch(db, name, value)
        engine.flush_effects()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            if self.heap:
                self.step()


def install(server: Any) -> None:
    expiry = FieldExpiry(server.engine)
    server.engine.parts["field_expiry"] = expiry
    server.engine.keyspace.timed_kind, server.engine.keyspace.on_timed = HashValue, expiry.watch
    server.engine.parts.setdefault("on_swap", []).append(expiry.swapped)
    server.spawn(expiry.run(), "field expiry")


def watch(client: Client, name: bytes, value: HashValue, before: int) -> None:
    """Tell the timer when the first field of a hash expires earlier than it did."""
    expiry = client.engine.parts.get("field_expiry")
    soonest = value.next_expiry()
    if expiry is not None and soonest >= 0 and (before < 0 or soonest < before):
        expiry.watch(client.db, name, value)


# -- arguments ---------------------------------------------------------------------------------------------------------


def fields_at(args: Sequence[bytes], at: int, width: int = 1) -> list[bytes]:
    """`FIELDS number field ...` at that position, to the end of the command; `width` 2: fields with values."""
    if at + 1 >= len(args) or args[at].upper() != b"FIELDS":
        raise MISSING_FIELDS
    number = integer(args[at + 1], NO_FIELDS, 1)
    fields = list(args[at + 2 :])
    if len(fields) != number * width:
        raise FIELDS_MISMATCH
    return fields


def moment(client: Client, text: bytes, unit: int, absolute: bool) -> int:
    """A time argument in Unix milliseconds; `unit` is 1000 for seconds."""
    number = integer(text)
    if number < 0:
        raise CommandError("ERR invalid expire time, must be >= 0")
    when = number * unit + (0 if absolute else client.engine.keyspace.now_ms)
    if when > LATEST_MS:
        raise invalid_expire(client)
    return when


def hash_to_write(client: Client, name: bytes) -> HashValue | None:
    from scrubjay_engine.commands.hashes import write_hash

    return write_hash(client, name)


def hash_to_read(client: Client, name: bytes) -> HashValue | None:
    from scrubjay_engine.commands.hashes import read_hash

    return read_hash(client, name)


# -- HEXPIRE and its kin -----------------------------------------------------------------------------------------------


def allowed(condition: bytes, current: int, when: int) -> bool:
    """NX, XX, GT, LT; `current` is -1 for a field that does not expire (for ever, as GT and LT see it)."""
    if condition == b"NX":
        return current < 0
    if condition == b"XX":
        return current >= 0
    if condition == b"GT":
        return 0 <= current < when
    if condition == b"LT":
        return current < 0 or when < current
    return True


def finish(client: Client, name: bytes, value: HashValue, timed: list[bytes], when: int, deleted: list[bytes]) -> None:
    """Events, propagation and the emptied key after fields got a time (`timed`) or, it being past, went."""
    if timed:
        client.also_propagate([b"HPEXPIREAT", name, b"%d" % when, b"FIELDS", b"%d" % len(timed), *timed])
        client.notify(NOTIFY_HASH, "hexpire", name)
    if deleted:
        client.also_propagate([b"HDEL", name, *deleted])
        client.notify(NOTIFY_HASH, "hdel", name)
    if timed or deleted:
        client.db.changed(name)
    if client.db.delete_if_empty(name, value):
        client.notify(NOTIFY_GENERIC, "del", name)


def expire_fields(client: Client, name: bytes, when: int, condition: bytes, fields: list[bytes]) -> list[object]:
    value = hash_to_write(client, name)
    if value is None:
        return [-2] * len(fields)
    past = when <= client.engine.keyspace.now_ms and client.engine.keyspace.expires_delete
    before = value.next_expiry()
    answers: list[object] = []
    timed, deleted = [], []
    for field in fields:
        current = value.expire_at(field)
        if current == -2:
            answers.append(-2)
        elif not allowed(condition, current, when):
            answers.append(0)
        elif past:
            value.delete(field)
            deleted.append(field)
            answers.append(2)
        else:
            value.set_expiry(field, when)
            timed.append(field)
            answers.append(1)
    finish(client, name, value, timed, when, deleted)
    watch(client, name, value, before)
    return answers


def expire_handler(unit: int, absolute: bool) -> Callable[[Client, list[bytes]], object]:
    def hexpire(client: Client, args: list[bytes]) -> object:
        condition = args[3].upper()
        given = condition in (b"NX", b"XX", b"GT", b"LT")
        fields = fields_at(args, 4 if given else 3)
        when = moment(client, args[2], unit, absolute)
        return expire_fields(client, args[1], when, condition if given else b"", fields)

    return hexpire


def hpersist(client: Client, args: list[bytes]) -> object:
    fields = fields_at(args, 2)
    value = hash_to_write(client, args[1])
    if value is None:
        return [-2] * len(fields)
    answers: list[object] = []
    for field in fields:
        current = value.expire_at(field)
        answers.append(1 if current >= 0 and value.persist(field) else min(current, -1))
    if 1 in answers:
        client.db.changed(args[1])
        client.notify(NOTIFY_HASH, "hpersist", args[1])
    return answers


def time_handler(unit: int, absolute: bool) -> Callable[[Client, list[bytes]], object]:
    def httl(client: Client, args: list[bytes]) -> object:
        fields = fields_at(args, 2)
        value = hash_to_read(client, args[1])
        if value is None:
            return [-2] * len(fields)
        start = 0 if absolute else client.engine.keyspace.now_ms
        times = [value.expire_at(field) for field in fields]
        return [when if when < 0 else (when - start + unit - 1) // unit for when in times]

    return httl


# -- HGETEX, HSETEX, HGETDEL -------------------------------------------------------------------------------------------


class Options(NamedTuple):
    """What stands between the key and FIELDS."""

    when: int  # Unix ms; -1: no time given
    words: frozenset[bytes]  # PERSIST, KEEPTTL, FNX, FXX
    end: int  # where FIELDS is


TIMES = {b"EX": (1000, False), b"PX": (1, False), b"EXAT": (1000, True), b"PXAT": (1, True)}


def options_of(client: Client, args: list[bytes], words: set[bytes]) -> Options:
    when, given, at = -1, set(), 2
    while at < len(args) and args[at].upper() != b"FIELDS":
        word = args[at].upper()
        if word in TIMES and when < 0 and at + 1 < len(args):
            unit, absolute = TIMES[word]
            at += 1
            when = moment(client, args[at], unit, absolute)
        elif word in words and word not in given:
            given.add(word)
        else:
            raise SYNTAX
        at += 1
    if (when >= 0) + len(given & {b"PERSIST", b"KEEPTTL"}) > 1 or {b"FNX", b"FXX"} <= given:
        raise SYNTAX
    return Options(when, frozenset(given), at)


def hgetex(client: Client, args: list[bytes]) -> object:
    options = options_of(client, args, {b"PERSIST"})
    fields = fields_at(args, options.end)
    value = hash_to_write(client, args[1])
    if value is None:
        return [None] * len(fields)
    found = [value.get(field) for field in fields]
    present = [field for field, data in zip(fields, found, strict=True) if data is not None]
    if options.when >= 0 and present:
        expire_fields(client, args[1], options.when, b"", list(dict.fromkeys(present)))
    elif b"PERSIST" in options.words:
        freed = [field for field in present if value.persist(field)]
        if freed:
            client.rewrite([b"HPERSIST", args[1], b"FIELDS", b"%d" % len(freed), *freed])
            client.db.changed(args[1])
            client.notify(NOTIFY_HASH, "hpersist", args[1])
    return found


def hsetex(client: Client, args: list[bytes]) -> object:
    options = options_of(client, args, {b"KEEPTTL", b"FNX", b"FXX"})
    parts = fields_at(args, options.end, 2)
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    value = hash_to_write(client, args[1])
    held = [value is not None and field in value for field, _ in pairs]
    if (b"FNX" in options.words and any(held)) or (b"FXX" in options.words and not all(held)):
        return 0
    value = client.db.create(args[1], HashValue)
    before = value.next_expiry()
    past = 0 <= options.when <= client.engine.keyspace.now_ms and client.engine.keyspace.expires_delete
    for field, data in pairs:
        if past:
            value.delete(field)
            continue
        value.set(field, data, b"KEEPTTL" in options.words)
        if options.when >= 0:
            value.set_expiry(field, options.when)
    client.db.changed(args[1])
    if past:
        client.rewrite([b"HDEL", args[1], *parts[::2]])
        client.notify(NOTIFY_HASH, "hdel", args[1])
    else:
        how = (
            [b"PXAT", b"%d" % options.when]
            if options.when >= 0
            else [b"KEEPTTL"]
            if options.words & {b"KEEPTTL"}
            else []
        )
        client.rewrite([b"HSETEX", args[1], *how, b"FIELDS", b"%d" % len(pairs), *parts])
        client.notify(NOTIFY_HASH, "hset", args[1])
        if options.when >= 0:
            client.notify(NOTIFY_HASH, "hexpire", args[1])
    if client.db.delete_if_empty(args[1], value):
        client.notify(NOTIFY_GENERIC, "del", args[1])
    watch(client, args[1], value, before)
    return 1


def hgetdel(client: Client, args: list[bytes]) -> object:
    fields = fields_at(args, 2)
    value = hash_to_write(client, args[1])
    if value is None:
        return [None] * len(fields)
    found = [value.get(field) for field in fields]
    deleted = [field for field in fields if value.delete(field)]
    finish(client, args[1], value, [], 0, deleted)
    return found


# -- the table ---------------------------------------------------------------------------------------------------------


def rows() -> list[Command]:
    """The commands, for the table of the hash family."""
    made = []
    for name, unit, absolute in (
        ("hexpire", 1000, False),
        ("hpexpire", 1, False),
        ("hexpireat", 1000, True),
        ("hpexpireat", 1, True),
    ):
        about = "Let fields expire at a time." if absolute else "Let fields expire after a time."
        handler = expire_handler(unit, absolute)
        made.append(_row(name, handler, -6, "write denyoom fast", "RW update", about))
    for name, unit, absolute in (
        ("httl", 1000, False),
        ("hpttl", 1, False),
        ("hexpiretime", 1000, True),
        ("hpexpiretime", 1, True),
    ):
        about = "When fields expire." if absolute else "How long fields still live."
        made.append(_row(name, time_handler(unit, absolute), -5, "readonly fast", "RO access", about))
    return [
        *made,
        _row("hpersist", hpersist, -5, "write fast", "RW update", "Take the expiry of fields away."),
        _row("hgetex", hgetex, -5, "write fast", "RW access update", "The values of fields, whose expiry may be set."),
        _row("hsetex", hsetex, -6, "write denyoom fast", "RW update", "Set fields with an expiry."),
        _row("hgetdel", hgetdel, -5, "write fast", "RW access delete", "The values of fields, which are then deleted."),
    ]


def _row(name: str, handler: object, arity: int, flags: str, access: str, summary: str) -> Command:
    since = "9.0.0" if name in ("hgetex", "hsetex", "hgetdel") else "7.4.0"
    return command(
        name, handler, arity, flags, keys=key(1, access), since=since, summary=summary, complexity="O(N) fields"
    )
