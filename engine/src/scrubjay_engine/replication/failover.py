"""FAILOVER: a primary hands its role to a replica that has everything, in standalone mode (managed nodes change roles by the operator's orders).

The steps, as in Redis 7.0 (https://redis.io/docs/latest/commands/failover/): writes are held back; a replica confirms our whole stream; we become its replica
and ask it, by `PSYNC replid offset FAILOVER`, to become a primary; its answer to that is the end. So there is never a second primary:

1. We are a replica before the target is asked to be a primary.
2. While it runs no other replica is admitted and REPLICAOF is refused.
3. Every way out lets the held writes go on: as ours again when we are the primary still, else with READONLY.

Part `engine.replication.failover`; asked by commands/replication, driven by the replicas' confirmations and a timer, told the outcome by replication/follower.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.replication.follower import Follower

if TYPE_CHECKING:
    from scrubjay_engine.replication.link import ReplicaLink
    from scrubjay_engine.replication.primary import Replication

log = logging.getLogger(__name__)

NONE, WAITING, RUNNING = "no-failover", "waiting-for-sync", "failover-in-progress"
UNTIL_ENDED = 10**12  # milliseconds: the pause ends with the failover, not by itself


class Failover:
    """At most one failover at a time."""

    def __init__(self, replication: Replication) -> None:
        self.replication = replication
        self.state = NONE
        self.target: tuple[str, int] | None = None
        self._force = False
        self._until: float | None = None

    def begin(self, target: tuple[str, int] | None, timeout_ms: int, *, force: bool) -> None:
        """Hold writes back and wait for the target, or any replica, to have everything. Raises CommandError."""
        if self.state != NONE:
            raise CommandError("ERR FAILOVER already in progress.")
        if self.replication.follower is not None:
            raise CommandError("ERR FAILOVER is not valid when server is a replica.")
        if not self.replication.links:
            raise CommandError("ERR FAILOVER requires connected replicas.")
        if force and (not timeout_ms or target is None):
            raise CommandError("ERR FAILOVER with force option requires both a timeout and target HOST and IP.")
        if target is not None:
            link = self._find(target)
            if link is None:
                raise CommandError("ERR FAILOVER target HOST and PORT is not a replica.")
            if link.state != "online":
                raise CommandError("ERR FAILOVER target replica is not online.")
        self.target, self._force = target, force
        self._until = time.monotonic() + timeout_ms / 1000 if timeout_ms else None
        log.info("FAILOVER requested to %s.", self._name())
        self.state = WAITING
        self._pause.begin(UNTIL_ENDED, False)

    def look(self) -> None:
        """Go on when a replica has everything, or the time is over."""
        if self.state != WAITING:
            return
        if self._until is not None and time.monotonic() >= self._until:
            if not self._force:
                self.abort("Replica never caught up before timeout")
                return
            log.info("FAILOVER to %s time out exceeded, failing over.", self._name())
            self._hand_over()
            return
        end = self.replication.offset
        found = next((link for link in self._candidates() if link.acknowledged == end), None)
        if found is not None:
            self.target = self.target or (found.host, found.port)
            log.info("Failover target %s is synced, failing over.", self._name())
            self._hand_over()

    def answered(self, *, accepted: bool) -> None:
        """What the target said to PSYNC FAILOVER."""
        if self.state != RUNNING:
            return
        if accepted:
            self._clear()
        else:
            self.abort("Failover target rejected psync request")

    def abort(self, reason: str) -> None:
        """Give it up: we are the primary, still or again. CommandError when none runs."""
        if self.state == NONE:
            raise CommandError("ERR No failover in progress.")
        log.info("FAILOVER to %s aborted: %s", self._name(), reason)
        if self.state == RUNNING:
            self.replication.become_primary()
        self._clear()

    def _hand_over(self) -> None:
        assert self.target is not None
        self.state = RUNNING
        self.replication.become_replica(Follower(self.replication, *self.target))

    def _clear(self) -> None:
        self.state, self.target, self._force, self._until = NONE, None, False, None
        self._pause.deleting = self.replication.follower is None
        self._pause.end()

    def _candidates(self) -> list[ReplicaLink]:
        if self.target is None:
            return list(self.replication.links.values())
        link = self._find(self.target)
        return [] if link is None else [link]

    def _find(self, target: tuple[str, int]) -> ReplicaLink | None:
        host, port = target[0].lower(), target[1]
        links = self.replication.links.values()
        return next((link for link in links if link.host.lower() == host and link.port == port), None)

    def _name(self) -> str:
        return "any replica" if self.target is None else f"{self.target[0]}:{self.target[1]}"

    @property
    def _pause(self) -> Any:
        return self.replication.engine.parts["pause"]
