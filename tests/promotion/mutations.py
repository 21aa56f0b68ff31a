"""The rules of docs/architecture/promotion.md, each taken out in one place of the real code: the simulation must notice. Each has seeds at which it does.

What a rule protects against may be rare: the seeds were found by `python tests/promotion/search.py`, and the same seeds must pass with the rule in place.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from promotion.simulation import Switches
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


class StaysPrimary(Authority):
    """14: a primary that hears of a higher epoch stays one."""

    def follow(self, epoch: int, version: Version, primary: Address) -> bool:
        return False if self.role == "primary" else super().follow(epoch, version, primary)

    def promise(self, epoch: int) -> None:
        if self.role != "primary":
            super().promise(epoch)


def _no_wait(shard: ShardView, best: Member) -> float:
    return shard.now


def _no_own_beginning(shard: ShardView, best: Member) -> float:
    if promotion.certain_end(shard):
        return shard.now
    return max(shard.granted_at, best.report.promised_at) + leases.SURELY_OVER_S


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

    def apply(self, patch: pytest.MonkeyPatch) -> Switches:
        for where, name, function in self.patches:
            patch.setattr(where, name, function)
        return Switches(self.authority, **dict.fromkeys(self.switches, True))


MUTATIONS = (
    Mutation("grants count from their arrival", 1, (), authority=GrantsFromNow),
    Mutation("no lease is needed", 2, (), authority=NeedsNoLease),
    Mutation("one confirmation is enough", 3, (), authority=OneIsEnough),
    Mutation("confirmed whatever was promised", 3, (), authority=ConfirmsAlways),
    Mutation("a former leader still acts", 4, (), switches=("acts_without_lease",)),
    Mutation("a former leader still acts, and its terms are taken", 4, (), authority=TakesAnyTerm, switches=("acts_without_lease",)),
    Mutation("the new leader's beginning is no last grant", 4, (), patches=((promotion, "safe_at", _no_own_beginning),)),
    Mutation("the record takes a node in first", 5, (), patches=((members, "maintain", _commit_first),)),
    Mutation("the primary forgets a node first", 6, (), patches=((members, "maintain", _shrink_confirm_first),)),
    Mutation("anybody joins the confirm set", 6, (), 1, authority=TakesInAnybody),
    Mutation("anybody leaves the ack set", 6, (), 1, authority=LetsAnybodyGo),
    Mutation("old orders about the sets are taken", 7, (), authority=TakesOldVersions, patches=((members, "up_to_date", lambda *_: True),)),
    Mutation("any node of the confirm set counts", 8, (), 1, authority=CountsEverybody),
    Mutation("the number is cut to the ack set", 8, (), 1, authority=WaitsForTheAckSet),
    Mutation("the record is written over", 9, (), switches=("blind_writes", "acts_without_lease")),
    Mutation("promises are forgotten by a restart", 10, (), switches=("forgets",)),
    Mutation("promises change nothing", 10, (), 1, authority=PromisesNothing),
    Mutation("one promise is enough", 11, (), 1, patches=((promotion, "votes_needed", lambda members, n: 1),)),
    Mutation("who restarted counts", 11, (), 1, patches=((promotion, "_votes", lambda member, n: True),)),
    Mutation("the lowest offset wins", 11, (), 1, patches=((promotion, "_rank", lambda m: (-m.state.offset,)),)),
    Mutation("no wait for the lease", 12, (), patches=((promotion, "safe_at", _no_wait),)),
    Mutation("no wait for the winner's promise", 12, (), patches=((promotion, "safe_at", _from_own_grants),)),
    Mutation("members stay members", 13, (), 1, patches=((promotion, "members_after", _all_members),)),
    Mutation("epochs and promises do not count", 13, (), authority=IgnoresEpochs, switches=("acts_without_lease",)),
    Mutation("a primary stays one", 14, (), authority=StaysPrimary),
    Mutation("a restarted primary resumes", 14, (), switches=("resumes",)),
    Mutation("without members anybody is promoted", 15, (), patches=((promotion, "certain_end", lambda shard: True),)),
)  # fmt: skip
