"""Prometheus metrics of one engine, from the counters INFO shows (https://prometheus.io/docs/instrumenting/exposition_formats, text format 0.0.4).

Written by hand rather than with a client library: every value exists already as a C counter, and a scrape must not cost a stall. Names follow
redis_exporter where it has the metric (`redis_...`), so that existing dashboards work.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from scrubjay_engine.commands.info import resident_bytes
from scrubjay_engine.values.memory import peak_memory, used_memory
from scrubjay_engine.version import REDIS_VERSION, VERSION

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

Sample = tuple[str, str, str, Sequence[tuple[str, float]]]
# Upper bounds in seconds: powers of two of nanoseconds from 1 us to 1 s, every second one.
BOUNDS = tuple(range(10, 31, 2))


def escaped(text: str) -> str:
    """A label value."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def gauges(server: Server) -> Iterator[Sample]:
    engine = server.engine
    yield "redis_up", "gauge", "Whether the engine answers.", [("", 1)]
    info = f'{{redis_version="{REDIS_VERSION}",scrubjay_version="{VERSION}",role="{role(server)}"}}'
    yield "redis_instance_info", "gauge", "Versions and role as labels.", [(info, 1)]
    yield "redis_uptime_in_seconds", "gauge", "Seconds since the start.", [("", time.time() - server.started)]
    yield "redis_connected_clients", "gauge", "Connections of clients.", [("", len(engine.clients))]
    yield "redis_blocked_clients", "gauge", "Clients in blocking commands.", [("", engine.blocking.count)]
    yield "redis_memory_used_bytes", "gauge", "Bytes of data and buffers.", [("", used_memory())]
    yield "redis_memory_used_peak_bytes", "gauge", "Their highest value.", [("", peak_memory())]
    yield "redis_memory_used_rss_bytes", "gauge", "Resident set size.", [("", resident_bytes())]
    yield "redis_memory_max_bytes", "gauge", "maxmemory, 0 for none.", [("", engine.maxmemory)]
    yield (
        "redis_db_keys",
        "gauge",
        "Keys a database.",
        [(f'{{db="db{db.id}"}}', len(db)) for db in engine.keyspace.databases],
    )
    expiring = [(f'{{db="db{db.id}"}}', db.expiring) for db in engine.keyspace.databases]
    yield "redis_db_keys_expiring", "gauge", "Keys with an expiry a database.", expiring
    yield "redis_loading_dump_file", "gauge", "1 while data is being loaded.", [("", engine.gates & 1)]
    for extra in engine.parts.get("metrics", ()):
        yield from extra()


def counters(server: Server) -> Iterator[Sample]:
    engine, keyspace = server.engine, server.engine.keyspace
    plain = {
        "redis_commands_processed_total": ("Commands run.", engine.commands_run),
        "redis_connections_received_total": ("Connections accepted.", engine.connections_received),
        "redis_rejected_connections_total": ("Connections refused by limits.", engine.connections_rejected),
        "redis_net_input_bytes_total": ("Bytes received.", engine.bytes_in),
        "redis_net_output_bytes_total": ("Bytes sent.", engine.bytes_out),
        "redis_keyspace_hits_total": ("Lookups that found a key.", keyspace.hits),
        "redis_keyspace_misses_total": ("Lookups that found none.", keyspace.misses),
        "redis_expired_keys_total": ("Keys that expired.", keyspace.expired),
        "redis_evicted_keys_total": ("Keys evicted at maxmemory.", engine.evicted),
        "redis_error_replies_total": ("Error replies.", engine.error_replies),
        "redis_unexpected_error_replies_total": (
            "Errors inside the server, each in the log.",
            engine.unexpected_errors,
        ),
    }
    for name, (text, value) in plain.items():
        yield name, "counter", text, [("", value)]
    errors = [
        (f'{{err="{escaped(code.decode(errors="replace"))}"}}', count)
        for code, count in sorted(engine.error_counts.items())
    ]
    yield "redis_errors_total", "counter", "Error replies by code.", errors
    used = [row for row in engine.commands.all if row.calls]
    calls = [(f'{{cmd="{row.name}"}}', row.calls) for row in used]
    yield "redis_commands_total", "counter", "Calls a command.", calls
    seconds = [(f'{{cmd="{row.name}"}}', row.nanoseconds / 1e9) for row in used]
    yield "redis_commands_duration_seconds_total", "counter", "Time spent in each command.", seconds


def latency(server: Server) -> Iterator[str]:
    """Histograms of command durations by family."""
    families: dict[str, list[int]] = {}
    spent: dict[str, float] = {}
    for row in server.engine.commands.all:
        if row.calls:
            total = families.setdefault(row.group, [0] * 40)
            for power, count in enumerate(row.histogram()):
                total[power] += count
            spent[row.group] = spent.get(row.group, 0.0) + row.nanoseconds / 1e9
    name = "scrubjay_command_duration_seconds"
    yield f"# HELP {name} Duration of commands by family."
    yield f"# TYPE {name} histogram"
    for group, counts in sorted(families.items()):
        for bound in BOUNDS:
            yield f'{name}_bucket{{family="{group}",le="{2**bound / 1e9:g}"}} {sum(counts[: bound + 1])}'
        yield f'{name}_bucket{{family="{group}",le="+Inf"}} {sum(counts)}'
        yield f'{name}_sum{{family="{group}"}} {spent[group]:.9g}'
        yield f'{name}_count{{family="{group}"}} {sum(counts)}'


def role(server: Server) -> str:
    """`master` or `slave`, as Redis names them."""
    found = server.engine.parts.get("role")
    return found() if found is not None else "master"


def exposition(server: Server) -> bytes:
    """The whole page."""
    lines: list[str] = []
    for part in (gauges, counters):
        for name, kind, text, samples in part(server):
            lines.append(f"# HELP {name} {text}")
            lines.append(f"# TYPE {name} {kind}")
            lines.extend(f"{name}{labels} {value:.17g}" for labels, value in samples)
    lines.extend(latency(server))
    return ("\n".join(lines) + "\n").encode()
