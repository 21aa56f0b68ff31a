"""Commands about the server: DBSIZE, FLUSHALL, CONFIG, TIME, SHUTDOWN, COMMAND ... (INFO, SLOWLOG, LATENCY, MEMORY and DEBUG have files of their own)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scrubjay_engine.commands.config_file import config_help, config_rewrite
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.errors import SYNTAX, CommandError

if TYPE_CHECKING:
    from scrubjay_engine.core.engine import Engine
    from scrubjay_engine.server import Server


def dbsize(client: Client, args: list[bytes]) -> int:
    return len(client.db)


def _flush_mode(args: list[bytes]) -> None:
    if len(args) > 2 or (len(args) == 2 and args[1].upper() not in (b"SYNC", b"ASYNC")):
        raise SYNTAX


def flushdb(client: Client, args: list[bytes]) -> str:
    _flush_mode(args)
    flush(client, [client.db.id])
    return "OK"


def flushall(client: Client, args: list[bytes]) -> str:
    _flush_mode(args)
    flush(client, list(range(len(client.engine.keyspace.databases))))
    return "OK"


def flush(client: Client, numbers: list[int]) -> None:
    """Empties databases and tells WATCH, tracking and replicas (a flush of nothing is propagated too, as in Redis)."""
    engine = client.engine
    for number in numbers:
        db = engine.keyspace.databases[number]
        on_flush = engine.parts.get("on_flush", ())
        for hook in on_flush:
            hook(db)
        engine.keyspace.dirty += db.flush()
        engine.blocking.signal_all(number)
    engine.keyspace.dirty += 1


def time_command(client: Client, args: list[bytes]) -> list[bytes]:
    now = time.time_ns()
    return [b"%d" % (now // 10**9), b"%d" % (now // 1000 % 10**6)]


def swapdb(client: Client, args: list[bytes]) -> str:
    if client.engine.keyspace.cluster:
        raise CommandError("ERR SWAPDB is not allowed in cluster mode")
    numbers = []
    for which, text in (("first", args[1]), ("second", args[2])):
        if not text.lstrip(b"-").isdigit():
            raise CommandError(f"ERR invalid {which} DB index")
        numbers.append(int(text))
    if any(not 0 <= number < len(client.engine.keyspace.databases) for number in numbers):
        raise CommandError("ERR DB index is out of range")
    client.engine.keyspace.swap(*numbers)
    for hook in client.engine.parts.get("on_swap", ()):
        hook(*numbers)
    client.engine.keyspace.dirty += 1
    for number in numbers:
        client.engine.blocking.signal_all(number)
    return "OK"


def config_get(client: Client, args: list[bytes]) -> dict[bytes, bytes]:
    found = client.engine.config.matching(word.decode(errors="replace") for word in args[2:])
    return {name.encode(): text.encode() for name, text in found.items()}


def config_set(client: Client, args: list[bytes]) -> str:
    if len(args) % 2:
        raise CommandError("ERR wrong number of arguments for 'config|set' command")
    words = [word.decode(errors="surrogateescape") for word in args[2:]]
    config = client.engine.config
    config.set_live(list(zip(words[::2], words[1::2], strict=True)), config.text("enable-protected-configs") == "yes")
    return "OK"


def config_resetstat(client: Client, args: list[bytes]) -> str:
    for hook in client.engine.parts.get("on_resetstat", ()):
        hook()
    return "OK"


def limit_memory(engine: Engine, maxmemory: int) -> None:
    """A new `maxmemory`: what is over it is evicted at once, not at the next command."""
    engine.eviction.set_limit(maxmemory)
    if engine.loop is not None:
        engine.loop.call_soon(_evict_now, engine)


def _evict_now(engine: Engine) -> None:
    engine.make_room()
    engine.flush_pending()


def install(server: Server) -> None:
    """Options that the core follows."""
    config, engine = server.config, server.engine
    config.on_change("maxmemory", lambda v: limit_memory(engine, int(v)))
    config.on_change("maxmemory-policy", lambda v: engine.eviction.set_policy(v))
    config.on_change("maxmemory-samples", lambda v: setattr(engine.eviction, "samples", v))
    config.on_change("lfu-log-factor", lambda v: setattr(engine.keyspace, "lfu_log_factor", v))
    config.on_change("lfu-decay-time", lambda v: setattr(engine.keyspace, "lfu_decay_minutes", v))
    config.on_change("active-expire-effort", lambda v: setattr(engine.expiry, "effort", v))


COMMANDS = family(
    "server",
    [
        command("dbsize", dbsize, 1, "readonly fast", categories="keyspace", summary="How many keys the database has.", complexity="O(1)"),
        command("flushdb", flushdb, -1, "write", categories="keyspace dangerous", summary="Remove all keys of the database.", complexity="O(1), memory is freed in slices"),
        command("flushall", flushall, -1, "write", categories="keyspace dangerous", summary="Remove all keys of all databases.", complexity="O(1), memory is freed in slices"),
        command("swapdb", swapdb, 3, "write fast", categories="keyspace dangerous", since="4.0.0", summary="Exchange two databases.", complexity="O(1)"),
        command("time", time_command, 1, "loading stale fast", since="2.6.0", summary="The server's clock.", complexity="O(1)"),
        command(
            "config", None, -2, "", since="2.0.0", summary="Read and change options.",
            subcommands=[
                command("get", config_get, -3, "admin noscript loading stale", since="2.0.0", summary="Options by pattern.", complexity="O(N)"),
                command("set", config_set, -4, "admin noscript loading stale", since="2.0.0", summary="Change options.", complexity="O(N)"),
                command("help", config_help, 2, "loading stale", since="5.0.0", summary="Help.", complexity="O(1)"),
                command("rewrite", config_rewrite, 2, "admin noscript loading stale", since="2.8.0", summary="Write the options into the file.", complexity="O(N)"),
                command("resetstat", config_resetstat, 2, "admin noscript loading stale", since="2.0.0", summary="Set counters to zero.", complexity="O(1)"),
            ],
        ),
    ],
)  # fmt: skip
