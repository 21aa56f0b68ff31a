"""Whom the operator grants leases to, and when one is surely over. The engine's side is in its replication/authority.py.

1. A grant names a reading of the node's own clock from the answer that it follows, so a lease ends at most ttl after that answer was given, and at most SURELY_OVER_S after
   we heard it (1.1 for clocks that drift apart).
4. Only the holder of the operator's Lease grants (act/leadership.py), only to the recorded primary's process in the recorded epoch, and not once a promotion has
   begun. A new leader takes the moment it took over for the last grant of the one before.
"""

from dataclasses import dataclass
from datetime import timedelta

from scrubjay_operator.observe.engine import EngineState
from scrubjay_operator.plan.shards import ShardView

TTL_S = 3.0
SURELY_OVER_S = 1.1 * TTL_S


@dataclass(frozen=True, slots=True)
class Grant:
    """Leases for this process in this epoch, until the next plan says otherwise."""

    shard: str
    uid: str
    boot: str
    epoch: int

    def fits(self, state: EngineState) -> bool:
        """Is this the answer of the primary that it is for?"""
        return (state.uid, state.boot, state.role, state.epoch) == (self.uid, self.boot, "primary", self.epoch)


def grant(shard: ShardView) -> Grant | None:
    """To whom leases of this shard are granted now. A primary without replicas needs none."""
    record = shard.record
    begun = record.pending is not None and record.successor is None
    if begun or not record.primary_uid or not record.primary_boot or (shard.wanted < 2 and not record.members):
        return None
    return Grant(record.name, record.primary_uid, record.primary_boot, record.epoch)


def fence(shard: ShardView) -> int:
    """Below this epoch nothing is granted any more, whatever an older snapshot says."""
    begun = shard.record.pending is not None and shard.record.successor is None
    return shard.record.pending or 0 if begun else shard.record.epoch


def seconds(number: float) -> timedelta:
    """As a duration."""
    return timedelta(seconds=number)
