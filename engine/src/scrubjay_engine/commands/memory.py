"""MEMORY: what keys and the server take, and giving memory back to the system."""

from __future__ import annotations

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.info import replica_bytes, resident_bytes
from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.core.client import Client, Verbatim
from scrubjay_engine.core.command import command, family, key
from scrubjay_engine.core.errors import SYNTAX
from scrubjay_engine.values.memory import peak_memory, trim, used_memory


def usage(client: Client, args: list[bytes]) -> int | None:
    samples = 5
    at = 3
    while at < len(args):
        if args[at].upper() != b"SAMPLES" or at + 1 == len(args):
            raise SYNTAX
        samples = integer(args[at + 1])
        if samples < 0:
            raise SYNTAX
        at += 2
    value = client.db.peek(args[2])
    if value is None:
        return None
    return client.db.entry_bytes(args[2]) + (0 if isinstance(value, bytes) else value.memory_usage(samples))


def stats(client: Client, args: list[bytes]) -> dict[bytes, object]:
    engine = client.engine
    used, resident, peak = used_memory(), resident_bytes(), peak_memory()
    startup = engine.parts.get("startup_memory", 0)
    clients = list(engine.clients.values())
    normal = sum(each.memory for each in clients if each.replica is None)
    replicas = replica_bytes(engine)
    tables = engine.keyspace.table_bytes()
    overhead = startup + normal + replicas + tables
    keys = sum(len(db) for db in engine.keyspace.databases)
    dataset = max(used - overhead, 0)
    shown: dict[bytes, object] = {
        b"peak.allocated": peak,
        b"total.allocated": used,
        b"startup.allocated": startup,
        b"replication.backlog": engine.parts.get("backlog_bytes", int)(),
        b"clients.slaves": replicas,
        b"clients.normal": normal,
        b"cluster.links": 0,
        b"aof.buffer": 0,
        b"lua.caches": 0,
        b"functions.caches": 0,
    }
    for db in engine.keyspace.databases:
        if len(db):
            shown[b"db.%d" % db.id] = {
                b"overhead.hashtable.main": tables,
                b"overhead.hashtable.expires": 0,
                b"overhead.hashtable.slot-to-keys": 0,
            }
    shown.update(
        {
            b"overhead.total": overhead,
            b"keys.count": keys,
            b"keys.bytes-per-key": max(used - startup, 0) // keys if keys else 0,
            b"dataset.bytes": dataset,
            b"dataset.percentage": 100.0 * dataset / max(used - startup, 1),
            b"peak.percentage": 100.0 * used / max(peak, 1),
            b"allocator.allocated": used,
            b"allocator.active": resident,
            b"allocator.resident": resident,
            b"allocator-fragmentation.ratio": resident / max(used, 1),
            b"allocator-fragmentation.bytes": resident - used,
            b"allocator-rss.ratio": 1.0,
            b"allocator-rss.bytes": 0,
            b"rss-overhead.ratio": 1.0,
            b"rss-overhead.bytes": 0,
            b"fragmentation": resident / max(used, 1),
            b"fragmentation.bytes": resident - used,
        }
    )
    return shown


def doctor(client: Client, args: list[bytes]) -> Verbatim:
    used, resident, peak = used_memory(), resident_bytes(), peak_memory()
    found = []
    if used < 5 * 1024 * 1024:
        text = "There is next to no data here, so there is nothing to say about its memory."
        return Verbatim(b"txt", text.encode())
    if peak > used * 1.5:
        found.append("The peak was much higher than what is used now: MEMORY PURGE may give memory back to the system.")
    if resident > used * 1.4 and resident - used > 10 * 1024 * 1024:
        found.append("The process holds much more memory than the data needs: it is fragmented, or was bigger once.")
    clients = [each for each in client.engine.clients.values() if each.replica is None]
    if clients and sum(each.memory for each in clients) / len(clients) > 200 * 1024:
        found.append("Clients take over 200 KiB each on average: look at CLIENT LIST for those that do not read.")
    text = "\n".join(f"- {line}" for line in found) or "Memory looks healthy."
    return Verbatim(b"txt", text.encode())


def purge(client: Client, args: list[bytes]) -> str:
    trim()
    return "OK"


def malloc_stats(client: Client, args: list[bytes]) -> Verbatim:
    return Verbatim(
        b"txt", b"used by data and buffers: %d bytes, resident: %d bytes" % (used_memory(), resident_bytes())
    )


def memory_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "MEMORY",
        "DOCTOR",
        "    What stands out, in words.",
        "MALLOC-STATS",
        "    What the allocator says.",
        "PURGE",
        "    Give unused memory back to the system.",
        "STATS",
        "    What takes how much.",
        "USAGE <key> [SAMPLES <count>]",
        "    Bytes a key takes, estimated from so many elements (5; 0 for all).",
    )


COMMANDS = family(
    "server",
    [
        command(
            "memory", None, -2, "", since="4.0.0", summary="What takes how much memory.",
            subcommands=[
                command("doctor", doctor, 2, "", since="4.0.0", summary="What stands out.", complexity="O(1)", tips=["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
                command("help", memory_help, 2, "loading stale", since="4.0.0", summary="Help.", complexity="O(1)"),
                command("malloc-stats", malloc_stats, 2, "", since="4.0.0", summary="What the allocator says.", complexity="O(1)", tips=["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
                command("purge", purge, 2, "", since="4.0.0", summary="Give memory back.", complexity="O(1)", tips=["request_policy:all_shards", "response_policy:all_succeeded"]),
                command("stats", stats, 2, "", since="4.0.0", summary="What takes how much.", complexity="O(1)", tips=["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
                command("usage", usage, -3, "readonly", keys=key(2, "RO"), since="4.0.0", summary="Bytes a key takes.", complexity="O(N) samples"),
            ],
        ),
    ],
)  # fmt: skip
