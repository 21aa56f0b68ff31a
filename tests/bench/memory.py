"""What data costs: bytes of resident memory and of `used_memory` over the payload, and what an idle server costs.

Each figure comes from a server that was started for it: its growth from empty to full, divided by the keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import resp
import servers
from bench import contenders

Commands = Iterator[tuple[resp.Argument, ...]]
_IDLE_SECONDS = 3.0


@dataclass
class Cost:
    """Bytes a key over the payload (`of` keys): growth of the resident set, and of used_memory as the server counts."""

    name: str
    server: str
    of: int
    resident: float
    counted: float


@dataclass
class Idle:
    """A server that does nothing: ms from start to the first PING answered, MiB resident, per cent of a core."""

    server: str
    start_ms: float
    resident_mib: float
    cpu_percent: float


def _strings(keys: int, *options: str) -> Commands:
    return (("SET", f"{index:016d}", "x" * 64, *options) for index in range(keys))


def _expiring(keys: int) -> Commands:
    return _strings(keys, "EX", "100000")


def _hashes(keys: int) -> Commands:
    fields = [part for field in range(10) for part in (f"field{field}", f"value{field}")]
    return (("HSET", f"hash:{index:011d}", *fields) for index in range(keys))


def _lists(keys: int) -> Commands:
    return (("RPUSH", f"list:{index:011d}", *(f"element{item}" for item in range(10))) for index in range(keys))


def _sets(keys: int) -> Commands:
    return (("SADD", f"set:{index:012d}", *(f"member{item}" for item in range(10))) for index in range(keys))


def _zsets(keys: int) -> Commands:
    pairs = [part for item in range(10) for part in (str(item * 1.5), f"member{item}")]
    return (("ZADD", f"zset:{index:011d}", *pairs) for index in range(keys))


# name, commands, keys at full size, bytes of payload a key (0: the whole cost is shown)
CASES: tuple[tuple[str, Callable[[int], Commands], int, int], ...] = (
    ("string 64 B, key 16 B, over payload", _strings, 1_000_000, 80),
    ("the same with an expiry, over payload", _expiring, 1_000_000, 80),
    ("hash of 10 small fields, whole", _hashes, 100_000, 0),
    ("list of 10, whole", _lists, 100_000, 0),
    ("set of 10, whole", _sets, 100_000, 0),
    ("sorted set of 10, whole", _zsets, 100_000, 0),
)


def measure(names: Sequence[str], *, share: float, progress: Callable[[str], None]) -> list[dict[str, object]]:
    """Cost of each case on each server; `share` of the full number of keys. A case a server refuses is left out."""
    costs = []
    for title, commands, keys, payload in CASES:
        for name in names:
            progress(f"memory: {title}, {name}")
            try:
                costs.append(asdict(_cost(name, title, commands, int(keys * share), payload)))
            except resp.ErrorReply as error:
                progress(f"memory: {title}, {name}: {error}")
    return costs


def _cost(name: str, title: str, commands: Callable[[int], Commands], keys: int, payload: int) -> Cost:
    with contenders.start([name]) as running, running[name].connect() as connection:
        server = running[name]
        send_all(connection, commands(1000))  # what the first commands set up once is not a cost of the keys
        connection.call("FLUSHALL", "SYNC")
        resident, counted = servers.resident_bytes(server.pid), used_memory(connection)
        send_all(connection, commands(keys))
        return Cost(
            title,
            name,
            keys,
            (servers.resident_bytes(server.pid) - resident) / keys - payload,
            (used_memory(connection) - counted) / keys - payload,
        )


def idle(names: Sequence[str], *, progress: Callable[[str], None]) -> list[dict[str, object]]:
    """Start-up time and idle cost of each server."""
    found = []
    for name in names:
        progress(f"idle: {name}")
        began = time.monotonic()
        with contenders.start([name]) as running:
            started = time.monotonic() - began
            pid = running[name].pid
            time.sleep(1)  # let what a server does just after its start be over
            before = servers.cpu_seconds(pid)
            time.sleep(_IDLE_SECONDS)
            used = servers.cpu_seconds(pid) - before
            resident = servers.resident_bytes(pid) / 2**20
        found.append(asdict(Idle(name, started * 1000, resident, used / _IDLE_SECONDS * 100)))
    return found


def used_memory(connection: resp.Connection) -> int:
    """`used_memory` of INFO, in bytes."""
    return int(resp.info(connection, "memory")["used_memory"])


def send_all(connection: resp.Connection, commands: Commands) -> None:
    """Send commands in pipelines of 500; raises ErrorReply at the first error."""
    while batch := list(islice(commands, 500)):
        for reply in connection.pipeline(batch):
            if reply.is_error:
                raise resp.ErrorReply(str(reply.plain()))
