"""Our engine beside Debian's memcached (`-t 1`): server CPU an operation and operations a second by 50 clients, and memory an item.

The load is ours: each of the 50 connections is sent one request, then each answer is read, and so on; requests differ in their keys, their answers are of one size. CPU is the
server process's own, so the generator's cost is not in it. Runs alternate between the servers.
"""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import servers
from bench import contenders

CLIENTS = 50
SPREAD = 100_000
VALUE = b"x" * 64
ITEMS = 1_000_000
OURS = (sys.executable, "-m", "scrubjay_engine.memcached")
OPTIONS = ("-m", "2048", "-c", "1024")
NAMES = ("scrubjay", "memcached")


@dataclass
class Sample:
    """One run: microseconds of server CPU an operation, operations a second."""

    server: str
    cpu: float
    rate: float


@dataclass(frozen=True)
class Load:
    """A kind of request: how one is made, and how long its answer is."""

    name: str
    request: Callable[[], bytes]
    answer: int
    operations: int = 1  # keys a request


def _key() -> bytes:
    return b"key:%012d" % random.randrange(SPREAD)


def _one_value() -> int:
    return len(b"VALUE key:000000000000 0 64\r\n") + len(VALUE) + 2


LOADS = (
    Load("set 64 B", lambda: b"set %s 0 0 64\r\n%s\r\n" % (_key(), VALUE), len(b"STORED\r\n")),
    Load("get 64 B", lambda: b"get %s\r\n" % _key(), _one_value() + 5),
    Load("get of 10 keys", lambda: b"get " + b" ".join(_key() for _ in range(10)) + b"\r\n", 10 * _one_value() + 5, 10),
    Load("mg v 64 B", lambda: b"mg %s v\r\n" % _key(), len(b"VA 64\r\n") + len(VALUE) + 2),
    Load("ms 64 B", lambda: b"ms %s 64\r\n%s\r\n" % (_key(), VALUE), len(b"HD\r\n")),
)


@contextlib.contextmanager
def start() -> Iterator[dict[str, servers.Server]]:
    """Both servers on the server core."""
    prefix = contenders.on_server_core()
    with (
        servers.memcached(*OPTIONS, program=OURS, prefix=prefix) as ours,
        servers.memcached(*OPTIONS, prefix=prefix) as theirs,
    ):
        yield {"scrubjay": ours, "memcached": theirs}


def measure(*, repeats: int, seconds: float, share: float, progress: Callable[[str], None]) -> dict[str, object]:
    """Rows of samples for each load, and bytes an item; plain data."""
    rows = []
    with start() as running:
        for name, server in running.items():
            progress(f"memcached: filling {name}")
            fill(server, SPREAD)
        for load in LOADS:
            samples = []
            for repeat in range(repeats):
                for name in NAMES if repeat % 2 else reversed(NAMES):
                    progress(f"memcached: {load.name}, {name}, {repeat + 1} of {repeats}")
                    samples.append(asdict(run(name, running[name], load, seconds)))
            rows.append({"name": load.name, "samples": samples})
    return {"rows": rows, "memory": memory(int(ITEMS * share), progress)}


def run(name: str, server: servers.Server, load: Load, seconds: float) -> Sample:
    """One run of about that length."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(server.address, timeout=30)) for _ in range(CLIENTS)]
        requests = [load.request() for _ in range(20_000)]
        done = 0
        before, began = servers.cpu_seconds(server.pid), time.monotonic()
        while time.monotonic() - began < seconds:
            at = random.randrange(len(requests) - CLIENTS)
            for client, request in zip(clients, requests[at : at + CLIENTS], strict=True):
                client.send(request)
            for client in clients:
                got = len(client.recv(65536))
                while got < load.answer:
                    got += len(client.recv(65536))
                if got != load.answer:
                    raise RuntimeError(f"{name} answered {load.name} with {got} bytes instead of {load.answer}")
            done += CLIENTS
        elapsed, used = time.monotonic() - began, servers.cpu_seconds(server.pid) - before
    operations = done * load.operations
    return Sample(name, used / operations * 1e6, operations / elapsed)


def fill(server: servers.Server, items: int) -> None:
    """Items of a 16-byte key and 64 bytes."""
    with socket.create_connection(server.address, timeout=60) as client:
        for start_at in range(0, items, 1000):
            batch = range(start_at, min(start_at + 1000, items))
            client.sendall(b"".join(b"set key:%012d 0 0 64 noreply\r\n%s\r\n" % (at, VALUE) for at in batch))
        client.sendall(b"mn\r\n")
        assert client.recv(16) == b"MN\r\n"


def memory(items: int, progress: Callable[[str], None]) -> list[dict[str, object]]:
    """Growth of the resident set by so many items, bytes each; fresh servers."""
    found: list[dict[str, object]] = []
    with start() as running:
        for name, server in running.items():
            progress(f"memcached: memory of {items} items, {name}")
            before = servers.resident_bytes(server.pid)
            fill(server, items)
            each = (servers.resident_bytes(server.pid) - before) / items
            found.append({"server": name, "of": items, "resident": each})
    return found
