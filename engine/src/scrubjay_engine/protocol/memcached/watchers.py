"""`watch`: a connection that becomes a log of what other clients do (doc/protocol.txt, "Watchers").

Kinds are memcached's; lines have its fields. While nobody watches, nothing is made. A watcher that does not read is skipped lines, which it is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from scrubjay_engine.protocol.memcached.session import Session

if TYPE_CHECKING:
    from scrubjay_engine.protocol.memcached.port import Memcached

KINDS = (
    *("rawcmds", "evictions", "fetchers", "mutations", "sysevents", "connevents"),
    *("proxyreqs", "proxyevents", "proxyuser"),
)
MOST = 20  # watchers at once
MODES = ("set", "add", "replace", "append", "prepend", "cas")
OUTCOMES = ("stored", "not_stored", "exists", "not_found", "too_large", "no_memory")


class Watchers:
    """Who watches what."""

    def __init__(self, memcached: Memcached) -> None:
        self.memcached = memcached
        self.watching: dict[Session, frozenset[str]] = {}
        self.behind: dict[Session, int] = {}
        self.sent = 0
        self.skipped = 0
        self.line_id = 0

    def watch(self, session: Session, words: list[bytes]) -> bytes:
        """Makes a connection a watcher; the reply."""
        kinds = frozenset(word.decode("latin-1") for word in words) or frozenset({"fetchers"})
        if not kinds.issubset(KINDS):
            return b"ERROR\r\n"
        if len(self.watching) >= MOST:
            return b"WATCHER_TOO_MANY log watcher limit reached\r\n"
        self.watching[session] = kinds
        session.noreply = False
        self._follow()
        return b"OK\r\n"

    def _follow(self) -> None:
        wanted: set[str] = set().union(*self.watching.values())
        items = self.memcached.items
        items.on_read = self.read if "fetchers" in wanted else None
        items.on_written = self.written if wanted & {"mutations", "fetchers"} else None
        self.memcached.server.engine.parts["eviction"].on_evicted = self.evicted if "evictions" in wanted else None

    # -- what happens --------------------------------------------------------------------------------------------------

    def connected(self, session: Session) -> None:
        self._connection(session, "conn_new", "")

    def disconnected(self, session: Session) -> None:
        if self.watching.pop(session, None) is not None:
            self.behind.pop(session, None)
            self._follow()
        reason = session.notes.get("reason", "normal")
        self._connection(session, "conn_close", f" reason={reason}")

    def _connection(self, session: Session, event: str, more: str) -> None:
        if not self.watching:
            return
        address, _, port = session.address.rpartition(":")
        unix = address.startswith("/")
        host = "unix" if unix else address
        transport = "local" if unix else "tcp"
        self._log("connevents", f"type={event} rip={host} rport={port} transport={transport}{more}", session)

    def read(self, session: Session, key: bytes, found: bool) -> None:
        """A fetch."""
        size = self._size(key) if found else 0
        status = "found" if found else "not_found"
        self._log("fetchers", f"type=item_get key={encoded(key)} status={status} clsid={int(found)}", session, size)

    def written(self, session: Session, key: bytes, mode: int, outcome: int, size: int) -> None:
        """A store, which to memcached begins with a fetch of what was there."""
        found = outcome == 2 or mode in (2, 3, 4, 5)
        if not found:
            self._log("fetchers", f"type=item_get key={encoded(key)} status=not_found clsid=0", session, 0)
        until = self.memcached.items.db.expire_at(key)
        now = self.memcached.server.engine.keyspace.now_ms
        ttl = (until - now) // 1000 if until > 0 else 0
        text = f"type=item_store key={encoded(key)} status={OUTCOMES[outcome]} cmd={MODES[mode]} ttl={ttl} clsid=1"
        self._log("mutations", text, session, size)

    def evicted(self, key: bytes) -> None:
        """An item had to make room."""
        self._log("evictions", f"type=eviction key={encoded(key)} fetch=no ttl=-1 la=0 clsid=1 size=0")

    def tell_skipped(self) -> None:
        """A watcher that has read everything is told what it missed, though nothing new happens."""
        for session, missed in list(self.behind.items()):
            if not session.closed and not session.output_pending:
                del self.behind[session]
                session.write_raw(b"skipped=%d\n" % missed)

    def _size(self, key: bytes) -> int:
        rows = self.memcached.items.dump([key])
        return rows[0][6] if rows else 0

    def _log(self, kind: str, text: str, about: Session | None = None, size: int | None = None) -> None:
        engine = self.memcached.server.engine
        self.line_id += 1
        now = engine.keyspace.now_ms
        line = f"ts={now // 1000}.{now % 1000 * 1000:06d} gid={self.line_id} {text}"
        if about is not None:
            line += f" cfd={about.descriptor}"
        if size is not None:
            line += f" size={size}"
        limit = int(self.memcached.settings.numbers["watcher_logbuf_size"]) * 1024
        for session, kinds in self.watching.items():
            if kind not in kinds or session.closed:
                continue
            if session.output_pending > limit:
                self.behind[session] = self.behind.get(session, 0) + 1
                self.skipped += 1
                continue
            missed = self.behind.pop(session, 0)
            if missed:
                session.write_raw(b"skipped=%d\n" % missed)
            session.write_raw(line.encode() + b"\n")
            self.sent += 1


def encoded(key: bytes) -> str:
    """The key in URL encoding: a line has no blanks but between its fields."""
    return quote_from_bytes(key, safe="")
