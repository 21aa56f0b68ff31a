"""A replica of ours, as its primary sees it: how far it has been sent and has confirmed, and the pump that feeds its socket.

The bytes come from the one ReplicationStream; a link is only a position in it. The socket gets a bounded piece at a time and asks for more when it is empty, so a
slow replica costs what the stream must keep for it, and is dropped when that passes `client-output-buffer-limit replica`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from scrubjay_engine.core.client import Client

if TYPE_CHECKING:
    from scrubjay_engine.replication.stream import ReplicationStream

PIECE = 256 * 1024
State = Literal["waiting", "sending", "online"]


class ReplicaLink:
    """One replica. `position` is what has been handed to its socket, `acknowledged` what it says it has."""

    def __init__(self, client: Client, stream: ReplicationStream) -> None:
        self.client: Any = client
        self.stream = stream
        self.position = stream.end
        self.state: State = "waiting"
        self.announced: dict[str, str] = client.notes.setdefault("replconf", {})
        self.acknowledged = 0
        self.acknowledged_at = time.monotonic()
        self.joined = self.acknowledged_at
        self.framed = False  # SYNC: the old way, without +FULLRESYNC
        self.file: Any = None  # a spooled image that goes out before the stream
        self._behind_since: float | None = None
        self._held = False  # online, but it must speak before it gets the stream

    @property
    def takes_eof(self) -> bool:
        """Whether it can read an image whose length is not known beforehand."""
        return "eof" in self.announced.get("capa", "").split()

    @property
    def takes_exact(self) -> bool:
        """Whether it reads values in forms that old servers do not know: a node of ours, or a backup, which is to lose nothing."""
        return bool(self.uid) or "scrubjay-exact" in self.announced.get("capa", "").split()

    @property
    def wants_file_only(self) -> bool:
        """`redis-cli --rdb`: no stream behind the image."""
        return self.announced.get("rdb-only") == "1"

    @property
    def parts(self) -> frozenset[str] | None:
        """What of the data set it asked for (`rdb-filter-only`, e.g. `redis-cli --functions-rdb`); None: all of it."""
        wanted = self.announced.get("rdb-filter-only")
        return None if wanted is None else frozenset(wanted.split())

    @property
    def uid(self) -> str:
        """The pod's uid, where it announced one."""
        return self.announced.get("scrubjay-node", "")

    @property
    def host(self) -> str:
        """Where clients reach it: as announced, else its connection's address."""
        return self.announced.get("ip-address") or self.client.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Its client port; 0 until it has said so."""
        return int(self.announced.get("listening-port", "0"))

    @property
    def lag(self) -> int:
        """Whole seconds since its last word."""
        return int(time.monotonic() - self.acknowledged_at)

    def note_ack(self, offset: int) -> None:
        """REPLCONF ACK."""
        self.acknowledged = max(self.acknowledged, offset)
        self.acknowledged_at = time.monotonic()
        if self._held:
            self._held = False
            self.pump()

    def go_online(self, *, at_its_word: bool = False) -> None:
        """The image is out: from now on it gets the stream, or (`at_its_word`) from its first REPLCONF ACK on."""
        self.state = "online"
        self.acknowledged_at = time.monotonic()
        self._held = at_its_word
        self.pump()

    def drained(self) -> None:
        """The socket took everything it was given."""
        waits = self.file is not None or (self.position < self.stream.end and not self._held)
        if self.state == "online" and waits:
            self.client.engine.loop.call_soon(self.pump)

    def pump(self) -> None:
        """Give the socket what it can take."""
        client = self.client
        while self.state == "online" and not client.closed and client.output_pending == 0:
            data = self._next()
            if not data:
                return
            client.write_raw(data)
            client.flush()

    def _next(self) -> bytes:
        if self.file is not None:
            data: bytes = self.file.read(PIECE)
            if data:
                return data
            self.file.close()
            self.file = None
            self.acknowledged_at = time.monotonic()
        if self.wants_file_only or self._held:
            return b""
        data = self.stream.read(self.position, PIECE)
        self.position += len(data)
        return data

    def over_limit(self, hard: int, soft: int, soft_seconds: int) -> bool:
        """Whether more waits for it than client-output-buffer-limit allows. A limit below the backlog's size counts as that size: a replica that may
        continue from anywhere in the backlog must not be dropped for what it then has to be sent."""
        hard = hard and max(hard, self.stream.backlog_size)
        soft = soft and max(soft, self.stream.backlog_size)
        unsent = 0 if self.wants_file_only else self.stream.end - self.position
        waiting = unsent + self.client.output_pending
        if hard and waiting > hard:
            return True
        if not soft or waiting <= soft:
            self._behind_since = None
            return False
        now = time.monotonic()
        self._behind_since = self._behind_since or now
        return now - self._behind_since > soft_seconds
