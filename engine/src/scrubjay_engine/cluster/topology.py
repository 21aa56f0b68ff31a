"""Who serves which hash slots: one immutable Topology of shards and their members, with an epoch.

The operator makes it and pushes it to every node (document.py is how it travels); on a single unmanaged server CLUSTER ADDSLOTS and its relatives
make it. Either way the command family, redirection (routing.py) and scripts read this one object, and a change is a new object with the old one
left as it was.

Invariants, checked when one is made:
1. A slot belongs to at most one shard.
2. A node id, 40 hexadecimal digits, is one member's only; so is a shard's name one shard's.
3. The first member of a shard is its primary, the others replicas.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from scrubjay_engine.cluster.slots import SLOTS, SlotRange, count, in_ranges, to_ranges

_NODE_ID = re.compile(r"[0-9a-f]{40}\Z")


class TopologyError(ValueError):
    """A topology that contradicts itself: what, and where."""


@dataclass(frozen=True, slots=True)
class Member:
    """One node. An empty `host` means: the address by which the client reached the node that tells it."""

    id: str
    host: str = ""
    port: int = 6379
    tls_port: int = 0
    bus_port: int = 0
    hostname: str = ""
    health: str = "online"  # online | loading | failed, as CLUSTER SHARDS says it


@dataclass(frozen=True, slots=True)
class Shard:
    """Slots and the members that hold them, the primary first. `epoch` is that of its last change (CLUSTER NODES' config epoch)."""

    name: str
    slots: tuple[SlotRange, ...] = ()
    members: tuple[Member, ...] = ()
    epoch: int = 0

    @property
    def primary(self) -> Member:
        """The member that takes writes."""
        return self.members[0]


@dataclass(frozen=True)
class Topology:
    """All shards. A topology with a higher `epoch` replaces one with a lower."""

    epoch: int = 0
    shards: tuple[Shard, ...] = ()

    def __post_init__(self) -> None:
        names = [shard.name for shard in self.shards]
        if len(set(names)) != len(names):
            raise TopologyError(f"two shards have one name among {', '.join(sorted(names))}")
        seen: set[str] = set()
        for member in self.members():
            if not _NODE_ID.match(member.id):
                raise TopologyError(f"node id {member.id!r} is not 40 hexadecimal digits")
            if member.id in seen:
                raise TopologyError(f"node {member.id} is a member twice")
            seen.add(member.id)
        for shard in self.shards:
            if not shard.members:
                raise TopologyError(f"shard {shard.name} has no member")
        self.owners  # noqa: B018  # the table finds slots that are out of range or owned twice

    @cached_property
    def owners(self) -> array[int]:
        """By slot: the index of its shard in `shards`, or -1."""
        table = array("h", [-1]) * SLOTS
        for index, shard in enumerate(self.shards):
            for slot in in_ranges(shard.slots):
                if not 0 <= slot < SLOTS:
                    raise TopologyError(f"shard {shard.name} has slot {slot}: slots are 0 to {SLOTS - 1}")
                if table[slot] != -1:
                    raise TopologyError(f"slot {slot} belongs to {self.shards[table[slot]].name} and to {shard.name}")
                table[slot] = index
        return table

    @cached_property
    def assigned(self) -> int:
        """How many slots have an owner."""
        return sum(count(shard.slots) for shard in self.shards)

    def members(self) -> Iterator[Member]:
        """Every node of the cluster."""
        for shard in self.shards:
            yield from shard.members

    def owner(self, slot: int) -> Shard | None:
        """The shard that holds a slot."""
        index = self.owners[slot]
        return self.shards[index] if index >= 0 else None

    def shard_of(self, node_id: str) -> Shard | None:
        """The shard that a node is a member of."""
        for shard in self.shards:
            if any(member.id == node_id for member in shard.members):
                return shard
        return None

    def member(self, node_id: str) -> Member | None:
        """A node by its id."""
        return next((member for member in self.members() if member.id == node_id), None)

    # -- other topologies made from this one ---------------------------------------------------------------------------

    def changed(self, name: str, change: Callable[[Shard], Shard], epoch: int | None = None) -> Topology:
        """This one with a shard replaced by what `change` makes of it."""
        shards = tuple(change(shard) if shard.name == name else shard for shard in self.shards)
        return Topology(self.epoch if epoch is None else epoch, shards)

    def with_slots(self, name: str, slots: Iterable[int]) -> Topology:
        """These slots belong to that shard, whoever had them before."""
        taken = set(slots)

        def ranges(shard: Shard) -> tuple[SlotRange, ...]:
            held = set(in_ranges(shard.slots))
            return to_ranges(held | taken if shard.name == name else held - taken)

        return Topology(self.epoch, tuple(replace(shard, slots=ranges(shard)) for shard in self.shards))

    def without_slots(self, slots: Iterable[int]) -> Topology:
        """Nobody has these slots."""
        gone = set(slots)
        shards = (replace(shard, slots=to_ranges(set(in_ranges(shard.slots)) - gone)) for shard in self.shards)
        return Topology(self.epoch, tuple(shards))

    def with_member(self, member: Member) -> Topology:
        """The same member with other addresses."""
        return Topology(
            self.epoch,
            tuple(
                replace(shard, members=tuple(member if old.id == member.id else old for old in shard.members))
                for shard in self.shards
            ),
        )


def alone(member: Member, name: str = "0") -> Topology:
    """The topology of a server that has just been started with `cluster-enabled yes`: itself, without slots."""
    return Topology(0, (Shard(name, (), (member,)),))
