"""The text protocol's rarer commands: statistics, flush_all, limits, shutdown, dumps, watching, auto discovery.

`run` answers one command. What steers parts of memcached that are not here (slabs, segmented LRU, the crawler's pace) is checked as memcached checks it
and answered OK: there is nothing to steer. https://github.com/memcached/memcached/blob/1.6.18/doc/protocol.txt
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.protocol.memcached.dump import KeyDump
from scrubjay_engine.protocol.memcached.session import Session
from scrubjay_engine.protocol.memcached.stats import lines

if TYPE_CHECKING:
    from scrubjay_engine.protocol.memcached.port import Memcached

Words = list[bytes]
ERROR = b"ERROR\r\n"
OK = b"OK\r\n"
BAD_FORMAT = b"CLIENT_ERROR bad command line format\r\n"
NUMBER = re.compile(rb"\s*([+-]?\d+)(?:\s.*)?", re.DOTALL)
MEGABYTE = 1024 * 1024


def number(word: bytes, low: int = 0, high: int = 2**64 - 1) -> int | None:
    """The word as a number of that range, or None."""
    match = NUMBER.fullmatch(word)
    value = int(match[1]) if match else None
    return value if value is not None and low <= value <= high else None


def run(memcached: Memcached, session: Session, words: Words) -> None:
    """Answers the command."""
    handler = COMMANDS.get(words[0])
    answer = handler(memcached, session, words) if handler is not None else ERROR
    if answer:
        session.respond(answer)


def note_noreply(session: Session, words: Words) -> None:
    if words[-1] == b"noreply":
        session.noreply = True


def version(memcached: Memcached, session: Session, words: Words) -> bytes:
    return b"VERSION %s\r\n" % memcached.version


def flush_all(memcached: Memcached, session: Session, words: Words) -> bytes:
    if len(words) > 3:
        return ERROR
    items = memcached.items
    note_noreply(session, words)
    items.cmd_flush += 1
    if not items.flush_enabled:
        return b"CLIENT_ERROR flush_all not allowed\r\n"
    delay: int | None = 0
    if len(words) != (2 if session.noreply else 1):
        delay = number(words[1], -(2**63), 2**63 - 1)
        if delay is None:
            return b"CLIENT_ERROR invalid exptime argument\r\n"
    items.flush_later((delay or 0) & 0x7FFFFFFF if (delay or 0) >= 0 else 0)
    return OK


def verbosity(memcached: Memcached, session: Session, words: Words) -> bytes:
    if len(words) not in (2, 3):
        return ERROR
    note_noreply(session, words)
    level = number(words[1])
    if level is None:
        return BAD_FORMAT
    memcached.server.config.set_live([("memcached-verbosity", str(min(level & 0xFFFFFFFF, 10)))])
    return OK


def cache_memlimit(memcached: Memcached, session: Session, words: Words) -> bytes:
    if len(words) not in (2, 3):
        return ERROR
    note_noreply(session, words)
    megabytes = number(words[1])
    if megabytes is None:
        return ERROR
    if megabytes < 8:
        return b"MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n"
    if megabytes > 1_000_000_000:
        return b"MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n"
    try:
        memcached.server.config.set_live([("maxmemory", str(megabytes * MEGABYTE))])
    except CommandError:
        return b"MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n"
    return OK


def shutdown(memcached: Memcached, session: Session, words: Words) -> bytes:
    if not memcached.items.shutdown_enabled:
        return b"ERROR: shutdown not enabled\r\n"
    if len(words) == 1 or (len(words) == 2 and words[1] == b"graceful"):
        os.kill(os.getpid(), signal.SIGINT if len(words) == 1 else signal.SIGTERM)
        session.closing = True
        return b""
    return b"CLIENT_ERROR invalid shutdown mode\r\n"


def slabs(memcached: Memcached, session: Session, words: Words) -> bytes:
    """`slabs reassign` and `slabs automove`: there are no slabs to move."""
    if len(words) == 4 and words[1] == b"reassign":
        if not memcached.settings.switches["slab_reassign"]:
            return b"CLIENT_ERROR slab reassignment disabled\r\n"
        if number(words[2], -(2**63)) is None or number(words[3], -(2**63)) is None:
            return BAD_FORMAT
        return b"NOSPARE source class has no spare pages\r\n"
    if len(words) >= 3 and words[1] == b"automove":
        note_noreply(session, words)
        if words[2] == b"ratio":
            return OK if len(words) >= 4 else ERROR
        level = number(words[2])
        if level is None:
            return BAD_FORMAT
        return OK if level <= 2 else ERROR
    return ERROR


def lru(memcached: Memcached, session: Session, words: Words) -> bytes:
    """`lru tune|mode|temp_ttl`: there is one LRU, kept by sampling."""
    if len(words) < 2:
        return ERROR
    note_noreply(session, words)
    maintained = memcached.settings.switches["lru_maintainer"]
    if words[1] == b"tune" and len(words) >= 6:
        return OK if number(words[2]) is not None and number(words[3]) is not None else ERROR
    if words[1] == b"mode" and len(words) >= 3 and maintained:
        return OK if words[2] in (b"flat", b"segmented") else ERROR
    if words[1] == b"temp_ttl" and len(words) >= 3 and maintained:
        return OK if number(words[2], -(2**63)) is not None else ERROR
    return ERROR


def lru_crawler(memcached: Memcached, session: Session, words: Words) -> bytes:
    """Expired items are removed anyway; `metadump` lists all keys."""
    switches = memcached.settings.switches
    if len(words) == 2 and words[1] in (b"enable", b"disable"):
        switches["lru_crawler"] = words[1] == b"enable"
        return OK
    if len(words) != 3:
        return ERROR
    if words[1] in (b"crawl", b"metadump"):
        if not switches["lru_crawler"]:
            return b"CLIENT_ERROR lru crawler disabled\r\n"
        return crawl(memcached, words) if words[1] == b"crawl" else metadump(memcached, session, words)
    if words[1] in (b"tocrawl", b"sleep"):
        value = number(words[2])
        if value is None:
            return BAD_FORMAT
        if words[1] == b"sleep" and value > 1_000_000:
            return b"CLIENT_ERROR sleep must be one second or less\r\n"
        memcached.settings.numbers["lru_crawler_" + words[1].decode()] = str(value)
        return OK
    return ERROR


def classes_known(word: bytes) -> bool:
    return word in (b"all", b"hash") or all((number(part, 1, 63)) is not None for part in word.split(b","))


def crawl(memcached: Memcached, words: Words) -> bytes:
    if not classes_known(words[2]):
        return b"BADCLASS invalid class id\r\n"
    while memcached.server.engine.parts["expiry"].step(0.05):
        pass
    return OK


def metadump(memcached: Memcached, session: Session, words: Words) -> bytes:
    if not memcached.items.dump_enabled:
        return b"ERROR metadump not allowed\r\n"
    if session.output_pending:
        return b"ERROR cannot pipeline other commands before metadump\r\n"
    if not classes_known(words[2]):
        return b"BADCLASS invalid class id\r\n"
    KeyDump(memcached, session).start()
    return b""


def stats(memcached: Memcached, session: Session, words: Words) -> bytes:
    statistics = memcached.statistics
    if len(words) == 1:
        return lines(statistics.general())
    if words[1] == b"reset":
        statistics.reset()
        return b"RESET\r\n"
    if words[1] == b"detail":
        return stats_detail(memcached, words[2] if len(words) > 2 else b"")
    if words[1] == b"cachedump":
        return cachedump(memcached, words)
    rows = statistics.named(session, words[1])
    return ERROR if rows is None else lines(rows)


def stats_detail(memcached: Memcached, word: bytes) -> bytes:
    items, statistics = memcached.items, memcached.statistics
    if word == b"on":
        if items.prefixes is None:
            items.prefixes = statistics.kept_prefixes
        return OK
    if word == b"off":
        items.prefixes = None
        return OK
    return statistics.prefix_dump() if word == b"dump" else b"CLIENT_ERROR usage: stats detail on|off|dump\r\n"


def cachedump(memcached: Memcached, words: Words) -> bytes:
    """`stats cachedump CLASS LIMIT`: keys of a class, up to 2 MB of them."""
    if not memcached.items.dump_enabled:
        return b"CLIENT_ERROR stats cachedump not allowed\r\n"
    if len(words) < 4:
        return b"CLIENT_ERROR bad command line\r\n"
    kind, limit = number(words[2]), number(words[3])
    if kind is None or limit is None:
        return BAD_FORMAT
    if kind >= 64:
        return b"CLIENT_ERROR Illegal slab id\r\n"
    return KeyDump(memcached, None).cachedump(limit or 1 << 20) if kind == 1 else b"END\r\n"


def config(memcached: Memcached, session: Session, words: Words) -> bytes:
    """`config get cluster`: auto discovery, as ElastiCache's clients ask for it."""
    data = memcached.discovery()
    if words[1:] != [b"get", b"cluster"] or data is None:
        return ERROR
    return b"CONFIG cluster 0 %d\r\n%s\r\nEND\r\n" % (len(data), data)


def watch(memcached: Memcached, session: Session, words: Words) -> bytes:
    note_noreply(session, words)
    if not memcached.items.watch_enabled:
        return b"CLIENT_ERROR watch commands not allowed\r\n"
    if session.output_pending:
        return b"ERROR cannot pipeline other commands before watch\r\n"
    return memcached.watchers.watch(session, words[1:])


def debugtime(memcached: Memcached, session: Session, words: Words) -> bytes:
    """`debugtime SECONDS` puts the clock forward, p and r stop and resume it: for tests, where enable-debug-command allows."""
    if not memcached.items.debug_time or len(words) < 2:
        return ERROR
    engine = memcached.server.engine
    if words[1] in (b"p", b"r"):
        return OK
    seconds = number(words[1], -(2**63))
    if seconds is None:
        return ERROR
    engine.shift_ns += seconds * 1_000_000_000
    engine.refresh_clock()
    return OK


COMMANDS: dict[bytes, Callable[[Memcached, Session, Words], bytes]] = {
    b"version": version,
    b"flush_all": flush_all,
    b"verbosity": verbosity,
    b"cache_memlimit": cache_memlimit,
    b"shutdown": shutdown,
    b"slabs": slabs,
    b"lru": lru,
    b"lru_crawler": lru_crawler,
    b"stats": stats,
    b"config": config,
    b"watch": watch,
    b"debugtime": debugtime,
}
