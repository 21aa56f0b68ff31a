"""The node in managed mode: takes the operator's orders (replication/authority decides whether), carries them out, and holds the client path to the lease.

Part `engine.node`, there in standalone mode too, where it only reports. Orders come from admin.py; what it says of itself is in node_report.py; the state file is
`node-state.json` in `dir`. The lease costs a turn of a connection one comparison of integers (`Engine.lease_ns`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core import gates
from scrubjay_engine.core.engine import NO_LEASE
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.options import ALIASES, OPTIONS
from scrubjay_engine.replication import state_file
from scrubjay_engine.replication.acknowledgements import Acknowledgements
from scrubjay_engine.replication.authority import Address, Authority, Kept, Refused, Version
from scrubjay_engine.replication.failsafe import FailSafe
from scrubjay_engine.replication.follower import Follower
from scrubjay_engine.replication.handover import HandOver
from scrubjay_engine.security.service_ports import peer_context

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client
    from scrubjay_engine.replication.primary import Replication
    from scrubjay_engine.server import Server

# Given again, they are read again.
CERTIFICATE_FILES = {name for name in OPTIONS if "tls-" in name and name.endswith("-file")}
log = logging.getLogger(__name__)

STATE_FILE = "node-state.json"
LINGER_S = (
    2.0  # how long clients are kept after the end of a lease that may be renewed, as after a command that took long
)
WITHOUT_LEASE = frozenset(
    {"ping", "info", "hello", "auth", "client", "quit", "reset", "command", "config", "replconf", "psync", "sync"}
)
STEPPED_DOWN = CommandError("READONLY This node was primary and has stepped down: connect again to reach the next one.")
NO_LEASE_LEFT = CommandError(
    "READONLY The lease of this primary has ended: neither the operator nor all its replicas were heard in time, and another node may have been promoted."
)


def clock_ms() -> int:
    """The node's own monotonic reading, which grants name."""
    return time.monotonic_ns() // 1_000_000


class Node:
    """Role, orders and state of this process."""

    def __init__(self, server: Server, clock: Callable[[], int] = clock_ms) -> None:
        self.server = server
        self.engine = server.engine
        self.config = server.config
        self.managed = self.config.flag("managed")
        self.uid = self.config.text("node-id") or server.run_id
        self.boot = server.boot_id
        self.has_data = False
        self.restart_needed: dict[str, str] = {}
        self.clock = clock
        self._path = Path(self.config.text("dir")) / STATE_FILE
        kept = state_file.load(self._path) if self.managed else Kept()
        self.authority = Authority(clock, lambda new: state_file.save(self._path, new), kept)
        self.replication: Replication = self.engine.replication
        self.replication.on_synchronized.append(self._synchronized)
        self.acknowledgements = Acknowledgements(server, self.authority)
        self.handover: HandOver | None = None
        self._stepped_down = False
        self._unsent: set[Any] = set()
        self._over_since: float | None = None
        if self.managed:
            self.replication.node = self
            self.engine.set_gate(gates.NO_ROLE, True)
            self.engine.check_lease = self._check_lease
            self.engine.on_unleased = self._unsent.add
            server.on_connection_closed.append(self._unsent.discard)
            server.after_listening.append(self._watch)
            log.info(
                "Managed mode: node %s waits for a role (epoch %d, promise %d)", self.uid, kept.epoch, kept.promise
            )

    async def _watch(self) -> None:
        self.server.spawn(
            FailSafe(self.authority, self._lease_changed, lambda: peer_context(self.server)).run(), "fail-safe"
        )

    async def after_loading(self) -> None:
        """What was on disk counts as data."""
        self.has_data = any(len(db) for db in self.engine.keyspace.databases)

    # What replication tells us.

    def _synchronized(self) -> None:
        self.has_data = True
        self.in_line(whole=True)

    def in_line(self, *, whole: bool) -> None:
        """Our data is a prefix of the followed primary's; `whole`: nothing that it had when this link began is missing."""
        if self.managed:
            self.authority.in_line(whole=whole)

    def torn(self) -> None:
        """Our data is being replaced in its place."""
        self.has_data = False
        self.authority.torn()

    def heard_replica(self, uid: str, epoch: str, offset: int) -> None:
        """A replica of ours says how far it is."""
        if self.managed and uid and epoch == str(self.authority.epoch):
            self.authority.holds(uid, offset)
            self.acknowledgements.settle()
            if self.handover is not None:
                self.handover.look()

    def lost_replica(self, uid: str) -> None:
        """The link of a replica of ours has ended."""
        if self.managed and uid:
            self.authority.left(uid)
            self.acknowledgements.settle()

    # Orders.

    def probe(self, term: int | None, grant: tuple[int, int, int] | None) -> None:
        """Remember the term; lengthen the lease by a grant (epoch, reading, ttl)."""
        self.authority.probed(term)
        if grant is not None:
            self.authority.granted(*grant)
            self._lease_changed()

    def promise(self, epoch: int) -> None:
        """Promise an epoch: nobody is followed in a lower one, and a primary of a lower one steps down."""
        self._need_managed()
        was = self.authority.role
        self.authority.promise(epoch)
        if not self.authority.follows and self.replication.follower is not None:
            self.replication.follower.stop()
        if was == "primary" and self.authority.role != "primary":
            self._lay_down()
            self.close_clients()

    def promote(
        self, epoch: int, version: Version, confirm: Iterable[Address], ack: Iterable[str], needed: int
    ) -> None:
        """Become the primary of that epoch."""
        self._need_managed()
        if not self.authority.promote(epoch, version, confirm, ack, needed):
            return
        self._end_handover()
        if self.replication.follower is not None:
            self.replication.become_primary()
        else:
            self.replication.begin_as_primary()
            self.replication.drop_replicas()
        self.has_data = True
        self._admit()
        log.warning("Promoted: primary of epoch %d", epoch)

    def sets(
        self, epoch: int, version: Version, sets: tuple[Iterable[Address], Iterable[str]] | None, needed: int
    ) -> None:
        """Other confirm and ack sets, or only a version."""
        self._need_managed()
        self.authority.order_sets(epoch, version, sets, needed)
        self._lease_changed()
        self.acknowledgements.follow()

    def follow(self, epoch: int, version: Version, primary: Address) -> None:
        """Become, or stay, a replica of that primary."""
        self._need_managed()
        if primary.uid == self.uid:
            raise Refused("BAD", "primary.uid is my own: a node cannot follow itself")
        was = self.authority.role
        if not self.authority.follow(epoch, version, primary):
            return
        if was != "replica":
            self._lay_down()
            self.close_clients()
        self._end_handover()
        self.replication.become_replica(Follower(self.replication, primary.host, primary.port))
        self._admit()
        log.warning("Following %s:%d in epoch %d", primary.host, primary.port, epoch)

    def begin_handover(self, epoch: int, successor: str, within_ms: int) -> None:
        """Hold writes back until the successor has everything, and step down then for that epoch; or go on after that time."""
        self._need_managed()
        if self.authority.role != "primary":
            raise Refused("ROLE", f"only a primary hands over, and I am {self.authority.role}")
        if epoch <= max(self.authority.epoch, self.authority.kept.promise):
            raise Refused(
                "STALE", f"epoch {epoch} is not above mine, {self.authority.epoch}: ask again with the newest"
            )
        if self.handover is None or self.handover.epoch != epoch:
            self.handover = HandOver(self, epoch, successor, within_ms)

    def step_down(self, epoch: int) -> None:
        """Primary no more, and what was written is on the successor. Writes stay held back until the next order."""
        self.acknowledgements.settle()
        self.authority.step_down(epoch)
        self._lay_down()

    def _lay_down(self) -> None:
        """From now on no reply goes out, but to what is refused."""
        self._stepped_down = True
        self.engine.set_gate(gates.LEASE, True)
        self._lease_changed()
        self.acknowledgements.follow()
        log.warning("Stepped down: epoch %d was promised", self.authority.kept.promise)

    def _end_handover(self) -> None:
        handover, self.handover = self.handover, None
        if handover is not None:
            handover.end()

    def configure(self, parameters: dict[str, str]) -> tuple[list[str], list[str]]:
        """Set what can be set while running; (applied, need a restart)."""
        live: list[tuple[str, str]] = []
        restart: dict[str, str] = {}
        shown = {name: self.config.shown(name) for name in parameters if ALIASES.get(name, name) in OPTIONS}
        for name, value in parameters.items():
            option = OPTIONS.get(ALIASES.get(name, name))
            if option is None:
                raise Refused("CONFIG", f"there is no option {name!r}")
            if shown.get(name) == value and name not in CERTIFICATE_FILES:  # a file may have been replaced
                continue
            if option.live:
                live.append((name, value))
            else:
                restart[name] = value
        try:
            if live:
                self.config.set_live(live, allow_protected=True)
        except CommandError as error:
            raise Refused("CONFIG", str(error).removeprefix("ERR ")) from None
        self.restart_needed = restart
        return [name for name, _ in live], sorted(restart)

    def _need_managed(self) -> None:
        if not self.managed:
            raise Refused("ROLE", "this process does not run in managed mode (option `managed yes`)")
        if self.engine.gates & gates.LOADING and self.replication.follower is None:
            raise Refused("BUSY", "loading from disk: ask again when `loading` is false")

    def _admit(self) -> None:
        """A role was given: serve in it."""
        self._stepped_down = False
        self.engine.set_gate(gates.NO_ROLE | gates.LEASE, False)
        self._lease_changed()
        self.acknowledgements.follow()

    # The lease on the client path.

    def _lease_changed(self) -> None:
        """Tell the client path until when replies may be sent; those that wait for a lease go out if there is one now."""
        authority = self.authority
        if self._stepped_down:
            self.engine.lease_ns = 0
            return
        self.engine.lease_ns = authority.lease_until * 1_000_000 if authority.needs_lease else NO_LEASE
        if authority.leads():
            self._over_since = None
            unsent = list(self._unsent)
            self._unsent.clear()
            for client in unsent:
                client.flush()
            self.acknowledgements.settle()

    def _check_lease(self, client: Client, command: Any, args: list[bytes]) -> None:
        if client.replica is None and command.name.partition("|")[0] not in WITHOUT_LEASE:
            raise STEPPED_DOWN if self._stepped_down else NO_LEASE_LEFT

    def close_clients(self) -> None:
        """A node that is demoted keeps no client: they would go on writing to it."""
        for client in list(self.engine.clients.values()):
            if client.replica is None and not client.gates & gates.CLIENT_PRIMARY:
                client.close()  # now: what has not been sent must not be

    def each_second(self) -> None:
        """A primary whose lease has ended for good lets its clients go."""
        if self.authority.role != "primary" or self.authority.leads():
            self._over_since = None
            return
        now = time.monotonic()
        if self._over_since is None:
            self._over_since = now
            log.warning("The lease has ended: nothing is acknowledged until it is renewed")
        elif now - self._over_since > LINGER_S:
            self.close_clients()

    @property
    def role(self) -> str:
        """`waiting`, `primary` or `replica`; in standalone mode what REPLICAOF says."""
        if self.managed:
            return self.authority.role
        return "primary" if self.replication.follower is None else "replica"
