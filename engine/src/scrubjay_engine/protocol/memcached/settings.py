"""`stats settings`: memcached's settings by memcached's names, from our options and from the -o list (`memcached-extended`).

What steers memcached's slabs, threads and background tasks has no meaning here: it is accepted, so that command lines keep working, and shown
as given. Names and order are memcached 1.6.18's, since tools read them.
"""

from __future__ import annotations

from scrubjay_engine.config import Config

SWITCHES = (
    "lru_crawler",
    "lru_maintainer",
    "slab_reassign",
    "lru_segmented",
    "temp_lru",
    "maxconns_fast",
    "track_sizes",
    "drop_privileges",
)
OLD_DEFAULTS = {
    "lru_crawler": False,
    "lru_maintainer": False,
    "slab_reassign": False,
    "maxconns_fast": False,
    "lru_segmented": False,
    "temp_lru": False,
}
NUMBERS = {
    "hashpower": "0",
    "slab_automove": "1",
    "slab_automove_ratio": "0.80",
    "slab_automove_window": "30",
    "slab_chunk_max": "512",
    "lru_crawler_sleep": "100",
    "lru_crawler_tocrawl": "0",
    "tail_repair_time": "0",
    "hash_algorithm": "murmur3",
    "hot_lru_pct": "20",
    "warm_lru_pct": "40",
    "hot_max_factor": "0.20",
    "warm_max_factor": "2.00",
    "temporary_ttl": "61",
    "watcher_logbuf_size": "256",
    "worker_logbuf_size": "64",
    "read_buf_mem_limit": "0",
}


class Settings:
    """What was given by -o, and how all settings are shown."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.switches: dict[str, bool] = {}
        self.numbers: dict[str, str] = {}
        self.read_extended("")

    def read_extended(self, value: object) -> None:
        """Takes a list such as `no_lru_crawler,slab_chunk_max=1024`; words unknown here are left alone."""
        self.switches = {**dict.fromkeys(SWITCHES, True), "track_sizes": False, "drop_privileges": False}
        self.numbers = dict(NUMBERS)
        for word in str(value).replace(",", " ").split():
            name, _, setting = word.partition("=")
            if name == "no_modern":
                self.switches.update(OLD_DEFAULTS)
            elif name in SWITCHES:
                self.switches[name] = True
            elif name.startswith("no_") and name[3:] in SWITCHES:
                self.switches[name[3:]] = False
            elif name in NUMBERS and setting:
                self.numbers[name] = setting

    def shown(self, name: str) -> str:
        return "yes" if self.switches[name] else "no"

    def rows(self, oldest: int, detail: bool) -> list[tuple[str, object]]:
        """`stats settings`, in memcached's order."""
        return [*self._connections(oldest), *self._items(detail), *self._memory(), *self._logs()]

    def _flag(self, option: str) -> str:
        return "yes" if self.config.flag(option) else "no"

    def _connections(self, oldest: int) -> list[tuple[str, object]]:
        config = self.config
        bind = [word for word in config.words("bind") if word.removeprefix("-") not in ("*", "::*")]
        return [
            ("maxbytes", config.number("maxmemory")),
            ("maxconns", config.number("memcached-max-connections")),
            ("tcpport", config.number("memcached-port")),
            ("udpport", config.number("memcached-udp-port")),
            ("inter", ",".join(bind) or "NULL"),
            ("verbosity", config.number("memcached-verbosity")),
            ("oldest", oldest),
            ("evictions", "off" if config.text("maxmemory-policy") == "noeviction" else "on"),
            ("domain_socket", config.text("memcached-unixsocket") or "NULL"),
            ("umask", f"{config.number('memcached-unixsocketperm'):o}"),
            ("shutdown_command", self._flag("memcached-shutdown")),
        ]

    def _items(self, detail: bool) -> list[tuple[str, object]]:
        config = self.config
        protocol = config.text("memcached-protocol")
        return [
            ("growth_factor", "1.25"),
            ("chunk_size", 48),
            ("num_threads", 1),
            ("num_threads_per_udp", 1),
            ("stat_key_prefix", ":"),
            ("detail_enabled", "yes" if detail else "no"),
            ("reqs_per_event", 20),
            ("cas_enabled", self._flag("memcached-cas")),
            ("tcp_backlog", config.number("tcp-backlog")),
            ("binding_protocol", "auto-negotiate" if protocol == "auto" else protocol),
            ("auth_enabled_sasl", self._flag("memcached-sasl")),
            ("auth_enabled_ascii", config.text("memcached-auth-file") or "no"),
            ("item_size_max", config.number("memcached-max-item-size")),
            ("maxconns_fast", self.shown("maxconns_fast")),
        ]

    def _memory(self) -> list[tuple[str, object]]:
        number = self.numbers
        return [
            ("hashpower_init", number["hashpower"]),
            ("slab_reassign", self.shown("slab_reassign")),
            ("slab_automove", number["slab_automove"]),
            ("slab_automove_ratio", number["slab_automove_ratio"]),
            ("slab_automove_window", number["slab_automove_window"]),
            ("slab_chunk_max", int(number["slab_chunk_max"]) * 1024),
            ("lru_crawler", self.shown("lru_crawler")),
            ("lru_crawler_sleep", number["lru_crawler_sleep"]),
            ("lru_crawler_tocrawl", number["lru_crawler_tocrawl"]),
            ("tail_repair_time", number["tail_repair_time"]),
            ("flush_enabled", self._flag("memcached-flush-all")),
            ("dump_enabled", self._flag("memcached-dump")),
            ("hash_algorithm", number["hash_algorithm"]),
            ("lru_maintainer_thread", self.shown("lru_maintainer")),
            ("lru_segmented", self.shown("lru_segmented")),
            ("hot_lru_pct", number["hot_lru_pct"]),
            ("warm_lru_pct", number["warm_lru_pct"]),
            ("hot_max_factor", number["hot_max_factor"]),
            ("warm_max_factor", number["warm_max_factor"]),
            ("temp_lru", self.shown("temp_lru")),
            ("temporary_ttl", number["temporary_ttl"]),
        ]

    def _logs(self) -> list[tuple[str, object]]:
        number = self.numbers
        return [
            ("idle_timeout", self.config.number("memcached-idle-timeout")),
            ("watcher_logbuf_size", int(number["watcher_logbuf_size"]) * 1024),
            ("worker_logbuf_size", int(number["worker_logbuf_size"]) * 1024),
            ("read_buf_mem_limit", number["read_buf_mem_limit"]),
            ("track_sizes", self.shown("track_sizes")),
            ("inline_ascii_response", "no"),
            ("drop_privileges", self.shown("drop_privileges")),
            ("num_napi_ids", "(null)"),
            ("memory_file", "(null)"),
        ]
