"""The longest a server keeps one client waiting while it has a lot to do: keys expiring, tables growing, big deletes.

One connection sends PING after PING; its longest wait is the stall as a client sees it. The same probe with nothing
going on is measured too: it is what the machine itself adds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import resp
import servers
from bench import contenders, memory

_DRAIN_SECONDS = 60.0


@dataclass
class Stall:
    """Longest wait of a PING in ms while `name` went on, and the probe's 99.9th percentile."""

    name: str
    server: str
    worst_ms: float
    p999_ms: float
    pings: int


class Probe:
    """PINGs one server from a thread as fast as it answers, between `__enter__` and `__exit__`."""

    def __init__(self, server: servers.Server) -> None:
        """Prepare to probe `server`; nothing is sent yet."""
        self.waits: list[float] = []
        self._connection = server.connect()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> list[float]:
        self._thread.start()
        return self.waits

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        request = resp.encode("PING")
        while not self._stop.is_set():
            began = time.perf_counter()
            self._connection.send(request)
            self._connection.read()
            self.waits.append((time.perf_counter() - began) * 1000)


def measure(names: Sequence[str], *, share: float, progress: Callable[[str], None]) -> list[dict[str, object]]:
    """Each situation on each server; `share` of the full size (1 M keys expire, 10 M keys, 1 M elements)."""
    rows = []
    for title, act in _CASES.items():
        for name in names:
            progress(f"stalls: {title}, {name}")
            with contenders.start([name]) as running, running[name].connect(timeout=300) as connection:
                waits = act(running[name], connection, share)
            ordered = sorted(waits)
            rows.append(asdict(Stall(title, name, ordered[-1], ordered[int(len(ordered) * 0.999)], len(ordered))))
    return rows


def _nothing(server: servers.Server, _: resp.Connection, __: float) -> list[float]:
    with Probe(server) as waits:
        time.sleep(2)
    return waits


def _expiry(server: servers.Server, connection: resp.Connection, share: float) -> list[float]:
    at = int(time.time() * 1000) + int(20_000 * share) + 2000
    keys = int(1_000_000 * share)
    memory.send_all(connection, (("SET", f"{index:016d}", "x" * 16, "PXAT", at) for index in range(keys)))
    time.sleep(max(0.0, at / 1000 - time.time() - 0.5))
    with Probe(server) as waits:
        deadline = time.monotonic() + _DRAIN_SECONDS
        while connection.call("DBSIZE") and time.monotonic() < deadline:
            time.sleep(0.05)
    return waits


# Keys a bucket at which each server's table doubles, its number of buckets being a power of two.
_LOADS = {"scrubjay": 5.25, "redis": 1.0, "valkey": 7.0}


def _growth(server: servers.Server, connection: resp.Connection, share: float) -> list[float]:
    """400,000 keys are added around the last doubling below ten million keys.

    In small pipelines, so that what the probe waits for is the table and not the pipeline in front of it.
    """
    doubling = _LOADS[server.name]
    while doubling * 2 <= 10_000_000 * share:
        doubling *= 2
    first, around = int(doubling - 200_000 * share), int(400_000 * share)
    connection.call("DEBUG", "POPULATE", first, "key", 8)
    with Probe(server) as waits:
        for at in range(0, around, 20):
            connection.pipeline([("SET", f"more:{index}", "x") for index in range(at, at + 20)])
    return waits


def _deletion(server: servers.Server, connection: resp.Connection, share: float) -> list[float]:
    members = int(1_000_000 * share)

    def chunks() -> Iterator[tuple[resp.Argument, ...]]:
        for first in range(0, members, 1000):
            yield ("SADD", "big", *(f"member:{index}" for index in range(first, first + 1000)))

    memory.send_all(connection, chunks())
    with Probe(server) as waits:
        time.sleep(0.2)
        connection.call("UNLINK", "big")
        time.sleep(0.8)
    return waits


_CASES: dict[str, Callable[[servers.Server, resp.Connection, float], list[float]]] = {
    "nothing going on": _nothing,
    "1 M keys expire in the same moment": _expiry,
    "the table doubles, at 5.5 M to 8.4 M keys": _growth,
    "UNLINK of a set of 1 M members": _deletion,
}
