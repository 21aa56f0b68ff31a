"""The replica's side: connect to the primary, introduce ourselves, get the data or what we missed of it, and follow its stream.

One task a follower, one attempt after another with a second between them. The handshake and an image are read here by coroutines; the stream itself is
read by a PrimaryLink, which runs commands as any connection does. What was executed is appended to our own ReplicationStream: its end is our offset.

An image is loaded into databases of its own when `repl-diskless-load` is `swapdb` (clients see the old data until everything is there, and a broken transfer
changes nothing; it takes memory for both), else in place of the old data.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core import gates
from scrubjay_engine.core.keyspace import Database
from scrubjay_engine.persistence.errors import CorruptData, UnsupportedData
from scrubjay_engine.persistence.loading import Loader
from scrubjay_engine.persistence.rdb_reader import WANTS_DATA, WORKING, RdbReader
from scrubjay_engine.replication.channel import Channel
from scrubjay_engine.replication.primary_link import PrimaryLink

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client
    from scrubjay_engine.replication.primary import Replication

log = logging.getLogger(__name__)

RETRY = 1.0
SLICE = 0.001
CHUNK = 256 * 1024
LONGEST_LINE = 64 * 1024


class LinkBroken(Exception):
    """This attempt is over; the message says why."""


class Follower:
    """Follows one primary until stopped."""

    def __init__(self, replication: Replication, host: str, port: int) -> None:
        self.replication = replication
        self.engine = replication.engine
        self.config = replication.config
        self.host, self.port = host, port
        self.state = "connecting"  # connecting, handshake, syncing, up
        self.down_since = time.time()
        self.failure = ""
        self.sync_received = 0
        self.sync_total = -1
        self.last_heard = time.monotonic()
        self.link: PrimaryLink | None = None
        self._channel: Channel | None = None
        self._buffer = b""
        self._task: asyncio.Task[Any] | None = None
        self._closed = asyncio.Event()
        self._acked = -1
        self._stale()

    @property
    def in_sync(self) -> bool:
        """Whether the stream is being followed."""
        return self.state == "up"

    def start(self) -> None:
        """Begin, in the background."""
        self._task = self.replication.server.spawn(self._follow(), f"replication from {self.host}:{self.port}")

    def stop(self) -> None:
        """End it: no byte of this primary is taken from now on."""
        if self._task is not None:
            self._task.cancel()
        self._drop()

    def _stale(self) -> None:
        """`replica-serve-stale-data no` refuses reads while the link is down."""
        self.engine.set_gate(gates.STALE, not self.in_sync and not self.config.flag("replica-serve-stale-data"))

    async def _follow(self) -> None:
        while True:
            try:
                await self._attempt()
            except (OSError, LinkBroken, CorruptData, UnsupportedData, TimeoutError) as error:
                self._note_failure(error)
            self._drop()
            await asyncio.sleep(RETRY)

    def _note_failure(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if reason != self.failure:
            log.warning("Replication from %s:%d: %s; trying again every second", self.host, self.port, reason)
        self.failure = reason

    def _drop(self) -> None:
        link, self.link = self.link, None
        if link is not None and not link.closed:
            link.close()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self.state == "up":
            self.down_since = time.time()
        self.state = "connecting"
        self._stale()

    async def _attempt(self) -> None:
        timeout = self.config.number("repl-timeout")
        self._buffer = b""
        async with asyncio.timeout(timeout):
            await self._connect()
            self.state = "handshake"
            await self._introduce()
        answer = await self._ask_for_data()
        words = answer.split()
        if words[0] == b"FULLRESYNC" and len(words) >= 3:
            await self._take_image(words[1].decode(), int(words[2]))
        elif words[0] == b"CONTINUE":
            self._continue(words[1].decode() if len(words) > 1 else "")
        else:
            raise LinkBroken(f"the primary refused to synchronize: {answer[:200].decode(errors='replace')}")
        await self._stream()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        self._channel = Channel(connection, None)
        if self.config.text("bind-source-addr"):
            connection.bind((self.config.text("bind-source-addr"), 0))
        await loop.sock_connect(connection, address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._channel.wire = self.engine.parts["tls"].link_wire(connection)
        await self._channel.handshake()
        self.last_heard = time.monotonic()
        self.failure = ""
        log.info("Connected to the primary %s:%d", self.host, self.port)

    # The handshake.

    async def _introduce(self) -> None:
        answer = await self._command(b"PING")
        if answer.startswith(b"-") and not answer.startswith((b"-NOAUTH", b"-NOPERM", b"-ERR operation not permitted")):
            raise LinkBroken(f"the primary answered PING with {answer[1:].decode(errors='replace')}")
        password = self.config.text("masterauth")
        if password:
            user = self.config.text("masteruser")
            answer = await self._command(
                b"AUTH", *([user.encode()] if user else []), password.encode(errors="surrogateescape")
            )
            if answer.startswith(b"-"):
                raise LinkBroken(f"Unable to AUTH to MASTER: {answer[1:].decode(errors='replace')}")
        secure = self.config.number("tls-port") if self.config.flag("tls-replication") else 0
        port = self.config.number("replica-announce-port") or secure or self.config.number("port")
        await self._command(b"REPLCONF", b"listening-port", b"%d" % port)
        if self.config.text("replica-announce-ip"):
            await self._command(b"REPLCONF", b"ip-address", self.config.text("replica-announce-ip").encode())
        await self._command(b"REPLCONF", b"capa", b"eof", b"capa", b"psync2")
        if self.config.text("node-id"):
            await self._command(b"REPLCONF", b"scrubjay-node", self.config.text("node-id").encode())
        if self.replication.node is not None:
            epoch = self.replication.node.authority.epoch
            answer = await self._command(b"REPLCONF", b"scrubjay-epoch", b"%d" % epoch)
            if answer.startswith(b"-"):
                raise LinkBroken(f"the primary refused us: {answer[1:].decode(errors='replace')}")

    async def _ask_for_data(self) -> bytes:
        replication = self.replication
        known = replication.history.replid, replication.offset + 1
        if not self.replication.has_position:
            known = "?", -1
        log.info("Trying a partial resynchronization (request %s:%d).", *known)
        failover = self.replication.failover
        hand_over = [b"FAILOVER"] if failover.state == "failover-in-progress" else []
        answer = await self._command(b"PSYNC", known[0].encode(), b"%d" % known[1], *hand_over)
        if hand_over:
            failover.answered(accepted=answer.startswith((b"+FULLRESYNC", b"+CONTINUE")))
        if answer.startswith((b"-NOMASTERLINK", b"-LOADING", b"-MASTERDOWN")):
            raise LinkBroken(f"the primary is not ready: {answer[1:].decode(errors='replace')}")
        if answer.startswith(b"-"):
            raise LinkBroken(f"the primary refused to synchronize: {answer[1:].decode(errors='replace')}")
        return answer[1:]

    async def _command(self, *words: bytes) -> bytes:
        """Send a command and return its one-line answer."""
        assert self._channel is not None
        data = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        await self._channel.send(data)
        return await self._line()

    async def _line(self) -> bytes:
        """The next line that is not empty (empty ones only say that the primary is alive)."""
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                line = line.rstrip(b"\r")
                if line:
                    return line
                continue
            if len(self._buffer) > LONGEST_LINE:
                raise LinkBroken("the primary sent a line without end")
            self._buffer += await self._receive()

    async def _receive(self) -> bytes:
        assert self._channel is not None
        async with asyncio.timeout(self.config.number("repl-timeout")):
            data = await self._channel.receive(CHUNK)
        if not data:
            raise LinkBroken("the primary closed the connection")
        self.last_heard = time.monotonic()
        return data

    # The data.

    async def _take_image(self, replid: str, offset: int) -> None:
        log.info("Full resync from primary: %s:%d", replid, offset)
        header = await self._line()
        if not header.startswith(b"$"):
            raise LinkBroken(f"an image was expected, and {header[:60]!r} came")
        mark = header[5:] if header.startswith(b"$EOF:") else b""
        self.sync_total = -1 if mark else int(header[1:])
        self.sync_received = 0
        self.state = "syncing"
        keep_old = self.config.text("repl-diskless-load") == "swapdb"
        space = self.engine.keyspace
        count = 16384 if space.cluster else 1
        self._abandon_images("a full synchronization replaces the data")
        fresh = (
            [Database(space, db.id, count if db.id == 0 else 1) for db in space.databases]
            if keep_old
            else space.databases
        )
        loader = Loader(fresh)
        if not keep_old:
            self.replication.has_position = False
            if self.replication.node is not None:
                self.replication.node.torn()
            self._clear()
            self.engine.set_gate(gates.LOADING, True)
        try:
            await self._load(loader, mark)
        except BaseException:
            if not keep_old:
                self._clear()
            raise
        finally:
            self.engine.set_gate(gates.LOADING, False)
        if keep_old:
            self._tell_replaced()
            for old, new in zip(space.databases, fresh, strict=True):
                space.exchange(old, new)
                new.flush()
        self._settle(loader, replid, offset)

    def _abandon_images(self, reason: str) -> None:
        """A snapshot of what is about to be replaced is of no use; its walk ends within this call."""
        current = self.engine.images.current
        if current is not None:
            current.abort(reason)
            while current.snapshot.step(1_000_000):
                pass

    def _clear(self) -> None:
        self._tell_replaced()
        for db in self.engine.keyspace.databases:
            db.flush()

    def _tell_replaced(self) -> None:
        """WATCH and client tracking must know that everything may be different now."""
        for hook in self.engine.parts.get("on_flush", ()):
            for db in self.engine.keyspace.databases:
                hook(db)

    async def _load(self, loader: Loader, mark: bytes) -> None:
        reader = RdbReader(loader)
        reader.feed(self._buffer)
        self.sync_received = len(self._buffer)
        self._buffer = b""
        started = time.monotonic()
        while True:
            status = reader.read(100)
            if status == WANTS_DATA:
                data = await self._receive()
                self.sync_received += len(data)
                reader.feed(data)
                started = time.monotonic()
            elif status == WORKING:
                if time.monotonic() - started > SLICE:
                    await asyncio.sleep(0)
                    started = time.monotonic()
            else:
                break
        self._buffer = reader.rest()
        if mark:
            while len(self._buffer) < len(mark):
                self._buffer += await self._receive()
            if not self._buffer.startswith(mark):
                raise CorruptData("the image does not end with its mark")
            self._buffer = self._buffer[len(mark) :]
        elif reader.position != self.sync_total:
            raise CorruptData(f"the image was announced with {self.sync_total} bytes and ended after {reader.position}")

    def _settle(self, loader: Loader, replid: str, offset: int) -> None:
        replication = self.replication
        scripting = self.engine.parts.get("scripting")
        if scripting is not None:
            scripting.libraries.replace(loader.functions)
        replication.history.adopt(replid, keep_old=False)
        replication.drop_replicas()
        replication.stream.restart(offset)
        replication.stream.database = int(loader.facts.get(b"repl-stream-db", b"0"))
        replication.has_position = True
        replication.synchronized()
        log.info("Finished with success: %d keys loaded from the primary", loader.loaded)

    def _continue(self, replid: str) -> None:
        history = self.replication.history
        log.info("Successful partial resynchronization with primary.")
        if replid and replid != history.replid:
            history.adopt(replid, keep_old=True, offset=self.replication.offset)
            self.replication.drop_replicas()
        self.replication.in_line(whole=False)

    # The stream.

    async def _stream(self) -> None:
        assert self._channel is not None
        channel, self._channel = self._channel, None
        self._closed.clear()
        link = self.link = PrimaryLink(self.engine, channel.socket, self._link_closed, self._applied)
        if channel.wire is not None:
            link.use(channel.wire)
        link.address = f"{self.host}:{self.port}"
        link.db = self.engine.keyspace.databases[max(self.replication.stream.database, 0)]
        self.state = "up"
        self._stale()
        self.send_ack()
        if self._buffer:
            link.preload(self._buffer)
            self._buffer = b""
        link.start()
        link.go_on()
        await self._closed.wait()
        raise LinkBroken("connection with the primary lost")

    def _link_closed(self, client: Client) -> None:
        self._closed.set()

    def _applied(self, data: bytes) -> None:
        """Commands of the primary have been executed: pass them on."""
        stream = self.replication.stream
        stream.append(data)
        if self.link is not None:
            stream.database = self.link.db.id
        self.last_heard = time.monotonic()
        self.replication.plan_pump()

    def send_ack(self) -> None:
        """Tell the primary how far we are."""
        if self.link is not None and not self.link.closed:
            offset = b"%d" % self.replication.offset
            self.link.write_raw(b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$%d\r\n%b\r\n" % (len(offset), offset))
            self.link.flush()

    def each_second(self) -> None:
        """Confirm, and end a link on which nothing comes any more (the primary pings)."""
        self._stale()
        if self.link is None:
            return
        self.send_ack()
        if time.monotonic() - self.last_heard > self.config.number("repl-timeout"):
            log.warning("MASTER timeout: no data nor PING received...")
            self.link.close()
