"""The primary's side of replication: who follows us, full and partial resynchronisation, the stream, WAIT.

`Replication` is the part `engine.replication`. It is a sink of the engine: own writes are fed to the stream while we are a primary; while we follow somebody, the
follower appends the primary's bytes as they came, so that our replicas have the same stream and positions (chained replication).

Source: PSYNC2, https://redis.io/docs/latest/operate/oss_and_stack/management/replication/, and replication.c of Redis 7.0 for texts and order.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from scrubjay_engine.core import gates
from scrubjay_engine.core.client import NO_REPLY, Client
from scrubjay_engine.core.errors import NOREPLICAS, CommandError
from scrubjay_engine.persistence.image import image_without_data
from scrubjay_engine.replication.failover import NONE as NO_FAILOVER
from scrubjay_engine.replication.failover import WAITING, Failover
from scrubjay_engine.replication.fullsync import SocketTransfer, SpooledTransfer
from scrubjay_engine.replication.history import History
from scrubjay_engine.replication.link import ReplicaLink
from scrubjay_engine.replication.stream import ReplicationStream

if TYPE_CHECKING:
    from scrubjay_engine.replication.follower import Follower
    from scrubjay_engine.replication.node import Node
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

PING = b"*1\r\n$4\r\nPING\r\n"
GETACK = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"


class Replication:
    """Both roles' shared state, and the primary's work."""

    # As a sink: for replicas (redis.set_repl).
    kind = 2

    def __init__(self, server: Server) -> None:
        self.server = server
        self.engine = server.engine
        self.config = server.config
        self.history = History()
        self.stream = ReplicationStream(self.config.number("repl-backlog-size"))
        self.links: dict[Client, ReplicaLink] = {}
        self.follower: Follower | None = None
        self.active = False  # whether a backlog is kept: from the first replica on
        self.on_ack: list[Callable[[], None]] = []
        self.has_position = False  # whether our data is a prefix of the history: a fresh process has none
        self.on_synchronized: list[Callable[[], None]] = []
        self.on_role: list[Callable[[], None]] = []  # called when we have become a primary or a replica
        self._write_refusals: dict[str, CommandError] = {}
        self.failover = Failover(self)
        self.node: Node | None = None  # in managed mode: who wants to know how far replicas are
        self._pinged = time.monotonic()
        self._alone_since = time.monotonic()
        self._image_wanted_since: float | None = None
        self._pump_planned = False

    @property
    def offset(self) -> int:
        """`master_repl_offset`: how far our data is in the history."""
        return self.stream.end

    # The sink.

    def feed(self, database: int, command: bytes) -> None:
        """A write of ours. What we do at the primary's word is passed on as its bytes, by the follower."""
        if self.follower is None:
            self.stream.feed(database, command)
            self.plan_pump()

    def plan_pump(self) -> None:
        """Feed the replicas' sockets at the next turn of the loop: one write for all that came in this one."""
        if self.links and not self._pump_planned:
            self._pump_planned = True
            self.engine.loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_planned = False
        for link in self.links.values():
            link.pump()

    def _activate(self) -> None:
        if not self.active:
            self.active = True
            self.engine.add_sink(self)

    def _deactivate(self) -> None:
        """Stop keeping a backlog. Positions counted from here on mean nothing to former replicas: the history begins anew."""
        if self.active:
            self.active = False
            self.engine.remove_sink(self)
            self.stream.restart(self.stream.end)
            self.history.begin()

    # Joining.

    def sync(self, client: Client, replid: str | None, wanted: int) -> object:
        """SYNC (`replid` None) and PSYNC."""
        if client.replica is not None:
            return NO_REPLY
        if self.failover.state != NO_FAILOVER:
            raise CommandError("NOMASTERLINK Can't SYNC while failing over")
        if self.follower is not None and not self.follower.in_sync:
            raise CommandError("NOMASTERLINK Can't SYNC while not connected with my master")
        if client.output_pending:
            raise CommandError("ERR SYNC and PSYNC are invalid with pending output")
        log.info("Replica %s asks for synchronization", client.address)
        link = ReplicaLink(client, self.stream)
        if replid is not None and self._continue(link, replid, wanted):
            return NO_REPLY
        link.framed = replid is not None
        self._adopt(link)
        self._count("sync_full")
        if not self.active and self.follower is None and len(self.links) == 1:
            self.history.begin()
        self._activate()
        self.has_position = True
        self._image_wanted_since = self._image_wanted_since or time.monotonic()
        self.engine.loop.call_soon(self.start_image_if_due)
        return NO_REPLY

    def _count(self, name: str) -> None:
        counters: dict[str, int] = self.engine.parts["stats"]
        counters[name] = counters.get(name, 0) + 1

    def _adopt(self, link: ReplicaLink) -> None:
        client = link.client
        client.replica = link
        client.exempt = True
        self.links[client] = link

    def _continue(self, link: ReplicaLink, replid: str, wanted: int) -> bool:
        """Partial resynchronisation, where the history and the backlog allow it."""
        position = wanted - 1
        if not self.active or not self.history.continues(replid, wanted) or not self.stream.holds(position):
            if replid != "?":
                self._count("sync_partial_err")
                log.info(
                    "Partial resynchronization not possible for %s (asked for %s:%d)",
                    link.client.address,
                    replid[:40],
                    wanted,
                )
            return False
        self._adopt(link)
        link.position = position
        self.stream.readers.add(link)
        self._count("sync_partial_ok")
        psync2 = "psync2" in link.announced.get("capa", "").split()
        link.client.write_raw(b"+CONTINUE %b\r\n" % self.history.replid.encode() if psync2 else b"+CONTINUE\r\n")
        log.info(
            "Partial resynchronization request from %s accepted. Sending %d bytes of backlog",
            link.client.address,
            self.stream.end - position,
        )
        self.engine.loop.call_soon(link.go_online)
        if self.node is not None:
            self.ask_for_acks()  # behind everything that it lacks: when it answers, it lacks nothing of what we have now
        return True

    def start_image_if_due(self) -> None:
        """Begin an image for all replicas that wait for one, after `repl-diskless-sync-delay` (so that several can share it)."""
        for link in [link for link in self.links.values() if link.state == "waiting" and link.parts is not None]:
            self._send_parts(link)
        waiting = [link for link in self.links.values() if link.state == "waiting"]
        if not waiting or self._image_wanted_since is None:
            self._image_wanted_since = None
            return
        enough = self.config.number("repl-diskless-sync-max-replicas")
        delay = self.config.number("repl-diskless-sync-delay") if self.config.flag("repl-diskless-sync") else 0
        delay = 0 if all(not link.takes_eof for link in waiting) else delay
        if time.monotonic() - self._image_wanted_since < delay and not 0 < enough <= len(waiting):
            return
        if self.engine.images.current is None:
            self._start_image(waiting)

    def _start_image(self, waiting: list[ReplicaLink]) -> None:
        self._image_wanted_since = None
        if self.follower is None:
            self.stream.forget_database()
        exact = all(link.takes_exact for link in waiting)
        consumers = [self._begin_transfer(link) for link in waiting]
        log.info("Starting an image for %d replica(s) at offset %d", len(waiting), self.stream.end)
        keys = sum(len(db) for db in self.engine.keyspace.databases)
        self.engine.images.start("replication", consumers, exact=exact, facts=self._image_facts(keys))

    def _send_parts(self, link: ReplicaLink) -> None:
        """What `rdb-filter-only` leaves of an image is small: it is written at once, and waits for no other image."""
        if self.follower is None:
            self.stream.forget_database()
        transfer = self._begin_transfer(link)
        functions = "functions" in (link.parts or ())
        transfer.write(image_without_data(self.engine, self._image_facts(0), functions=functions))
        transfer.finished()

    def _begin_transfer(self, link: ReplicaLink) -> SocketTransfer | SpooledTransfer:
        """Tell the replica that an image of this moment follows; returns who takes it there."""
        link.position = self.stream.end
        if not link.wants_file_only:  # it never reads the stream: nothing is kept for it
            self.stream.readers.add(link)
        if link.framed:
            link.client.write_raw(b"+FULLRESYNC %b %d\r\n" % (self.history.replid.encode(), self.stream.end))
        if link.takes_eof and self.config.flag("repl-diskless-sync"):
            transfer: SocketTransfer | SpooledTransfer = SocketTransfer(link)
        else:
            transfer = SpooledTransfer(link, self.config.text("dir"))
        link.client.flush()
        return transfer

    def _image_facts(self, keys: int) -> dict[bytes, bytes]:
        return {
            b"repl-stream-db": b"%d" % max(self.stream.database, 0),
            b"repl-id": self.history.replid.encode(),
            b"repl-offset": b"%d" % self.stream.end,
            b"scrubjay-keys": b"%d" % keys,  # for backups' manifests
        }

    # Leaving.

    def connection_closed(self, client: Client) -> None:
        """Told of every closed client."""
        link = self.links.pop(client, None)
        if link is not None:
            client.replica = None
            self.stream.readers.discard(link)
            if self.node is not None and all(other.uid != link.uid for other in self.links.values()):
                self.node.lost_replica(link.uid)
            self.stream.trim()
            if link.file is not None:
                link.file.close()
            log.info("Connection with replica %s lost.", link.announced.get("listening-port") or client.address)
            self._alone_since = time.monotonic()

    def drop_replicas(self) -> None:
        """Our history is another one now: everybody must ask again."""
        for client in list(self.links):
            client.close_soon()

    # Time.

    def each_second(self) -> None:
        """Keep links alive, drop dead ones, let go of an unused backlog."""
        now = time.monotonic()
        timeout = self.config.number("repl-timeout")
        hard, soft, seconds = self._output_limits()
        for client, link in list(self.links.items()):
            if link.state == "waiting":
                client.write_raw(b"\n")  # says that we are alive while the image is being waited for
            elif link.state == "online" and now - link.acknowledged_at > timeout and not link.wants_file_only:
                log.warning("Disconnecting timedout replica (streaming sync): %s", client.address)
                client.close_soon()
            elif link.over_limit(hard, soft, seconds):
                log.warning(
                    "Client %s scheduled to be closed ASAP for overcoming of output buffer limits.", client.address
                )
                client.close_soon()
        if (
            self.follower is None
            and self.links
            and self.failover.state != WAITING  # the replicas are to reach the end of the stream
            and now - self._pinged >= self.config.number("repl-ping-replica-period")
        ):
            self._pinged = now
            self.stream.feed(-1, PING)
            self.plan_pump()
        ttl = self.config.number("repl-backlog-ttl")
        if (
            self.active
            and not self.links
            and self.follower is None
            and ttl
            and now - self._alone_since > ttl
            and not self.config.flag("managed")
        ):
            log.info("Replication backlog freed after %d seconds without connected replicas.", ttl)
            self._deactivate()
        self.stream.trim()
        self.start_image_if_due()
        self.engine.flush_pending()

    def _output_limits(self) -> tuple[int, int, int]:
        words = self.config.text("client-output-buffer-limit").split()
        at = words.index("slave")
        return int(words[at + 1]), int(words[at + 2]), int(words[at + 3])

    # Replicas that are good enough.

    def follow_min_replicas(self) -> None:
        """`min-replicas-to-write` is checked only where it is set and we are a primary."""
        wanted = self.config.number("min-replicas-to-write") and self.config.number("min-replicas-max-lag")
        self.engine.set_gate(gates.MIN_REPLICAS, bool(wanted) and self.follower is None)
        self.engine.set_gate(gates.DISK_ERROR, bool(self._write_refusals) and self.follower is None)
        self.engine.check_replicas = self._check_write

    def refuse_writes(self, reason: str, error: CommandError | None) -> None:
        """Persistence cannot keep what is written: refuse writes with that error, until called with None for the same reason."""
        if error is None:
            self._write_refusals.pop(reason, None)
        else:
            self._write_refusals[reason] = error
        self.follow_min_replicas()

    def good_replicas(self) -> int:
        """Replicas online whose last word is at most `min-replicas-max-lag` seconds old."""
        longest = self.config.number("min-replicas-max-lag")
        return sum(
            link.state == "online" and link.lag <= longest and not link.wants_file_only for link in self.links.values()
        )

    def _check_write(self) -> None:
        for error in self._write_refusals.values():
            raise error
        if self.engine.gates & gates.MIN_REPLICAS and self.good_replicas() < self.config.number(
            "min-replicas-to-write"
        ):
            raise NOREPLICAS

    def acknowledged(self, offset: int) -> int:
        """How many replicas have confirmed that offset (WAIT)."""
        return sum(link.state == "online" and link.acknowledged >= offset for link in self.links.values())

    def ask_for_acks(self) -> None:
        """Have every replica say now where it is."""
        self.stream.feed(-1, GETACK)
        self.plan_pump()

    def note_ack(self, client: Client, offset: int) -> None:
        """REPLCONF ACK from a replica."""
        link = self.links.get(client)
        if link is not None:
            link.note_ack(offset)
            if self.node is not None:
                self.node.heard_replica(link.uid, link.announced.get("scrubjay-epoch", ""), offset)
            self.failover.look()
            for work in list(self.on_ack):
                work()

    # Role.

    def synchronized(self) -> None:
        """All data was replaced by the primary's."""
        for work in self.on_synchronized:
            work()

    def in_line(self, *, whole: bool) -> None:
        """What we have is a prefix of the primary's data; `whole`: of all that it had when this link began."""
        if self.node is not None:
            self.node.in_line(whole=whole)

    def become_primary(self) -> None:
        """REPLICAOF NO ONE, or a promotion: our data goes on under a new history that begins where the old one is now."""
        if self.follower is None:
            return
        follower, self.follower = self.follower, None
        follower.stop()
        self.history.shift(self.stream.end)
        self._activate()
        self._alone_since = time.monotonic()
        self.drop_replicas()
        self.stream.forget_database()
        self.engine.keyspace.expires_delete = True
        self.engine.set_gate(gates.REPLICA | gates.STALE, False)
        self.engine.keyspace.local_expires = None
        self.follow_min_replicas()
        for work in self.on_role:
            work()
        log.info("PRIMARY MODE enabled: history %s from offset %d on", self.history.replid, self.stream.end)

    def resume(self, replid: str, offset: int, database: int, *, replica: bool) -> None:
        """After a restart: our data is at that position of that history. A primary begins a new history there, a replica asks to go on."""
        self.stream.restart(offset)
        if replica:
            self.history.adopt(replid, keep_old=False)
            self.stream.database = database
        else:
            self.history.adopt(replid, keep_old=False)
            self.history.shift(offset)
        self._activate()
        self.has_position = True

    def follow_read_only(self) -> None:
        """`replica-read-only`: whether a replica takes clients' writes (never in managed mode)."""
        read_only = self.config.flag("replica-read-only") or self.config.flag("managed")
        self.engine.set_gate(gates.REPLICA, self.follower is not None and read_only)
        self.engine.keyspace.local_expires = set() if self.follower is not None and not read_only else None

    def expire_local_keys(self) -> None:
        """A writable replica: what its own clients gave a time to live goes by our clock, since the primary knows nothing of it."""
        space = self.engine.keyspace
        keys = space.local_expires or set()
        for number, key in list(keys):
            at = space.databases[number].expire_at(key)
            if at < 0 or at <= space.now_ms:
                space.databases[number].write_value(key)  # removes what is due
                keys.discard((number, key))

    def begin_as_primary(self) -> None:
        """A managed node's first role is primary: what it has (from disk, or nothing) is a history of its own from here on."""
        self._activate()
        self.has_position = True
        self.stream.forget_database()
        self.engine.keyspace.expires_delete = True
        self.follow_min_replicas()

    def take_over(self, replid: str, client: Client) -> None:
        """PSYNC FAILOVER: our primary follows us from now on. Raises CommandError unless our data is of its history."""
        log.warning("Failover request received for replid %s.", replid[:40])
        if self.config.flag("managed"):
            raise CommandError(
                "ERR PSYNC FAILOVER not allowed in managed mode: the operator decides who is the primary"
            )
        if self.follower is None:
            raise CommandError("ERR PSYNC FAILOVER can't be sent to a master.")
        if replid.lower() != self.history.replid:
            raise CommandError("ERR PSYNC FAILOVER replid must match my replid.")
        self.become_primary()
        log.info("MASTER MODE enabled (failover request from '%s')", client.address)

    def become_replica(self, follower: Follower) -> None:
        """REPLICAOF HOST PORT, or an order to follow. Our own data may be a prefix of the new primary's: it is asked first."""
        if self.follower is not None:
            self.follower.stop()
        self.follower = follower
        self._activate()
        self.engine.keyspace.expires_delete = False
        self.follow_read_only()
        self.follow_min_replicas()
        for work in self.on_role:
            work()
        for client in self.engine.blocking.waiting_clients():
            self.engine.blocking.unblock(
                client,
                CommandError(
                    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
                ),
            )
        follower.start()
