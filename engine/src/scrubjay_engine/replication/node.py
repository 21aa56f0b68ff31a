"""The node in managed mode: takes the operator's orders (replication/role decides whether), carries them out, and says how it is.

Part `engine.node`, there in standalone mode too, where it only reports. Orders come from admin.py; the state file is `node-state.json` in `dir`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core import gates
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.options import ALIASES, OPTIONS
from scrubjay_engine.replication import role as roles
from scrubjay_engine.replication.follower import Follower
from scrubjay_engine.replication.role import Address, Refused, RoleState, Version
from scrubjay_engine.values.memory import used_memory
from scrubjay_engine.version import VERSION

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client
    from scrubjay_engine.replication.primary import Replication
    from scrubjay_engine.server import Server

# Given again, they are read again.
CERTIFICATE_FILES = {name for name in OPTIONS if "tls-" in name and name.endswith("-file")}
log = logging.getLogger(__name__)

STATE_FILE = "node-state.json"
LINKS = {"connecting": "connecting", "handshake": "connecting", "syncing": "syncing", "up": "up"}


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
        self._clock = clock
        self._path = Path(self.config.text("dir")) / STATE_FILE
        self.role_state = roles.load(self._path) if self.managed else RoleState(role="primary")
        self.replication: Replication = self.engine.replication
        self.replication.on_synchronized.append(self._synchronized)
        if self.managed:
            self.engine.set_gate(gates.NO_ROLE, True)
            log.info(
                "Managed mode: node %s waits for a role (epoch %d, promise %d)",
                self.uid,
                self.role_state.epoch,
                self.role_state.promise,
            )

    async def after_loading(self) -> None:
        """What was on disk counts as data."""
        self.has_data = any(len(db) for db in self.engine.keyspace.databases)

    def _synchronized(self) -> None:
        self.has_data = True

    # Orders.

    def probe(self, term: int | None, grant: tuple[int, int] | None) -> None:
        """Remember the term; lengthen the lease by a grant (reading, ttl)."""
        state = roles.probed(self.role_state, term)
        if grant is not None:
            state = roles.granted(state, *grant, self._clock())
        self.role_state = state

    def promote(self, epoch: int, version: Version, confirm: tuple[str, ...], ack: tuple[str, ...]) -> None:
        """Become the primary of that epoch."""
        self._need_managed()
        before = self.role_state
        self._keep(roles.promoted(before, epoch, version, confirm, ack))
        if before.role == "primary" and before.epoch == epoch:
            return
        if self.replication.follower is not None:
            self.replication.become_primary()
        else:
            self.replication.begin_as_primary()
        self.has_data = True
        self._admit()
        log.warning("Promoted: primary of epoch %d", epoch)

    def follow(self, epoch: int, version: Version, primary: Address) -> None:
        """Become, or stay, a replica of that primary."""
        self._need_managed()
        before = self.role_state
        if primary.uid == self.uid:
            raise Refused("BAD", "primary.uid is my own: a node cannot follow itself")
        self._keep(roles.following(before, epoch, version, primary))
        following = self.replication.follower
        if before.role == "replica" and before.primary == primary and following is not None:
            return
        if before.role == "primary":
            self.close_clients()
        self.replication.become_replica(Follower(self.replication, primary.host, primary.port))
        self._admit()
        log.warning("Following %s:%d in epoch %d", primary.host, primary.port, epoch)

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

    def _keep(self, state: RoleState) -> None:
        """On disk first: an order that is answered is never forgotten."""
        kept = (
            state.role,
            state.epoch,
            state.promise,
            state.version,
            state.term,
            state.primary,
            state.confirm,
            state.ack,
        )
        before = self.role_state
        if kept != (
            before.role,
            before.epoch,
            before.promise,
            before.version,
            before.term,
            before.primary,
            before.confirm,
            before.ack,
        ):
            roles.save(self._path, state)
        self.role_state = state
        leased = state.role == "primary" and bool(state.confirm)
        self.engine.check_lease = self._check_lease
        self.engine.set_gate(gates.LEASE, leased)

    def _admit(self) -> None:
        self.engine.set_gate(gates.NO_ROLE, False)

    def _check_lease(self, client: Client, command: Any, args: list[bytes]) -> None:
        left = self.role_state.lease_left(self._clock())
        if left is not None and left <= 0 and command.name not in ("ping", "info", "hello", "auth", "client"):
            raise CommandError("READONLY The lease of this primary has ended: another node may have been promoted.")

    def close_clients(self) -> None:
        """A node that is demoted keeps no client: they would go on writing to it."""
        for client in list(self.engine.clients.values()):
            if client.replica is None and not client.gates & gates.CLIENT_PRIMARY:
                client.close_soon()

    def each_second(self) -> None:
        """A primary whose lease has ended lets its clients go."""
        left = self.role_state.lease_left(self._clock())
        if left is not None and left <= 0:
            self.close_clients()

    # State.

    @property
    def role(self) -> str:
        """`waiting`, `primary` or `replica`; in standalone mode what REPLICAOF says."""
        if self.managed:
            return self.role_state.role
        return "primary" if self.replication.follower is None else "replica"

    def state(self) -> dict[str, Any]:
        """The state in an admin answer (docs/architecture/admin-protocol.md)."""
        state, replication = self.role_state, self.replication
        clock = self._clock()
        left = state.lease_left(clock)
        primary = state.primary
        return {
            "node": {"uid": self.uid, "boot": self.boot},
            "clock": clock,
            "role": self.role,
            "epoch": state.epoch,
            "promise": state.promise,
            "version": list(state.version),
            "primary": {"uid": primary.uid, "host": primary.host, "port": primary.port}
            if primary is not None
            else None,
            **self._link_state(),
            "replicationId": replication.history.replid,
            "offset": replication.offset,
            "hasData": self.has_data,
            **self._load_state(),
            "keys": sum(len(db) for db in self.engine.keyspace.databases),
            "usedMemory": used_memory(),
            "maxmemory": self.config.number("maxmemory"),
            "clients": len(self.engine.clients),
            "replicas": self._replicas(),
            "lease": None if left is None else {"remainingMs": left},
            "confirm": list(state.confirm),
            "ack": list(state.ack),
            "engineVersion": VERSION,
            "restartNeeded": sorted(self.restart_needed),
        }

    def _link_state(self) -> dict[str, Any]:
        follower = self.replication.follower
        if follower is None:
            return {"link": None, "linkDownMs": None}
        down = None if follower.in_sync else int((time.time() - follower.down_since) * 1000)
        link = LINKS[follower.state]
        return {"link": "down" if link == "connecting" and follower.failure else link, "linkDownMs": down}

    def _load_state(self) -> dict[str, Any]:
        if not self.engine.gates & gates.LOADING:
            return {"loading": False, "loadingPercent": None}
        follower = self.replication.follower
        total = follower.sync_total if follower is not None else -1
        percent = 100.0 * follower.sync_received / total if follower is not None and total > 0 else None
        return {"loading": True, "loadingPercent": percent}

    def _replicas(self) -> list[dict[str, Any]]:
        end = self.replication.offset
        return [
            {
                "uid": link.uid or None,
                "host": link.host,
                "port": link.port,
                "offset": link.acknowledged,
                "lagBytes": max(end - link.acknowledged, 0),
                "state": link.state,
            }
            for link in self.replication.links.values()
        ]

    def promise(self, epoch: int) -> None:
        """Promise an epoch (PROMOTION.md rule 10)."""
        self._need_managed()
        self._keep(roles.promised(self.role_state, epoch))
