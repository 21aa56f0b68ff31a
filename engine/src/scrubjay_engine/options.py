"""The option table: every parameter of redis.conf (7.0) and our own, as data.

Read by config.py (parsing, CONFIG GET/SET), by `scrubjay-engine --help`, and exported for the operator, which checks a CacheCluster's `parameters`
against it. A row says what the value is, whether CONFIG SET changes it while running (`live`), and whether it means anything here: options of
Redis without effect are accepted and shown, so that configuration files and tools keep working, and are listed in DIFFERENCES.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["bool", "int", "float", "memory", "percent_or_memory", "enum", "text", "words", "octal"]


@dataclass(frozen=True, slots=True)
class Option:
    """One parameter. `managed`: in a CacheCluster the operator sets it, users may not."""

    name: str
    kind: Kind
    default: str
    live: bool = True
    effect: bool = True
    aliases: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    managed: bool = False
    secret: bool = False
    protected: bool = False
    repeats: bool = field(default=False)
    hidden: bool = False  # CONFIG GET shows it by its full name only


def boolean(name: str, default: str, **more: Any) -> Option:
    return Option(name, "bool", default, **more)


def number(name: str, default: int, low: int = 0, high: int = 2**31 - 1, **more: Any) -> Option:
    return Option(name, "int", str(default), low=low, high=high, **more)


def memory(name: str, default: str, low: int = 0, high: int = 2**63 - 1, **more: Any) -> Option:
    return Option(name, "memory", default, low=low, high=high, **more)


def choice(name: str, default: str, *choices: str, **more: Any) -> Option:
    return Option(name, "enum", default, choices=choices, **more)


def text(name: str, default: str = "", **more: Any) -> Option:
    return Option(name, "text", default, **more)


def words(name: str, default: str = "", **more: Any) -> Option:
    return Option(name, "words", default, **more)


IDLE: dict[str, Any] = {"effect": False}
BOTH: dict[str, Any] = {"live": False, "effect": False}
BIG = 2**63 - 1

NETWORK = [
    words("bind", "* -::*", managed=True),
    number("port", 6379, 0, 65535, managed=True),
    number("tcp-backlog", 511, live=False),
    number("tcp-keepalive", 300),
    number("timeout", 0),
    text("unixsocket", live=False, managed=True),
    Option("unixsocketperm", "octal", "0", live=False, managed=True),
    boolean("protected-mode", "yes", managed=True),
    number("maxclients", 10000, 1),
    memory("client-query-buffer-limit", "1gb", 1024 * 1024),
    memory("proto-max-bulk-len", "512mb", 1024 * 1024),
    words("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
    Option("maxmemory-clients", "percent_or_memory", "0", low=-100, high=BIG),
    number("http-port", 0, 0, 65535, live=False, managed=True),
    number("admin-port", 0, 0, 65535, live=False, managed=True),
    text("admin-bind", "127.0.0.1", live=False, managed=True),
    number("socket-mark-id", 0, **BOTH),
    text("bind-source-addr"),
]

MEMCACHED = [
    number("memcached-port", 0, 0, 65535, live=False, managed=True),
    number("memcached-udp-port", 0, 0, 65535, live=False, managed=True),
    text("memcached-unixsocket", live=False, managed=True),
    Option("memcached-unixsocketperm", "octal", "700", live=False, managed=True),
    choice("memcached-protocol", "auto", "auto", "ascii", "binary", live=False),
    number("memcached-max-connections", 1024, 1),
    number("memcached-idle-timeout", 0),
    memory("memcached-max-item-size", "1mb", 1024, 1024**3),
    boolean("memcached-cas", "yes", live=False),
    boolean("memcached-flush-all", "yes"),
    boolean("memcached-dump", "yes"),
    boolean("memcached-watch", "yes"),
    boolean("memcached-shutdown", "no"),
    boolean("memcached-sasl", "no", live=False, managed=True),
    text("memcached-auth-file", live=False, managed=True),
    number("memcached-verbosity", 0),
    words("memcached-extended"),
    words("memcached-cluster", managed=True),
]

GENERAL = [
    boolean("daemonize", "no", **BOTH),
    text("pidfile", live=False, managed=True),
    choice("loglevel", "notice", "debug", "verbose", "notice", "warning"),
    text("logfile", live=False, managed=True),
    choice("log-format", "text", "text", "json", live=False),
    number("databases", 16, 1, 1024, live=False),
    text("dir", ".", protected=True, managed=True),
    number("hz", 10, 1, 500),
    boolean("dynamic-hz", "yes", **IDLE),
    choice("enable-debug-command", "no", "no", "yes", "local", live=False),
    choice("enable-protected-configs", "no", "no", "yes", "local", live=False),
    choice("enable-module-command", "no", "no", "yes", "local", **BOTH),
    boolean("managed", "no", live=False, managed=True),
    text("node-id", live=False, managed=True),
    number("shutdown-timeout", 10),
    words("shutdown-on-sigterm", "default"),
    words("shutdown-on-sigint", "default"),
    number("busy-reply-threshold", 5000, aliases=("lua-time-limit",), high=BIG),
    boolean("crash-log-enabled", "yes", **IDLE),
    boolean("crash-memcheck-enabled", "yes", **IDLE),
    boolean("always-show-logo", "no", **BOTH),
    boolean("set-proc-title", "yes", **BOTH),
    text("proc-title-template", "{title} {listen-addr} {server-mode}", **IDLE),
    choice("supervised", "no", "no", "upstart", "systemd", "auto", **BOTH),
    boolean("syslog-enabled", "no", **BOTH),
    text("syslog-ident", "redis", **BOTH),
    text("syslog-facility", "local0", **BOTH),
    choice("oom-score-adj", "no", "no", "yes", "relative", "absolute"),
    words("oom-score-adj-values", "0 200 800"),
    boolean("disable-thp", "yes", **BOTH),
    number("io-threads", 1, 1, 128, **BOTH),
    boolean("io-threads-do-reads", "no", **BOTH),
    boolean("activerehashing", "yes", **IDLE),
    boolean("jemalloc-bg-thread", "yes", **IDLE),
    text("server_cpulist", **BOTH),
    text("bio_cpulist", **BOTH),
    text("aof_rewrite_cpulist", **BOTH),
    text("bgsave_cpulist", **BOTH),
    text("ignore-warnings", **IDLE),
    choice("propagation-error-behavior", "ignore", "ignore", "panic", "panic-on-replicas", **IDLE),
    words("latency-tracking-info-percentiles", "50 99 99.9"),
    boolean("latency-tracking", "yes"),
    number("latency-monitor-threshold", 0, high=BIG),
    number("slowlog-log-slower-than", 10000, -1, BIG),
    number("slowlog-max-len", 128, high=BIG),
    words("notify-keyspace-events", ""),
]

MEMORY = [
    memory("maxmemory", "0", managed=True),
    choice(
        "maxmemory-policy",
        "noeviction",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "noeviction",
    ),
    number("maxmemory-samples", 5, 1, 2**31 - 1),
    number("maxmemory-eviction-tenacity", 10, 0, 100),
    number("lfu-log-factor", 10),
    number("lfu-decay-time", 1),
    number("active-expire-effort", 1, 1, 10),
    boolean("lazyfree-lazy-eviction", "no", **IDLE),
    boolean("lazyfree-lazy-expire", "no", **IDLE),
    boolean("lazyfree-lazy-server-del", "no", **IDLE),
    boolean("lazyfree-lazy-user-del", "no", **IDLE),
    boolean("lazyfree-lazy-user-flush", "no"),
    boolean("replica-lazy-flush", "no", aliases=("slave-lazy-flush",), **IDLE),
    boolean("activedefrag", "no", **IDLE),
    memory("active-defrag-ignore-bytes", "100mb", 1, **IDLE),
    number("active-defrag-threshold-lower", 10, 0, 1000, **IDLE),
    number("active-defrag-threshold-upper", 100, 0, 1000, **IDLE),
    number("active-defrag-cycle-min", 1, 1, 99, **IDLE),
    number("active-defrag-cycle-max", 25, 1, 99, **IDLE),
    number("active-defrag-max-scan-fields", 1000, 1, BIG, **IDLE),
]

VALUES = [
    number("hash-max-listpack-entries", 512, aliases=("hash-max-ziplist-entries",), high=BIG),
    number("hash-max-listpack-value", 64, aliases=("hash-max-ziplist-value",), high=BIG),
    number("list-max-listpack-size", -2, -(2**31), aliases=("list-max-ziplist-size",)),
    number("list-compress-depth", 0),
    number("set-max-intset-entries", 512, high=BIG),
    number("zset-max-listpack-entries", 128, aliases=("zset-max-ziplist-entries",), high=BIG),
    number("zset-max-listpack-value", 64, aliases=("zset-max-ziplist-value",), high=BIG),
    number("hll-sparse-max-bytes", 3000, high=BIG),
    number("stream-node-max-entries", 100, high=BIG),
    memory("stream-node-max-bytes", "4096"),
    number("tracking-table-max-keys", 1000000, high=BIG),
]

PERSISTENCE = [
    words("save", "3600 1 300 100 60 10000", managed=True),
    text("dbfilename", "dump.rdb", protected=True, managed=True),
    boolean("rdbcompression", "yes"),
    boolean("rdbchecksum", "yes", live=False),
    boolean("rdb-del-sync-files", "no"),
    number("rdb-version", 9, 9, 10),
    number("rdb-key-save-delay", 0, -(2**31), hidden=True),
    number("key-load-delay", 0, -(2**31), hidden=True),
    boolean("use-exit-on-panic", "no", hidden=True, **IDLE),
    memory("loading-process-events-interval-bytes", "2mb", 1024, **IDLE),
    boolean("rdb-save-incremental-fsync", "yes", **IDLE),
    choice("sanitize-dump-payload", "no", "no", "yes", "clients", **IDLE),
    boolean("stop-writes-on-bgsave-error", "yes"),
    boolean("appendonly", "no", managed=True),
    text("appendfilename", "appendonly.aof", live=False, managed=True),
    text("appenddirname", "appendonlydir", live=False, managed=True),
    choice("appendfsync", "everysec", "everysec", "always", "no"),
    boolean("no-appendfsync-on-rewrite", "no", **IDLE),
    number("auto-aof-rewrite-percentage", 100),
    memory("auto-aof-rewrite-min-size", "64mb"),
    boolean("aof-load-truncated", "yes"),
    boolean("aof-use-rdb-preamble", "yes"),
    boolean("aof-rewrite-incremental-fsync", "yes", **IDLE),
    boolean("aof-timestamp-enabled", "no"),
    boolean("aof-disable-auto-gc", "no"),
]

REPLICATION = [
    words("replicaof", "", live=False, aliases=("slaveof",), managed=True),
    text("masterauth", secret=True, managed=True),
    text("masteruser", managed=True),
    boolean("replica-serve-stale-data", "yes", aliases=("slave-serve-stale-data",)),
    boolean("replica-read-only", "yes", aliases=("slave-read-only",), managed=True),
    boolean("repl-diskless-sync", "yes"),
    number("repl-diskless-sync-delay", 5),
    number("repl-diskless-sync-max-replicas", 0),
    choice("repl-diskless-load", "disabled", "disabled", "on-empty-db", "swapdb"),
    number("repl-ping-replica-period", 10, 1, aliases=("repl-ping-slave-period",)),
    number("repl-timeout", 60, 1),
    boolean("repl-disable-tcp-nodelay", "no", **IDLE),
    memory("repl-backlog-size", "1mb", 1),
    number("repl-backlog-ttl", 3600),
    number("replica-priority", 100, aliases=("slave-priority",)),
    boolean("replica-announced", "yes"),
    boolean("replica-ignore-maxmemory", "yes", aliases=("slave-ignore-maxmemory",)),
    boolean("replica-ignore-disk-write-errors", "no", **IDLE),
    text("replica-announce-ip", aliases=("slave-announce-ip",)),
    number("replica-announce-port", 0, 0, 65535, aliases=("slave-announce-port",)),
    number("min-replicas-to-write", 0, aliases=("min-slaves-to-write",)),
    number("min-replicas-max-lag", 10, aliases=("min-slaves-max-lag",)),
]

SECURITY = [
    text("requirepass", secret=True, managed=True),
    text("aclfile", live=False, managed=True),
    number("acllog-max-len", 128, high=BIG),
    choice("acl-pubsub-default", "resetchannels", "allchannels", "resetchannels"),
    number("tls-port", 0, 0, 65535, managed=True),
    text("tls-cert-file", managed=True),
    text("tls-key-file", managed=True),
    text("tls-key-file-pass", secret=True, managed=True),
    text("tls-client-cert-file", managed=True),
    text("tls-client-key-file", managed=True),
    text("tls-client-key-file-pass", secret=True, managed=True),
    text("tls-ca-cert-file", managed=True),
    text("tls-ca-cert-dir", managed=True),
    text("tls-dh-params-file", managed=True),
    choice("tls-auth-clients", "yes", "no", "yes", "optional", managed=True),
    boolean("tls-replication", "no", managed=True),
    boolean("tls-cluster", "no", managed=True),
    text("tls-protocols"),
    text("tls-ciphers"),
    text("tls-ciphersuites"),
    boolean("tls-prefer-server-ciphers", "no"),
    boolean("tls-session-caching", "yes"),
    number("tls-session-cache-size", 20480),
    number("tls-session-cache-timeout", 300),
    number("tls-handshake-timeout", 10, 1),
    number("tls-auto-reload-interval", 0, managed=True),
    choice("tls-auth-clients-user", "off", "off", "cn", "san"),
    number("node-tls-port", 0, 0, 65535, managed=True),
    text("node-tls-cert-file", managed=True),
    text("node-tls-key-file", managed=True),
    text("node-tls-ca-cert-file", managed=True),
    number("https-port", 0, 0, 65535, live=False, managed=True),
    boolean("http-metrics", "yes", managed=True),
    number("authentication-timeout", 60, 0),
]

CLUSTER = [
    boolean("cluster-enabled", "no", live=False, managed=True),
    text("cluster-config-file", "nodes.conf", live=False, managed=True),
    number("cluster-node-timeout", 15000, **IDLE),
    number("cluster-port", 0, 0, 65535, **BOTH),
    number("cluster-migration-barrier", 1, **IDLE),
    boolean("cluster-allow-replica-migration", "yes", **IDLE),
    number("cluster-replica-validity-factor", 10, aliases=("cluster-slave-validity-factor",), **IDLE),
    boolean("cluster-replica-no-failover", "no", aliases=("cluster-slave-no-failover",), **IDLE),
    boolean("cluster-require-full-coverage", "yes"),
    boolean("cluster-allow-reads-when-down", "no"),
    boolean("cluster-allow-pubsubshard-when-down", "yes"),
    memory("cluster-link-sendbuf-limit", "0", **IDLE),
    text("cluster-announce-ip"),
    number("cluster-announce-port", 0, 0, 65535),
    number("cluster-announce-tls-port", 0, 0, 65535),
    number("cluster-announce-bus-port", 0, 0, 65535),
    text("cluster-announce-hostname"),
    choice("cluster-preferred-endpoint-type", "ip", "ip", "hostname", "unknown-endpoint"),
]

OPTIONS: dict[str, Option] = {
    option.name: option
    for group in (NETWORK, MEMCACHED, GENERAL, MEMORY, VALUES, PERSISTENCE, REPLICATION, SECURITY, CLUSTER)
    for option in group
}
# Directives of a configuration file that are no parameters: they may come several times and CONFIG GET does not show them.
DIRECTIVES = ("include", "user", "rename-command", "loadmodule")
ALIASES: dict[str, str] = {alias: option.name for option in OPTIONS.values() for alias in option.aliases}
