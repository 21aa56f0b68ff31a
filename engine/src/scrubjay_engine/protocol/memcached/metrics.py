"""Metrics under the names of Prometheus' memcached_exporter, so that its dashboards work; shown while a memcached port is open."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrubjay_engine.protocol.memcached.port import Memcached

Sample = tuple[str, str, str, Sequence[tuple[str, float]]]
PORTS = ("memcached-port", "memcached-udp-port", "memcached-unixsocket")
COMMANDS = {  # (command, status) -> counter
    ("get", "hit"): "get_hits",
    ("get", "miss"): "get_misses",
    ("delete", "hit"): "delete_hits",
    ("delete", "miss"): "delete_misses",
    ("incr", "hit"): "incr_hits",
    ("incr", "miss"): "incr_misses",
    ("decr", "hit"): "decr_hits",
    ("decr", "miss"): "decr_misses",
    ("cas", "hit"): "cas_hits",
    ("cas", "miss"): "cas_misses",
    ("cas", "badval"): "cas_badval",
    ("touch", "hit"): "touch_hits",
    ("touch", "miss"): "touch_misses",
    ("set", "hit"): "cmd_set",
    ("flush", "hit"): "cmd_flush",
}


def samples(memcached: Memcached) -> Iterator[Sample]:
    """Every metric; none while no memcached port is open."""
    config, engine, items = memcached.server.config, memcached.server.engine, memcached.items
    if not any(config[name] for name in PORTS):
        return
    yield "memcached_up", "gauge", "Whether the engine answers.", [("", 1)]
    yield "memcached_version", "gauge", "The version as a label.", [(f'{{version="{memcached.version.decode()}"}}', 1)]
    uptime = time.time() - memcached.server.started
    yield "memcached_uptime_seconds", "counter", "Seconds since the start.", [("", uptime)]
    gauges = {
        "memcached_current_bytes": ("Bytes of what is stored.", memcached.statistics.data_bytes()),
        "memcached_limit_bytes": ("maxmemory.", engine.maxmemory),
        "memcached_current_items": ("Items.", len(items.db)),
        "memcached_current_connections": ("Open connections.", len(memcached.sessions)),
        "memcached_max_connections": ("Their limit.", config.number("memcached-max-connections")),
    }
    counters = {
        "memcached_items_total": ("Items ever stored.", items.total_items),
        "memcached_items_evicted_total": ("Items evicted.", memcached.statistics.evictions),
        "memcached_items_reclaimed_total": ("Items expired or flushed.", memcached.statistics.reclaimed),
        "memcached_connections_total": ("Connections accepted.", items.total_connections),
        "memcached_connections_rejected_total": ("Connections refused by the limit.", items.rejected_connections),
    }
    for kind, plain in (("gauge", gauges), ("counter", counters)):
        for name, (text, value) in plain.items():
            yield name, kind, text, [("", value)]
    rows = [
        (f'{{command="{command}",status="{status}"}}', float(items.counter(counter)))
        for (command, status), counter in COMMANDS.items()
    ]
    yield "memcached_commands_total", "counter", "Commands by outcome.", rows
