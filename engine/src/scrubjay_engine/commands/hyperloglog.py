"""HyperLogLog commands: counting different elements in at most 12 KiB (see `values.hyperloglog` for the value itself)."""

import random

from scrubjay_engine.commands.raw_strings import store_raw
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import KeySpec, command, family, key, keys
from scrubjay_engine.core.engine import NOTIFY_STRING
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.values import hyperloglog
from scrubjay_engine.values.hyperloglog import CorruptSketch
from scrubjay_engine.values.hyperloglog_selftest import check_estimates, check_registers

NOT_A_SKETCH = CommandError("WRONGTYPE Key is not a valid HyperLogLog string value.")
CORRUPT = CommandError("INVALIDOBJ Corrupted HLL object detected")
NO_SKETCH = CommandError("ERR The specified key does not exist")
NOT_SPARSE = CommandError("ERR HLL encoding is not sparse")


def sparse_limit(client: Client) -> int:
    return int(client.engine.config.number("hll-sparse-max-bytes"))


def checked(value: bytes | None) -> bytes | None:
    if value is not None and not hyperloglog.is_sketch(value):
        raise NOT_A_SKETCH
    return value


def pfadd(client: Client, args: list[bytes]) -> int:
    """All of PFADD; `hyperloglog_add` has its row in the table and serves dense values itself."""
    value = checked(client.db.string(args[1]))
    try:
        changed = hyperloglog.add(hyperloglog.EMPTY if value is None else value, args[2:], sparse_limit(client))
    except CorruptSketch:
        raise CORRUPT from None
    if changed is None and value is not None:
        return 0
    store_raw(client.db, args[1], hyperloglog.EMPTY_STALE if changed is None else changed)
    client.db.changed(args[1])
    client.notify(NOTIFY_STRING, "pfadd", args[1])
    return 1


def pfcount(client: Client, args: list[bytes]) -> int:
    try:
        if len(args) > 2:
            values = [checked(client.db.string(name)) for name in args[1:]]
            return hyperloglog.union_count([value for value in values if value is not None])
        value = checked(client.db.string(args[1]))
        if value is None:
            return 0
        count = hyperloglog.cached_count(value)
        if count is None:
            count = hyperloglog.count(value)
            store_raw(client.db, args[1], hyperloglog.with_cached_count(value, count))
            client.db.changed(args[1])
            client.rewrite(args)  # a read that changes the value: replicas must keep the same bytes
        return count
    except CorruptSketch:
        raise CORRUPT from None


def pfmerge(client: Client, args: list[bytes]) -> str:
    values = [checked(client.db.string(name)) for name in args[1:]]
    target = hyperloglog.EMPTY if values[0] is None else values[0]
    try:
        merged = hyperloglog.merge(target, [value for value in values[1:] if value is not None], sparse_limit(client))
    except CorruptSketch:
        raise CORRUPT from None
    store_raw(client.db, args[1], merged)
    client.db.changed(args[1])
    client.notify(NOTIFY_STRING, "pfadd", args[1])
    return "OK"


def pfdebug(client: Client, args: list[bytes]) -> object:
    value = checked(client.db.string(args[2]))
    if value is None:
        raise NO_SKETCH
    form, word = hyperloglog.encoding(value), args[1].lower()
    try:
        if word == b"encoding":
            return form
        if word == b"decode":
            if form != "sparse":
                raise NOT_SPARSE
            return hyperloglog.describe_runs(value).encode()
        if word == b"getreg":
            make_dense(client, args[2], value)
            return hyperloglog.registers_of(value)
        if word == b"todense":
            return make_dense(client, args[2], value)
    except CorruptSketch:
        raise CORRUPT from None
    raise CommandError(b"ERR Unknown PFDEBUG subcommand '%s'" % args[1])


def make_dense(client: Client, name: bytes, value: bytes) -> int:
    """1 when the value had to be converted."""
    if hyperloglog.encoding(value) == "dense":
        return 0
    store_raw(client.db, name, hyperloglog.to_dense(value))
    client.engine.keyspace.dirty += 1
    return 1


def pfselftest(client: Client, args: list[bytes]) -> str:
    rng = random.Random()
    try:
        check_registers(rng)
        check_estimates(rng, sparse_limit(client))
    except AssertionError as failure:
        raise CommandError(f"ERR TESTFAILED {failure}") from None
    return "OK"


COMMANDS = family(
    "hyperloglog",
    [
        command(
            "pfcount",
            pfcount,
            -2,
            "readonly may_replicate",
            keys=keys(1, -1, 1, "RW access"),
            since="2.8.9",
            summary="Estimates how many different elements HyperLogLogs have seen.",
            complexity="O(1) for one key, O(N) for several",
        ),
        command(
            "pfmerge",
            pfmerge,
            -2,
            "write denyoom",
            keys=[
                KeySpec(("index", 1), ("range", 0, 1, 0), "RW access insert"),
                KeySpec(("index", 2), ("range", -1, 1, 0), "RO access"),
            ],
            since="2.8.9",
            summary="Merges HyperLogLogs into one.",
            complexity="O(N) keys",
        ),
        command(
            "pfdebug",
            pfdebug,
            3,
            "write denyoom admin",
            keys=key(2, "RW access"),
            since="2.8.9",
            summary="Shows or converts a HyperLogLog's inner form.",
            complexity="O(1)",
        ),
        command(
            "pfselftest",
            pfselftest,
            1,
            "admin",
            since="2.8.9",
            summary="Checks registers and estimates against known truths.",
            complexity="O(1), some hundred milliseconds",
        ),
    ],
)
