"""INFO: the server in sections, named and laid out as Redis 7.0 does, so that exporters and people find what they know.

A section is a function from the server to (field, value) pairs; other rooms add to `engine.parts["info"]` (replication, persistence, cluster).
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from scrubjay_engine.core.client import Client, Verbatim
from scrubjay_engine.core.command import command, family
from scrubjay_engine.values.memory import peak_memory, used_memory
from scrubjay_engine.version import REDIS_VERSION, VERSION

if TYPE_CHECKING:
    from scrubjay_engine.core.engine import Engine
    from scrubjay_engine.server import Server

Pairs = Iterable[tuple[str, object]]
Section = Callable[["Server"], Pairs]
DEFAULT = (
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "modules",
    "errorstats",
    "cluster",
    "keyspace",
)
EXTRA = ("commandstats", "latencystats")


def human(count: float) -> str:
    """Bytes for people: 1.50M."""
    for unit in ("B", "K", "M", "G", "T", "P"):
        if count < 1024 or unit == "P":
            return f"{int(count)}B" if unit == "B" else f"{count:.2f}{unit}"
        count /= 1024
    return ""


def resident_bytes() -> int:
    """Resident set size from the kernel; 0 where it does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def server_section(server: Server) -> Pairs:
    config = server.config
    uptime = int(time.time() - server.started)
    return [
        ("redis_version", REDIS_VERSION),
        ("redis_git_sha1", "00000000"),
        ("redis_git_dirty", 0),
        ("redis_build_id", "0"),
        ("server_name", "scrubjay"),
        ("scrubjay_version", VERSION),
        ("redis_mode", "cluster" if server.engine.keyspace.cluster else "standalone"),
        ("os", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("arch_bits", 64),
        ("multiplexing_api", "uvloop"),
        ("python_version", platform.python_version()),
        ("process_id", os.getpid()),
        ("process_supervised", "no"),
        ("run_id", server.run_id),
        ("tcp_port", config.number("port") or config.number("tls-port")),
        ("server_time_usec", time.time_ns() // 1000),
        ("uptime_in_seconds", uptime),
        ("uptime_in_days", uptime // 86400),
        ("hz", config.number("hz")),
        ("configured_hz", config.number("hz")),
        ("lru_clock", server.engine.keyspace.access_clock),
        ("executable", sys.executable),
        ("config_file", str(config.file or "")),
        ("io_threads_active", 0),
    ]


def clients_section(server: Server) -> Pairs:
    clients = server.engine.clients.values()
    normal = [client for client in clients if client.replica is None]
    return [
        ("connected_clients", len(normal)),
        ("cluster_connections", 0),
        ("maxclients", server.config.number("maxclients")),
        ("client_recent_max_input_buffer", max((client.query_bytes for client in normal), default=0)),
        ("client_recent_max_output_buffer", max((client.output_bytes for client in normal), default=0)),
        ("blocked_clients", server.engine.blocking.count),
        ("tracking_clients", sum(client.tracking is not None for client in clients)),
        (
            "clients_in_timeout_table",
            sum(1 for client in clients if client.blocked is not None and client.blocked.timer is not None),
        ),
    ]


def replica_bytes(engine: Engine) -> int:
    """What replicas make the server keep: their sockets' buffers, and the part of the stream that is kept for the slowest one only."""
    buffers = sum(client.output_bytes for client in engine.clients.values() if client.replica is not None)
    unread: int = engine.parts.get("unread_by_replicas", int)()
    return buffers + unread


def memory_section(server: Server) -> Pairs:
    used, peak, resident = used_memory(), peak_memory(), resident_bytes()
    startup = server.engine.parts.get("startup_memory", 0)
    limit = server.engine.maxmemory
    dataset = max(used - startup, 0)
    return [
        ("used_memory", used),
        ("used_memory_human", human(used)),
        ("used_memory_rss", resident),
        ("used_memory_rss_human", human(resident)),
        ("used_memory_peak", peak),
        ("used_memory_peak_human", human(peak)),
        ("used_memory_peak_perc", f"{100 * used / max(peak, 1):.2f}%"),
        ("used_memory_overhead", startup),
        ("used_memory_startup", startup),
        ("used_memory_dataset", dataset),
        ("used_memory_dataset_perc", f"{100 * dataset / max(used, 1):.2f}%"),
        ("allocator_allocated", used),
        ("allocator_active", used),
        ("allocator_resident", resident),
        ("total_system_memory", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        ("total_system_memory_human", human(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))),
        *server.engine.parts.get("script_memory", list)(),
        ("maxmemory", limit),
        ("maxmemory_human", human(limit)),
        ("maxmemory_policy", server.config.text("maxmemory-policy")),
        ("mem_fragmentation_ratio", f"{resident / max(used, 1):.2f}"),
        ("mem_fragmentation_bytes", resident - used),
        ("mem_not_counted_for_evict", used - server.engine.eviction.counted()),
        ("mem_replication_backlog", server.engine.parts.get("backlog_bytes", int)()),
        ("mem_total_replication_buffers", server.engine.parts.get("backlog_bytes", int)()),
        ("mem_clients_slaves", replica_bytes(server.engine)),
        ("mem_clients_normal", sum(c.memory for c in server.engine.clients.values() if c.replica is None)),
        ("mem_cluster_links", 0),
        ("mem_aof_buffer", 0),
        ("mem_allocator", "libc"),
        ("active_defrag_running", 0),
        ("lazyfree_pending_objects", len(server.engine.keyspace.lazy)),
        ("lazyfreed_objects", server.engine.keyspace.lazyfreed),
    ]


def stats_section(server: Server) -> Pairs:
    engine, keyspace, stats = server.engine, server.engine.keyspace, server.engine.parts["stats"]
    rates = engine.parts["rates"]
    return [
        ("total_connections_received", engine.connections_received),
        ("total_commands_processed", engine.commands_run),
        ("instantaneous_ops_per_sec", rates["commands"]),
        ("total_net_input_bytes", engine.bytes_in),
        ("total_net_output_bytes", engine.bytes_out),
        ("total_net_repl_input_bytes", stats.get("repl_input_bytes", 0)),
        ("total_net_repl_output_bytes", stats.get("repl_output_bytes", 0)),
        ("instantaneous_input_kbps", f"{rates['in'] / 1024:.2f}"),
        ("instantaneous_output_kbps", f"{rates['out'] / 1024:.2f}"),
        ("rejected_connections", engine.connections_rejected),
        ("sync_full", stats.get("sync_full", 0)),
        ("sync_partial_ok", stats.get("sync_partial_ok", 0)),
        ("sync_partial_err", stats.get("sync_partial_err", 0)),
        ("expired_keys", keyspace.expired),
        ("expired_stale_perc", f"{engine.expiry.stale_percent:.2f}"),
        ("expired_time_cap_reached_count", engine.expiry.capped),
        ("evicted_keys", engine.evicted),
        ("evicted_clients", stats.get("evicted_clients", 0)),
        ("total_eviction_exceeded_time", 0),
        ("current_eviction_exceeded_time", 0),
        ("keyspace_hits", keyspace.hits),
        ("keyspace_misses", keyspace.misses),
        *engine.parts.get("pubsub_counts", list)(),
        ("latest_fork_usec", 0),
        ("total_forks", stats.get("total_forks", 0)),
        ("migrate_cached_sockets", 0),
        *engine.parts.get("tracking_counts", list)(),
        ("unexpected_error_replies", engine.unexpected_errors),
        ("total_error_replies", engine.error_replies),
        ("dump_payload_sanitizations", 0),
        ("total_reads_processed", engine.reads),
        ("total_writes_processed", engine.writes),
        ("acl_access_denied_auth", stats.get("acl_denied_auth", 0)),
        ("acl_access_denied_cmd", stats.get("acl_denied_cmd", 0)),
        ("acl_access_denied_key", stats.get("acl_denied_key", 0)),
        ("acl_access_denied_channel", stats.get("acl_denied_channel", 0)),
    ]


def persistence_section(server: Server) -> Pairs:
    return [
        ("loading", int(bool(server.engine.gates & 1))),
        ("rdb_changes_since_last_save", server.engine.keyspace.dirty),
    ]


def replication_section(server: Server) -> Pairs:
    return [("role", "master"), ("connected_slaves", 0), ("master_replid", server.run_id), ("master_repl_offset", 0)]


def cpu_section(server: Server) -> Pairs:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return [
        ("used_cpu_sys", f"{own.ru_stime:.6f}"),
        ("used_cpu_user", f"{own.ru_utime:.6f}"),
        ("used_cpu_sys_children", f"{children.ru_stime:.6f}"),
        ("used_cpu_user_children", f"{children.ru_utime:.6f}"),
        ("used_cpu_sys_main_thread", f"{own.ru_stime:.6f}"),
        ("used_cpu_user_main_thread", f"{own.ru_utime:.6f}"),
    ]


def modules_section(server: Server) -> Pairs:
    return []


def errorstats_section(server: Server) -> Pairs:
    counts = server.engine.error_counts
    return [(f"errorstat_{code.decode(errors='replace')}", f"count={counts[code]}") for code in sorted(counts)]


def cluster_section(server: Server) -> Pairs:
    return [("cluster_enabled", int(server.engine.keyspace.cluster))]


def keyspace_section(server: Server) -> Pairs:
    for db in server.engine.keyspace.databases:
        if len(db):
            yield f"db{db.id}", f"keys={len(db)},expires={db.expiring},avg_ttl={db.average_ttl()}"


def commandstats_section(server: Server) -> Pairs:
    for row in server.engine.commands.all:
        if row.calls or row.rejected or row.failed:
            usec = row.nanoseconds // 1000
            each = f"{usec / max(row.calls, 1):.2f}"
            refused = f"rejected_calls={row.rejected},failed_calls={row.failed}"
            yield f"cmdstat_{row.name}", f"calls={row.calls},usec={usec},usec_per_call={each},{refused}"


def percentile(histogram: list[int], share: float) -> float:
    """Microseconds under which that share of the calls lay, from a histogram by powers of two of nanoseconds."""
    total = sum(histogram)
    seen = 0
    for power, count in enumerate(histogram):
        seen += count
        if seen >= total * share and count:
            return float(2**power) / 1000
    return 0.0


def latencystats_section(server: Server) -> Pairs:
    if not server.config.flag("latency-tracking"):
        return
    shares = [float(word) for word in server.config.words("latency-tracking-info-percentiles")]
    for row in server.engine.commands.all:
        histogram = row.histogram()
        if any(histogram) and shares:
            shown = ",".join(f"p{share:g}={percentile(histogram, share / 100):.3f}" for share in shares)
            yield f"latency_percentiles_usec_{row.name}", shown


SECTIONS: dict[str, Section] = {
    "server": server_section,
    "clients": clients_section,
    "memory": memory_section,
    "persistence": persistence_section,
    "stats": stats_section,
    "replication": replication_section,
    "cpu": cpu_section,
    "modules": modules_section,
    "errorstats": errorstats_section,
    "cluster": cluster_section,
    "keyspace": keyspace_section,
    "commandstats": commandstats_section,
    "latencystats": latencystats_section,
}


def info_text(server: Server, wanted: list[str]) -> bytes:
    """The sections asked for, in the fixed order; unknown names give nothing."""
    names: set[str] = set()
    for name in wanted or ["default"]:
        if name == "default":
            names.update(DEFAULT)
        elif name in ("all", "everything"):
            names.update(DEFAULT + EXTRA)
        else:
            names.add(name)
    sections: dict[str, Section] = server.engine.parts["info"]
    blocks = []
    for name, section in sections.items():
        if name in names:
            lines = [f"# {name.capitalize()}", *(f"{field}:{value}" for field, value in section(server))]
            blocks.append("\r\n".join(lines) + "\r\n")
    return "\r\n".join(blocks).encode()


def info(client: Client, args: list[bytes]) -> Verbatim:
    return Verbatim(
        b"txt", info_text(client.engine.server, [word.decode(errors="replace").lower() for word in args[1:]])
    )


class Rates:
    """Operations and bytes a second, averaged over the last sixteen samples of 100 ms, as Redis' instantaneous metrics are."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.samples: list[tuple[float, int, int, int]] = []

    def sample(self) -> None:
        engine = self.server.engine
        peak_memory()
        self.samples.append((time.monotonic(), engine.commands_run, engine.bytes_in, engine.bytes_out))
        del self.samples[:-17]

    def __getitem__(self, name: str) -> int:
        if len(self.samples) < 2:
            return 0
        at = {"commands": 1, "in": 2, "out": 3}[name]
        first, last = self.samples[0], self.samples[-1]
        return max(int((last[at] - first[at]) / max(last[0] - first[0], 0.001)), 0)


def reset_statistics(server: Server) -> None:
    """CONFIG RESETSTAT."""
    engine = server.engine
    engine.keyspace.hits = engine.keyspace.misses = engine.keyspace.expired = engine.keyspace.lazyfreed = 0
    engine.commands_run = engine.connections_received = engine.connections_rejected = engine.evicted = 0
    engine.bytes_in = engine.bytes_out = engine.error_replies = engine.reads = engine.writes = (
        engine.unexpected_errors
    ) = 0
    engine.error_counts.clear()
    engine.parts["stats"].clear()
    for row in engine.commands.all:
        row.reset_statistics()
    peak_memory(True)


def install(server: Server) -> None:
    """Sections, rates and the memory at start."""
    parts = server.engine.parts
    parts["info"] = dict(SECTIONS)
    parts["rates"] = Rates(server)
    parts["startup_memory"] = used_memory()
    parts.setdefault("on_resetstat", []).append(lambda: reset_statistics(server))
    server.every(0.1, parts["rates"].sample)


COMMANDS = family(
    "server",
    [
        command(
            "info",
            info,
            -1,
            "loading stale no_role",
            categories="dangerous",
            summary="The server in numbers.",
            complexity="O(1)",
        )
    ],
)
