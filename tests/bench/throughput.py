"""Server CPU per operation, operations a second and latency of each command, by redis-benchmark with 50 clients.

CPU is the server process's user plus system time over the run, divided by the requests. Repeats alternate between the
servers (and change their order), so that whatever else the machine does falls on all of them alike.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import resp
import servers
from bench import contenders, workloads

CLIENTS = 50
_PROBE = 20_000  # requests of the run that finds out how many requests fill the time wanted


@dataclass
class Sample:
    """One run of redis-benchmark against one server: microseconds of CPU per operation, operations a second, ms."""

    server: str
    cpu: float
    rate: float
    p50: float
    p99: float


@dataclass
class Row:
    """A workload with the samples of every server, or with the error a server gave instead."""

    name: str
    family: str
    requests: int
    samples: list[Sample]
    errors: dict[str, str]


def measure(
    running: Mapping[str, servers.Server],
    chosen: Iterable[workloads.Workload],
    *,
    repeats: int,
    seconds: float,
    progress: Callable[[str], None],
) -> list[dict[str, object]]:
    """Measure each workload `repeats` times on each server, about `seconds` seconds each time; rows as plain data."""
    return [asdict(_row(running, workload, repeats, seconds, progress)) for workload in chosen]


def _row(
    running: Mapping[str, servers.Server],
    workload: workloads.Workload,
    repeats: int,
    seconds: float,
    progress: Callable[[str], None],
) -> Row:
    row = Row(workload.name, workload.family, 0, [], {})
    rates = []
    for name, server in running.items():
        try:
            rates.append(_once(server, workload, _PROBE).rate)
        except (resp.ErrorReply, resp.ConnectionClosed, OSError, subprocess.SubprocessError) as error:
            row.errors[name] = str(error)
    able = [name for name in running if name not in row.errors]
    if not able:
        return row
    row.requests = max(_PROBE, int(sorted(rates)[len(rates) // 2] * seconds))
    if workload.most is not None:
        row.requests = min(row.requests, workload.most)
    for repeat in range(repeats):
        turn = able[repeat % len(able) :] + able[: repeat % len(able)]
        for name in turn:
            progress(f"{workload.name}: {name}, {repeat + 1} of {repeats}")
            row.samples.append(_once(running[name], workload, row.requests))
    return row


def peak(server: servers.Server, workload: workloads.Workload, seconds: float) -> float:
    """Operations a second of one run of about `seconds` seconds."""
    requests = int(_once(server, workload, _PROBE).rate * seconds)
    return _once(server, workload, requests).rate


def _once(server: servers.Server, workload: workloads.Workload, requests: int) -> Sample:
    with server.connect() as connection:
        workloads.fill(connection, workload, requests)
        _refuse_errors(connection, workload.command)
    before = servers.cpu_seconds(server.pid)
    result = _redis_benchmark(server.port, workload, requests)
    used = servers.cpu_seconds(server.pid) - before
    return Sample(
        server.name,
        cpu=used / requests * 1e6,
        rate=float(result["rps"]),
        p50=float(result["p50_latency_ms"]),
        p99=float(result["p99_latency_ms"]),
    )


def _refuse_errors(connection: resp.Connection, command: Sequence[str]) -> None:
    """Try the command once: redis-benchmark would time a server's error replies as if they were answers."""
    connection.call(*(part.replace("__rand_int__", "000000000000") for part in command))


def command_line(port: int | str, workload: workloads.Workload, requests: int | str) -> list[str]:
    """The redis-benchmark call of a workload."""
    return [
        *("redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-c", str(CLIENTS), "-n", str(requests)),
        *("-P", str(workload.depth), "-r", str(workloads.SPREAD), "--csv", *workload.command),
    ]


def _redis_benchmark(port: int, workload: workloads.Workload, requests: int) -> dict[str, str]:
    command = [*contenders.on_client_core(), *command_line(port, workload, requests)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    lines = [line for line in done.stdout.splitlines() if line.startswith('"')]
    return next(csv.DictReader(lines))
