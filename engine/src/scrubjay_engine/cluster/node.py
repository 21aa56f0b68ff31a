"""This node's place in the cluster: its id, the topology it believes in, and the slots that it moves by hand.

Everything that changes the topology goes through here, so that it is on disk before anybody acts on it: `adopt` for documents from outside, which
may not be older than what is known; `change` for what this node does to itself (CLUSTER ADDSLOTS on an unmanaged server).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from scrubjay_engine.cluster.store import Kept, Store
from scrubjay_engine.cluster.topology import Member, Shard, Topology, alone

Follower: TypeAlias = Callable[[Topology, Topology], object]


class StaleTopology(ValueError):
    """A document that is older than the topology known here, or as old and different."""


class ClusterNode:
    """Made once at start; `followers` are called with (old, new) after each change."""

    def __init__(self, store: Store, member: Callable[[str], Member]) -> None:
        """`member` says how this node (by its id) is reached, from the configuration. Raises TopologyError for a damaged file."""
        self._store = store
        self._member = member
        kept = store.read()
        self.id = kept.node_id if kept is not None else new_id()
        self.topology = kept.topology if kept is not None else alone(member(self.id))
        self.migrating: dict[int, str] = {}  # slot -> id of the node it goes to (CLUSTER SETSLOT)
        self.importing: dict[int, str] = {}  # slot -> id of the node it comes from
        self.followers: list[Follower] = []

    @property
    def shard(self) -> Shard | None:
        """The shard this node is a member of; None while the topology does not name it."""
        return self.topology.shard_of(self.id)

    @property
    def is_replica(self) -> bool:
        """Whether another member of the shard is its primary."""
        shard = self.shard
        return shard is not None and shard.primary.id != self.id

    def adopt(self, topology: Topology) -> bool:
        """Take a topology from outside; False when it is the one known already. Raises StaleTopology, OSError (not kept, so not taken)."""
        if topology == self.topology:
            return False
        if topology.epoch <= self.topology.epoch:
            known = self.topology.epoch
            raise StaleTopology(f"topology epoch {topology.epoch} is not newer than epoch {known}, which is known here")
        self._take(topology)
        return True

    def change(self, topology: Topology) -> None:
        """Take a topology that this node made itself. Raises OSError, and nothing has changed then."""
        if topology != self.topology:
            self._take(topology)

    def announce(self) -> None:
        """The configuration says how this node is reached; call it when that may have changed."""
        if self.topology.member(self.id) is not None:
            self.change(self.topology.with_member(self._member(self.id)))

    def reset(self, hard: bool) -> None:
        """Forget slots and other nodes; `hard` also the epoch and this node's id (CLUSTER RESET)."""
        epoch = self.topology.epoch
        if hard:
            self.id = new_id()
        self.migrating.clear()
        self.importing.clear()
        fresh = alone(self._member(self.id))
        own = self.shard.epoch if self.shard is not None else 0
        self._take(fresh if hard else fresh.changed("0", lambda s: Shard(s.name, s.slots, s.members, own), epoch))

    def keep(self) -> None:
        """Write the file again (CLUSTER SAVECONFIG). Raises OSError."""
        self._store.write(Kept(self.id, self.topology))

    def _take(self, topology: Topology) -> None:
        self._store.write(Kept(self.id, topology))
        before, self.topology = self.topology, topology
        for follow in self.followers:
            follow(before, topology)


def new_id() -> str:
    """A node id: 40 hexadecimal digits of chance."""
    return os.urandom(20).hex()
