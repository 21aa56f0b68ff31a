"""Latency of GET and SET at half of each server's own peak, measured in an open loop (see open_loop.pyx).

The peak is what redis-benchmark got out of the server at P=1 with 50 clients in this very run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import resp
import servers
from bench import contenders, throughput, workloads

_GENERATOR = Path(__file__).with_name("generate.py")


@dataclass
class Latency:
    """Percentiles in microseconds of one run at `rate` requests a second."""

    name: str
    server: str
    rate: float
    p50: float
    p99: float
    p999: float
    worst: float


def measure(
    running: Mapping[str, servers.Server], *, repeats: int, seconds: float, progress: Callable[[str], None]
) -> list[dict[str, object]]:
    """One row a repeat, command and server; servers take turns."""
    cases = {
        "GET": (workloads.CORE[0], resp.encode("GET", "key:000000000001"), len(b"$64\r\n") + 64 + 2),
        "SET": (workloads.CORE[1], resp.encode("SET", "key:000000000001", workloads.DATA), len(b"+OK\r\n")),
    }
    rows = []
    for name, (workload, request, reply) in cases.items():
        peaks = {server: throughput.peak(running[server], workload, seconds) for server in running}
        for repeat in range(repeats):
            for server in running:
                progress(f"latency: {name}, {server}, {repeat + 1} of {repeats}")
                with running[server].connect() as connection:
                    workloads.fill(connection, workloads.CORE[0], 0)
                rate = peaks[server] / 2
                rows.append(asdict(_row(name, server, rate, _generate(running[server], request, reply, rate, seconds))))
    return rows


def _row(name: str, server: str, rate: float, latencies: list[float]) -> Latency:
    ordered = sorted(latencies[len(latencies) // 5 :])  # the first fifth warms up
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 0.999)]
    return Latency(name, server, rate, at[0], at[1], at[2], ordered[-1])


def _generate(server: servers.Server, request: bytes, reply: int, rate: float, seconds: float) -> list[float]:
    """Run the generator in a process of its own, on the client's core."""
    order = json.dumps([server.port, request.hex(), reply, rate, seconds])
    command = [*contenders.on_client_core(), sys.executable, str(_GENERATOR), order]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds * 3 + 120)
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr[-1000:]}")
    return [float(item) for item in json.loads(done.stdout)]


def build() -> None:
    """Compile the generator beside its source; nothing happens when it is up to date."""
    source = Path(__file__).with_name("open_loop.pyx")
    if any(built.stat().st_mtime >= source.stat().st_mtime for built in source.parent.glob("open_loop*.so")):
        return
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(source, folder)
        command = ["cythonize", "--inplace", "--quiet", "-3", source.name]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            command, cwd=folder, env={**os.environ, "PATH": path}, check=True, capture_output=True, timeout=300
        )
        for built in Path(folder).glob("open_loop*.so"):
            shutil.move(built, source.parent / built.name)
