"""`stats` and its forms, by memcached 1.6.18's names and in its order, for people, exporters and memcached's own tests.

A number that stands for something the engine does not have (slabs, an LRU crawler, worker threads) is 0, so that no tool misses its name. All items
are of one class, 1: memory is allocated by size, not by class.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from scrubjay_engine.protocol.memcached.session import Session
from scrubjay_engine.values.memory import used_memory

if TYPE_CHECKING:
    from scrubjay_engine.protocol.memcached.port import Memcached

Rows = list[tuple[str, object]]
COUNTED = (
    *("cmd_get", "cmd_set", "cmd_flush", "cmd_touch", "cmd_meta", "get_hits", "get_misses", "get_expired"),
    *("get_flushed", "delete_misses", "delete_hits", "incr_misses", "incr_hits", "decr_misses", "decr_hits"),
    *("cas_misses", "cas_hits", "cas_badval", "touch_hits", "touch_misses", "store_too_large", "store_no_memory"),
    *("auth_cmds", "auth_errors"),
)
MOVES = (
    *("slab_reassign_rescues", "slab_reassign_chunk_rescues", "slab_reassign_evictions_nomem"),
    *("slab_reassign_inline_reclaim", "slab_reassign_busy_items", "slab_reassign_busy_deletes"),
    *("slab_reassign_running", "slabs_moved"),
)
LRU_MOVES = ("moves_to_cold", "moves_to_warm", "moves_within_lru", "direct_reclaims", "lru_bumps_dropped")


class Statistics:
    """Reads the counters together."""

    def __init__(self, memcached: Memcached) -> None:
        self.memcached = memcached
        self.items = memcached.items
        self.server = memcached.server
        self.evicted_before = 0
        self.expired_before = 0
        self.flushed = 0
        self.bytes_before = (0, 0)
        self.kept_prefixes: dict[bytes, list[int]] = {}  # stats detail, shown even while it is off

    def reset(self) -> None:
        """`stats reset`: counts begin anew; what Redis clients see goes on."""
        engine = self.server.engine
        self.items.reset()
        self.kept_prefixes.clear()
        self.evicted_before = engine.evicted
        self.expired_before = engine.keyspace.expired
        self.flushed = 0
        self.bytes_before = (engine.bytes_in, engine.bytes_out)

    @property
    def evictions(self) -> int:
        return self.server.engine.evicted - self.evicted_before

    @property
    def reclaimed(self) -> int:
        """Expired and flushed items, whose memory was used again."""
        return self.server.engine.keyspace.expired - self.expired_before + self.flushed

    @property
    def crawled(self) -> int:
        """Items that expired without being asked for, as memcached's LRU crawler finds them."""
        expired = self.server.engine.keyspace.expired - self.expired_before
        return max(expired - self.items.counter("get_expired"), 0)

    # -- stats ---------------------------------------------------------------------------------------------------------

    def general(self) -> Rows:
        """Plain `stats`."""
        return [*self._process(), *self._counters(), *self._background(), *self._totals()]

    def _process(self) -> Rows:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        memcached, server = self.memcached, self.server
        now = server.engine.keyspace.now_ms // 1000
        rows: Rows = [
            ("pid", os.getpid()),
            ("uptime", int(time.time() - server.started)),
            ("time", now),
            ("version", memcached.version.decode()),
            ("libevent", "none"),
            ("pointer_size", 64),
            ("rusage_user", f"{usage.ru_utime:.6f}"),
            ("rusage_system", f"{usage.ru_stime:.6f}"),
            ("max_connections", server.config.number("memcached-max-connections")),
            ("curr_connections", len(memcached.sessions) + self._listening()),
            ("total_connections", self.items.total_connections + self._listening()),
        ]
        if memcached.settings.switches["maxconns_fast"]:
            rows.append(("rejected_connections", self.items.rejected_connections))
        names = (
            *("connection_structures", "response_obj_oom", "response_obj_count", "response_obj_bytes"),
            *("read_buf_count", "read_buf_bytes", "read_buf_bytes_free", "read_buf_oom", "reserved_fds"),
        )
        rows += [(name, 0) for name in names]
        return rows

    def _listening(self) -> int:
        """Memcached counts one listening connection among the open ones."""
        return 1

    def _counters(self) -> Rows:
        engine = self.server.engine
        rows: Rows = [(name, self.items.counter(name)) for name in COUNTED]
        if self.server.config.number("memcached-idle-timeout"):
            rows.append(("idle_kicks", self.items.idle_kicks))
        return [
            *rows,
            ("bytes_read", engine.bytes_in - self.bytes_before[0]),
            ("bytes_written", engine.bytes_out - self.bytes_before[1]),
            ("limit_maxbytes", engine.maxmemory),
            ("accepting_conns", 1),
            ("listen_disabled_num", 0),
            ("time_in_listen_disabled_us", 0),
            ("threads", 1),
            ("conn_yields", 0),
            ("hash_power_level", max(len(self.items.db).bit_length(), 16)),
            ("hash_bytes", engine.keyspace.table_bytes()),
            ("hash_is_expanding", int(engine.keyspace.resizing())),
        ]

    def _background(self) -> Rows:
        switches = self.memcached.settings.switches
        rows: Rows = []
        if switches["slab_reassign"]:
            rows += [(name, 0) for name in MOVES]
        if switches["lru_crawler"]:
            rows += [("lru_crawler_running", 0), ("lru_crawler_starts", 0)]
        if switches["lru_maintainer"]:
            rows.append(("lru_maintainer_juggles", 0))
        return [
            *rows,
            ("malloc_fails", 0),
            ("log_worker_dropped", 0),
            ("log_worker_written", 0),
            ("log_watcher_skipped", self.memcached.watchers.skipped),
            ("log_watcher_sent", self.memcached.watchers.sent),
            ("log_watchers", len(self.memcached.watchers.watching)),
            ("unexpected_napi_ids", 0),
            ("round_robin_fallback", 0),
        ]

    def _totals(self) -> Rows:
        maintained = self.memcached.settings.switches["lru_maintainer"]
        rows: Rows = [
            ("bytes", self.data_bytes()),
            ("curr_items", len(self.items.db)),
            ("total_items", self.items.total_items),
            ("slab_global_page_pool", 0),
            ("expired_unfetched", 0),
            ("evicted_unfetched", 0),
        ]
        if maintained:
            rows.append(("evicted_active", 0))
        rows += [
            ("evictions", self.evictions),
            ("reclaimed", self.reclaimed),
            ("crawler_reclaimed", self.crawled),
            ("crawler_items_checked", 0),
            ("lrutail_reflocked", 0),
        ]
        if maintained:
            rows += [(name, 0) for name in LRU_MOVES]
        return rows

    def data_bytes(self) -> int:
        """Memory of all that is stored; 0 when nothing is."""
        return used_memory() if len(self.items.db) else 0

    # -- forms ---------------------------------------------------------------------------------------------------------

    def named(self, session: Session, name: bytes) -> Rows | None:
        """`stats NAME`; None when there is no such form."""
        if name == b"settings":
            return self.settings()
        if name == b"items":
            return self._class_items()
        if name == b"slabs":
            return self._classes()
        if name == b"sizes":
            return [("sizes_status", "disabled")]
        if name in (b"sizes_enable", b"sizes_disable"):
            return [("sizes_error", "sizes are not tracked")]
        if name == b"conns":
            return self._connections(session)
        return None

    def settings(self) -> Rows:
        """`stats settings`."""
        return self.memcached.settings.rows(self.items.flush_at, self.items.prefixes is not None)

    def _class_items(self) -> Rows:
        count = len(self.items.db)
        if not count:
            return []
        rows: Rows = [("number", count), ("age", 0), ("mem_requested", self.data_bytes())]
        rows += [("evicted", self.evictions), ("evicted_nonzero", 0), ("evicted_time", 0)]
        rows += [("outofmemory", self.items.counter("store_no_memory")), ("tailrepairs", 0)]
        rows += [("reclaimed", self.reclaimed), ("expired_unfetched", 0), ("evicted_unfetched", 0)]
        rows += [("crawler_reclaimed", self.crawled), ("crawler_items_checked", 0), ("lrutail_reflocked", 0)]
        return [(f"items:1:{name}", value) for name, value in rows]

    def _classes(self) -> Rows:
        count = len(self.items.db)
        counter = self.items.counter
        names = ("get_hits", "cmd_set", "delete_hits", "incr_hits", "decr_hits", "cas_hits", "cas_badval", "touch_hits")
        rows: Rows = [("chunk_size", self.data_bytes() // count if count else 0), ("chunks_per_page", 1)]
        rows += [("total_pages", 1), ("total_chunks", count), ("used_chunks", count), ("free_chunks", 0)]
        rows += [("free_chunks_end", 0), *((name, counter(name)) for name in names)]
        totals: Rows = [("active_slabs", 1 if count else 0), ("total_malloced", used_memory())]
        return [*((f"1:{name}", value) for name, value in rows), *totals]

    def _connections(self, session: Session) -> Rows:
        now = self.server.engine.keyspace.now_ms / 1000
        rows: list[tuple[int, Rows]] = []
        for name in ("memcached", "memcached-unix"):
            for listener in self.server.listeners.get(name, []):
                about: Rows = [("addr", endpoint(listener.getsockname())), ("state", "conn_listening")]
                rows.append((listener.fileno(), about))
        if self.memcached.datagrams is not None:
            udp = self.memcached.datagrams.get_extra_info("socket")
            about = [("addr", endpoint(udp.getsockname(), "udp")), ("state", "conn_read")]
            rows.append((udp.fileno(), about))
        for each in self.memcached.sessions:
            unix = each.address.startswith("/")
            address, local = each.address.rpartition(":0")[0], each.local_address.rpartition(":0")[0]
            state = "conn_nread" if each.waiting_for_value else "conn_read"
            rows.append(
                (
                    each.descriptor,
                    [
                        ("addr", f"unix:{address}" if unix else f"tcp:{each.address}"),
                        ("listen_addr", f"unix:{local}" if unix else f"tcp:{each.local_address}"),
                        ("state", "conn_parse_cmd" if each is session else state),
                        ("secs_since_last_cmd", int(now - each.last_command)),
                    ],
                )
            )
        return [(f"{fd}:{name}", value) for fd, about in sorted(rows) for name, value in about]

    # -- the binary protocol's -----------------------------------------------------------------------------------------

    def binary(self, session: Session, key: bytes) -> list[tuple[bytes, bytes]] | None:
        """The same by a packet each."""
        rows: Rows | None
        if not key:
            rows = self.general()
        elif key.startswith(b"reset"):
            self.reset()
            rows = []
        elif key.startswith(b"settings"):
            rows = self.settings()
        elif key.startswith(b"detail"):
            return self._binary_detail(key[6:])
        else:
            rows = self.named(session, key) if key != b"conns" else None
        if rows is None:
            return None
        return [(name.encode(), str(value).encode()) for name, value in rows]

    def _binary_detail(self, word: bytes) -> list[tuple[bytes, bytes]] | None:
        if word.startswith(b" dump"):
            return [(b"detailed", self.prefix_dump())]
        if word.startswith((b" on", b" off")):
            self.items.prefixes = self.kept_prefixes if word.startswith(b" on") else None
            return []
        return None

    def prefix_dump(self) -> bytes:
        """`stats detail dump`: gets, hits, sets and deletes by key prefix."""
        lines = [
            b"PREFIX %s get %d hit %d set %d del %d\r\n" % (prefix, counts[0], counts[1], counts[2], counts[3])
            for prefix, counts in self.kept_prefixes.items()
        ]
        return b"".join(lines) + b"END\r\n"


def endpoint(name: object, transport: str = "tcp") -> str:
    """A socket's address as memcached shows it."""
    if isinstance(name, str):
        return f"unix:{name}"
    assert isinstance(name, tuple)
    return f"{transport}:{name[0]}:{name[1]}"


def lines(rows: Iterable[tuple[str, object]]) -> bytes:
    """The text protocol's form."""
    return "".join(f"STAT {name} {value}\r\n" for name, value in rows).encode() + b"END\r\n"
