"""Lists of all keys: `lru_crawler metadump` and `stats cachedump`. A long list is made in slices, so that other clients are served in between."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from scrubjay_engine.protocol.memcached.session import Session

if TYPE_CHECKING:
    from scrubjay_engine.protocol.memcached.port import Memcached

SLICE = 500  # keys a turn
UNREAD = 4 * 1024 * 1024  # bytes a slow reader may leave before we wait for it
RETRY_SECONDS = 0.05
CACHEDUMP_BYTES = 2 * 1024 * 1024


class KeyDump:
    """One list for one client."""

    def __init__(self, memcached: Memcached, session: Session | None) -> None:
        self.memcached = memcached
        self.items = memcached.items
        self.session = session
        self.cursor = 0

    def start(self) -> None:
        """`metadump`: the client's further commands wait until the list is sent."""
        assert self.session is not None
        self.session.pause()
        self.memcached.server.engine.loop.call_soon(self._next)

    def _next(self) -> None:
        session = self.session
        assert session is not None
        if session.closed:
            return
        loop = self.memcached.server.engine.loop
        if session.output_pending > UNREAD:
            loop.call_later(RETRY_SECONDS, self._next)
            return
        self.cursor, keys = self.items.db.scan(self.cursor, SLICE)
        lines = [
            b"key=%s exp=%d la=%d cas=%d fetch=%s cls=1 size=%d\n"
            % (quote_from_bytes(key, safe="").encode(), until, access, cas, b"yes" if fetched else b"no", size)
            for key, until, access, cas, fetched, size, _ in self.items.dump(keys)
        ]
        session.write_raw(b"".join(lines))
        if self.cursor:
            loop.call_soon(self._next)
        else:
            session.write_raw(b"END\r\n")
            session.go_on()
        self.memcached.server.engine.flush_pending()

    def cachedump(self, limit: int) -> bytes:
        """`stats cachedump`: up to `limit` keys, or 2 MB of them."""
        out: list[bytes] = []
        size = 0
        while len(out) < limit and size < CACHEDUMP_BYTES:
            self.cursor, keys = self.items.db.scan(self.cursor, SLICE)
            for key, until, _, _, _, _, value_size in self.items.dump(keys)[: limit - len(out)]:
                out.append(b"ITEM %s [%d b; %d s]\r\n" % (key, value_size, max(until, 0)))
                size += len(out[-1])
            if not self.cursor:
                break
        return b"".join(out) + b"END\r\n"
