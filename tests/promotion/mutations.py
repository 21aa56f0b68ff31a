"""The rules of docs/architecture/promotion.md, each taken out in one place of the real code: the simulation must notice. Each has seeds at which it does.

What a rule protects against may be rare: the seeds were found by `python tests/promotion/search.py` (with PYTHONPATH=tests), and the same seeds must pass with the rule in place.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from promotion.scenarios import (
    AT,
    cut_leader_and_primary_off,
    cut_operators_from_primary,
    first_replica_lags,
    freeze_replica_and_isolate_at_its_removal,
    isolate_at_first_members,
    isolate_before_members,
    isolate_primary,
    lag_while_joining,
    last_replica_joins_late,
    late_removal,
    others_freeze,
    primary_dies,
    primary_dies_and_others_freeze,
    restart_empty,
    restart_primary_alone,
)
from promotion.simulation import Script, Switches
from scrubjay_engine.replication.authority import Address, Authority, Refused, Version
from scrubjay_operator.plan import leases, members, promotion
from scrubjay_operator.plan.shards import Member, ShardView


class GrantsFromNow(Authority):
    """1: a grant counts from when it arrives."""

    def granted(self, epoch: int, reading: int, ttl: int) -> None:
        super().granted(epoch, min(reading, self._clock()), ttl)
        self.lease_until = max(self.lease_until, self._clock() + ttl)


class NeedsNoLease(Authority):
    """2: a primary acknowledges without a lease."""

    def leads(self) -> bool:
        return self.role == "primary"


class OneIsEnough(Authority):
    """3: one node of the confirm set speaks for all."""

    def _agreed(self, said: set[str]) -> bool:
        return bool(said)


class ConfirmsAlways(Authority):
    """3: a node confirms whatever it has promised."""

    def confirms(self, epoch: int) -> None:
        if self.role != "replica" or epoch != self.epoch:
            raise Refused("ROLE", "not in that epoch")


class TakesAnyTerm(Authority):
    """4: orders of former leaders are taken."""

    def probed(self, term: int | None) -> None:
        return

    def _check_term(self, version: Version) -> None:
        return


class TakesInAnybody(Authority):
    """6: a node joins the confirm set whatever it holds."""

    def _level(self, uid: str) -> bool:
        return True


class LetsAnybodyGo(Authority):
    """6: the ack set shrinks whatever those who stay hold."""

    def _enough_stay(self, ack: frozenset[str]) -> bool:
        return True


class TakesOldVersions(Authority):
    """7: an order about the sets is taken whenever it comes."""

    def _newer(self, version: Version) -> bool:
        return True


class CountsEverybody(Authority):
    """8: a reply waits for any n nodes of the confirm set, members in the record or not."""

    def _counted(self) -> Iterable[str]:
        return self.confirm


class WaitsForTheAckSet(Authority):
    """8: the number needed is cut to the size of the ack set."""

    def enough(self, offset: int) -> bool:
        needed = min(self.needed, len(self.ack))
        return sum(self._held.get(uid, -1) >= offset for uid in self.ack) >= needed


class FollowsAfterPromise(Authority):
    """10: who has promised still takes the old primary's data."""

    @property
    def follows(self) -> bool:
        return self.role == "replica"


class PromisesNothing(Authority):
    """10: a promise changes nothing: the node confirms and follows as before."""

    def confirms(self, epoch: int) -> None:
        if self.role != "replica" or epoch != self.epoch:
            raise Refused("ROLE", "not in that epoch")

    @property
    def follows(self) -> bool:
        return self.role == "replica"


class IgnoresEpochs(Authority):
    """13: an order to be primary is taken below the own promise."""

    def promote(
        self, epoch: int, version: Version, confirm: Iterable[Address], ack: Iterable[str], needed: int = 0
    ) -> bool:
        from dataclasses import replace

        if self.role != "primary":
            self.kept = replace(self.kept, promise=0, epoch=min(self.kept.epoch, epoch - 1))
        return super().promote(epoch, version, confirm, ack, needed)


def _no_wait(shard: ShardView, best: Member) -> float:
    return shard.now


def _from_own_grants(shard: ShardView, best: Member) -> float:
    if promotion.certain_end(shard):
        return shard.now
    return max(shard.granted_at, shard.led_since) + leases.SURELY_OVER_S


def _all_members(shard: ShardView, best: Member, pool: list[Member]) -> list[str]:
    return sorted(m.pod.uid for m in pool if m is not best)


def _commit_first(shard: ShardView) -> list[Any]:
    """5: the record takes a node in before the primary has."""
    steps = MAINTAIN(shard)
    live = {m.pod.uid for m in shard.members if m is not shard.primary and members._follows(shard, m, False)}
    if steps and live - set(shard.record.members):
        return [members._commit(shard, frozenset(live | set(shard.record.members)))]
    return steps


def _shrink_confirm_first(shard: ShardView) -> list[Any]:
    """6: the primary forgets a node while it is still a member in the record."""
    primary = shard.primary
    if primary is not None and primary.state is not None and members.up_to_date(shard, primary):
        keep = members._keep(shard, primary, frozenset(shard.record.members))
        confirm = frozenset(primary.state.confirm)
        if confirm - keep:
            ack = frozenset(primary.state.ack) & keep
            return [members._order(shard, primary, (confirm & keep, ack), "{} forgets some")]
    return MAINTAIN(shard)


MAINTAIN = members.maintain
Patch = tuple[object, str, Callable[..., Any]]


@dataclass(frozen=True)
class Mutation:
    """A rule taken out: by another Authority, a switch of the simulation, or other functions in the plan. `n` is `acknowledgements`."""

    name: str
    rule: int
    seeds: tuple[int, ...]
    n: int = 0
    authority: type[Authority] = Authority
    switches: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    script: Script = ()

    def apply(self, patch: pytest.MonkeyPatch) -> Switches:
        for where, name, function in self.patches:
            patch.setattr(where, name, function)
        return Switches(self.authority, **dict.fromkeys(self.switches, True))


def _anybody(shard: ShardView) -> tuple[list[Member], str]:
    """15: whoever promised is good enough, and that the old primary may need no lease is forgotten."""
    pending = shard.record.pending or 0
    return [m for m in shard.members if promotion._has_promised(m, pending)], ""


def _lease_or_not(shard: ShardView, best: Member) -> float:
    if promotion.certain_end(shard):
        return shard.now
    return max(shard.granted_at, best.report.promised_at, shard.led_since) + leases.SURELY_OVER_S


FORMER = ((AT, cut_leader_and_primary_off),)
ALONE = ((AT, cut_operators_from_primary),)
LAG = ((AT, first_replica_lags), (AT + 2, primary_dies))
LAG_AND_FREEZE = ((AT, first_replica_lags), (AT + 2, primary_dies_and_others_freeze))
REMOVAL = ((AT, freeze_replica_and_isolate_at_its_removal),)
LATE = ((AT, late_removal), (AT + 18, isolate_primary))

ANY = range(60)  # where faults at random do it: known seeds first, and these when the plan has changed since

MUTATIONS = (
    Mutation("grants count from their arrival", 1, (37, 52, *ANY), authority=GrantsFromNow),
    Mutation("no lease is needed", 2, (5, 8, *ANY), authority=NeedsNoLease),
    Mutation("one confirmation is enough", 3, (5, 8, *ANY), authority=OneIsEnough),
    Mutation("confirmed whatever was promised", 3, (0, 1, 2), authority=ConfirmsAlways, script=ALONE),
    Mutation("a former leader still acts", 4, (0, 1, 2), switches=("acts_without_lease",), script=FORMER),
    Mutation("the record takes a node in first", 5, (0, 1, 2), patches=((members, "maintain", _commit_first),), script=((0.0, isolate_at_first_members),)),
    Mutation("the primary forgets a node first", 6, (0, 1, 2), patches=((members, "maintain", _shrink_confirm_first),), script=REMOVAL),
    Mutation("anybody joins the confirm set", 6, (0, 1, 2), 1, authority=TakesInAnybody, script=((0.0, lag_while_joining), (8.0, primary_dies))),
    Mutation("anybody leaves the ack set", 6, (0, 1, 2), 1, authority=LetsAnybodyGo, script=((AT, first_replica_lags), (AT + 1, others_freeze), (AT + 9, primary_dies))),
    Mutation("old orders about the sets are taken", 7, (0, 1, 2), authority=TakesOldVersions, patches=((members, "up_to_date", lambda *_: True),), script=LATE),
    Mutation("any node of the confirm set counts", 8, (0, 3, 5), 1, authority=CountsEverybody, script=((0.0, last_replica_joins_late),)),
    Mutation("promises change nothing", 10, (0, 1, 2), authority=PromisesNothing, script=ALONE),
    Mutation("one promise is enough", 11, (0, 1, 2), 1, patches=((promotion, "votes_needed", lambda members, n: 1),), script=LAG_AND_FREEZE),
    Mutation("who restarted counts", 11, (0, 1, 2), 1, patches=((promotion, "_votes", lambda member, n: True),), script=((AT, restart_empty),)),
    Mutation("the lowest offset wins", 11, (0, 1, 2), 1, patches=((promotion, "_rank", lambda m: (-m.state.offset,)),), script=LAG),
    Mutation("no wait for the lease", 12, (0, 1, 2), patches=((promotion, "safe_at", _no_wait),), script=ALONE),
    Mutation("no wait for the winner's promise", 12, (0, 1, 2), patches=((promotion, "safe_at", _from_own_grants),), script=ALONE),
    Mutation("epochs and promises do not count", 13, (0, 13, *ANY), authority=IgnoresEpochs, switches=("acts_without_lease",)),
    Mutation("a restarted primary resumes", 14, (0, 1, 2), switches=("resumes",), script=((AT, restart_primary_alone),)),
    Mutation("without members anybody is promoted", 15, (0, 1, 2), patches=((promotion, "electable", _anybody), (promotion, "safe_at", _lease_or_not)), script=((0.0, isolate_before_members),)),
)  # fmt: skip
