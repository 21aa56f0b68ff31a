"""The servers a benchmark compares, each on one core of its own choosing, and what is known of the machine.

Every server runs on the first core this process may use and every load generator on the last one, so that a server's
figures do not depend on how fast its client is. With a single core nothing is pinned and the figures say so.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import resp
import servers

ORDER = ("scrubjay", "redis", "valkey")
_CORES = sorted(os.sched_getaffinity(0))
PINNED = len(_CORES) > 1


def on_server_core() -> list[str]:
    """Command prefix that keeps a server on its core."""
    return ["taskset", "-c", str(_CORES[0])] if PINNED else []


def on_client_core() -> list[str]:
    """Command prefix that keeps a load generator on its core."""
    return ["taskset", "-c", str(_CORES[-1])] if PINNED else []


@contextlib.contextmanager
def start(names: Sequence[str], *options: str) -> Iterator[dict[str, servers.Server]]:
    """Start the named servers side by side; idle ones use next to nothing of the core they share."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(servers.KINDS[name](*options, prefix=on_server_core())) for name in names}


def version(server: servers.Server) -> str:
    """The server's name and version as it reports them, and the allocator it was built with."""
    with server.connect() as connection:
        facts = resp.info(connection)
    for name in ("scrubjay", "valkey", "redis"):
        if number := facts.get(f"{name}_version"):
            return f"{name} {number} ({facts.get('mem_allocator', 'unknown allocator')})"
    return server.name


def machine() -> dict[str, str]:
    """Processor, cores, memory, kernel, Python, load and time of day of this run."""
    processor = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": str(len(_CORES)),
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "pinned": "server on one core, load generator on another" if PINNED else "not pinned: one core only",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
