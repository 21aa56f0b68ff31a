"""Who is primary of a shard: first choice, detection, promotion, repeated orders. Pure; I/O is elsewhere, the members and leases are in the neighbouring files.

Fence: once a node has acknowledged a write in epoch e, no node acknowledges one in a lower epoch. Durability: with `acknowledgements: n >= 1` a promoted node holds
every acknowledged write, as long as fewer than n holders lose their data at once. The record in the status is written by compare-and-swap, and before the order that
relies on it is sent. Of the protocol's rules (docs/architecture/promotion.md) these are kept here:

9. A promotion begins with `pending` in the record, because the primary was silent for `detectionSeconds`, is known dead, or answers without its role. One that has
   begun is carried through: nobody grants the old primary a lease any more (plan/leases.py).
10. Everybody who answers is asked for a promise; only answers given with the promise count, since they cannot change any more.
11. It takes one promise, with n >= 1 k - n + 1 of the k members, not counting those who restarted; the winner is the highest (epoch of the data, offset). The old
   primary, if it is the same process and has promised, stepped down with that and holds everything: it counts for all.
12. The winner is told only when the old lease is surely over: 1.1 ttl after the last grant, the winner's promise and our own beginning; at once when the old process
   is certainly dead or has stepped down. With no members the old primary may need no lease, so then only its certain end will do.
13. The record comes first: epoch, primary, and as members those others that promised (n = 0), or nobody (n >= 1).
15. When nobody who holds all data is left, the best of what is left is promoted, empty if need be: as soon as that is certain and all pods have been asked, else after
   `failover.totalLossSeconds`, or never by itself.
An epoch is used once: each promotion takes one above every epoch that anybody here has recorded, taken or promised.
"""

from dataclasses import dataclass
from enum import StrEnum

from scrubjay_operator.api import names
from scrubjay_operator.api.status import Failover, Shard
from scrubjay_operator.observe.engine import EngineState
from scrubjay_operator.plan import leases
from scrubjay_operator.plan.shards import Life, Member, ShardView, and_list
from scrubjay_operator.plan.steps import Commit, Notice, Order, SetRole, Step

FIRST_WAIT_S = 15.0
VOTE_S = 0.5


class Primary(StrEnum):
    """What the recorded primary is, as far as anybody can know."""

    UNBORN = "unborn"  # none was ever chosen
    LEADS = "leads"  # it answers, as primary, in the recorded epoch
    ORDERED = "ordered"  # it was chosen, and has not taken the order yet
    ELSEWHERE = "elsewhere"  # another node is primary in a higher epoch than the record knows
    SILENT = "silent"  # it does not answer, and may still run
    LOST = "lost"  # it is certainly primary no more


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about the primary now. `wait` says, in a sentence, what is waited for."""

    primary: Primary
    steps: tuple[Step, ...] = ()
    wait: str = ""
    failover: Failover | None = None
    come_back: float | None = None


def judge(shard: ShardView) -> Primary:
    """Where the shard stands."""
    record = shard.record
    if usurper(shard) is not None:
        return Primary.ELSEWHERE
    if record.epoch == 0 or record.primary_uid is None:
        return Primary.UNBORN
    member = shard.recorded
    if member is None or member.life is Life.GONE:
        return Primary.LOST
    if member.state is None:
        return Primary.SILENT
    if shard.primary is not None:
        return Primary.LEADS
    if member.state.boot == record.primary_boot and member.state.epoch < record.epoch:
        return Primary.ORDERED
    return Primary.LOST


def usurper(shard: ShardView) -> Member | None:
    """A primary in a higher epoch than the record's: the record is the older one, say because the status was lost."""
    found = [m for m in shard.members if _state(m).role == "primary" and _state(m).epoch > shard.record.epoch]
    return max(found, key=lambda m: _state(m).epoch, default=None)


def decide(shard: ShardView) -> Decision:
    """The next steps towards one primary that leads."""
    primary = judge(shard)
    if primary is Primary.ELSEWHERE:
        return _adopt(shard)
    if primary is Primary.UNBORN:
        return _first(shard)
    if promoting(shard):
        return _promote(shard)
    if primary is Primary.LEADS:
        return Decision(primary)
    if primary is Primary.ORDERED:
        member = shard.recorded
        assert member is not None
        return Decision(
            primary, tuple(crown(shard, member, shard.record)), wait=f"{member.pod.name} is told to be primary"
        )
    if primary is Primary.SILENT and not silent_for_long(shard):
        return _await_silent(shard)
    if not shard.rules.enabled:
        return Decision(primary, wait=f"{_obituary(shard)}; failover.enabled is false, so nobody is promoted")
    return _begin(shard, primary)


def promoting(shard: ShardView) -> bool:
    """Has a promotion begun (and not a hand-over, which names its successor)?"""
    return shard.record.pending is not None and shard.record.successor is None


def silent_for_long(shard: ShardView) -> bool:
    """Rule 9: nothing was heard of the recorded primary for `detectionSeconds`, neither an answer nor a sign of life."""
    old = shard.recorded
    return old is not None and shard.now - _last_heard(shard, old) >= shard.rules.detection_s


def _last_heard(shard: ShardView, member: Member) -> float:
    return max(member.report.heard_at or 0.0, member.report.alive_at, shard.led_since)


def crown(shard: ShardView, member: Member, record: Shard, notice: Notice | None = None) -> list[Step]:
    """The order to be primary in the record's epoch, and the labels that move clients, in this order."""
    fields = {
        "boot": record.primary_boot,
        "epoch": record.epoch,
        "version": list(shard.next_version()),
        "confirm": shard.peers(record.members),
        "ack": [],
        "acknowledgements": shard.rules.acknowledgements,
    }
    words = f"promoted {member.pod.name} in epoch {record.epoch}"
    steps: list[Step] = [
        Order(words=words, lane=shard.lane, pod=member.pod, op="promote", fields=fields, notice=notice)
    ]
    if member.pod.role != names.ROLE_PRIMARY:
        steps.append(label(shard, member, names.ROLE_PRIMARY))
    for other in shard.members:
        if other is not member and other.pod.role == names.ROLE_PRIMARY:
            steps.append(label(shard, other, names.ROLE_REPLICA))
    return steps


def label(shard: ShardView, member: Member, role: str) -> SetRole:
    """Give a pod its role label."""
    return SetRole(words=f"labelled {member.pod.name} {role}", lane=shard.lane, pod=member.pod, role=role)


# The first primary.


def _first(shard: ShardView) -> Decision:
    """The first primary: the one with data if there is one, else the lowest ordinal, which is waited for a little."""
    able = [m for m in shard.members if m.state is not None and not m.state.loading and not m.pod.terminating]
    best = max(able, key=_rank, default=None)
    if best is None:
        pods = and_list(m.pod.name for m in shard.members)
        wait = f"no pod of {shard.record.name} can be primary yet" + (f" (waiting for {pods})" if pods else "")
        return Decision(Primary.UNBORN, wait=wait)
    earlier = [m for m in shard.members if m.pod.ordinal < best.pod.ordinal and m.state is None and not m.pod.trouble()]
    if earlier and not _state(best).has_data and best.age < FIRST_WAIT_S:
        return Decision(Primary.UNBORN, wait=f"waiting for {earlier[0].pod.name} to start", come_back=1.0)
    record = crowned(shard, best, shard.next_epoch(), [])
    text = f"{best.pod.name} is the first primary of {record.name}"
    commit = Commit(words=f"recorded {best.pod.name} as primary, epoch {record.epoch}", lane=shard.lane, record=record)
    return Decision(Primary.UNBORN, (commit, *crown(shard, best, record, Notice("PrimaryChosen", text))), wait=text)


def _adopt(shard: ShardView) -> Decision:
    member = usurper(shard)
    assert member is not None
    record = crowned(shard, member, _state(member).epoch, _state(member).confirm)
    text = f"{member.pod.name} is primary in epoch {record.epoch} already: taken over into the status"
    commit = Commit(words=text, lane=shard.lane, record=record, notice=Notice("PrimaryAdopted", text))
    return Decision(Primary.ELSEWHERE, (commit,), wait=text)


# A promotion.


def _begin(shard: ShardView, primary: Primary) -> Decision:
    """Rule 9: into the record first."""
    old = shard.recorded
    heard = shard.now if old is None else _last_heard(shard, old)
    since = shard.wall - leases.seconds(max(0.0, shard.now - heard) if heard else 0.0)
    update = {
        "pending": shard.next_epoch(),
        "pending_since": since,
        "successor": None,
        "successor_boot": None,
        "pending_reason": _obituary(shard),
    }
    record = shard.record.model_copy(update=update)
    text = f"{_obituary(shard)}: a new primary of {record.name} is being chosen"
    commit = Commit(words=f"recorded that epoch {record.pending} is pending: {text}", lane=shard.lane, record=record)
    return Decision(primary, (commit,), wait=text, come_back=0.0)


def _promote(shard: ShardView) -> Decision:
    """Rules 10 to 13 and 15, as far as they have come."""
    asks = _ask_for_promises(shard)
    pool, wait = electable(shard)
    if not pool:
        return Decision(Primary.LOST, tuple(asks), wait=f"{shard.record.pending_reason}; {wait}", come_back=VOTE_S)
    voted = min(m.report.promised_at for m in pool)
    if asks and shard.now - voted < VOTE_S:
        return Decision(Primary.LOST, tuple(asks), wait="waiting for the promises of the others", come_back=0.05)
    best = max(pool, key=_rank)
    left = safe_at(shard, best) - shard.now
    if left > 0:
        wait = (
            f"{best.pod.name} will be primary in {left:.1f} s, when the lease of {shard.record.primary} is surely over"
        )
        return Decision(Primary.LOST, tuple(asks), wait=wait, come_back=left + 0.01)
    return _crown(shard, best, pool)


def _ask_for_promises(shard: ShardView) -> list[Step]:
    pending = shard.record.pending or 0
    steps: list[Step] = []
    for member in shard.members:
        state = member.state
        if state is not None and state.promise < pending and not state.loading and not member.pod.terminating:
            lane = f"{shard.lane}/{member.pod.name}"
            fields = {"boot": state.boot, "epoch": pending}
            words = f"asked {member.pod.name} for a promise of epoch {pending}"
            steps.append(Order(words=words, lane=lane, pod=member.pod, op="promise", fields=fields))
    return steps


def electable(shard: ShardView) -> tuple[list[Member], str]:
    """Those of whom the best may be promoted, once it is safe; or nobody, and what is waited for (rules 11 and 15)."""
    pending = shard.record.pending or 0
    promised = [m for m in shard.members if _has_promised(m, pending) and not m.pod.terminating]
    n, members = shard.rules.acknowledgements, shard.record.members
    old = [m for m in promised if m is shard.recorded and _same_process(shard, m)]
    voters = [m for m in promised if m.pod.uid in members and _votes(m, n)]
    if old or (members and len(voters) >= votes_needed(len(members), n)):
        return [*voters, *old], ""
    if shard.recorded in promised and members and not n and voters:
        return [*voters, shard.recorded], ""
    lacking = (
        f"{len(voters)} of the {len(members)} replicas that hold the data have answered"
        if members
        else "no replica holds all data"
    )
    everybody = len(promised) >= shard.wanted
    waited = (shard.wall - shard.record.pending_since).total_seconds() if shard.record.pending_since else 0.0
    limit = shard.rules.total_loss_s
    if (_hopeless(shard) and everybody) or (limit is not None and waited >= limit):
        return promised, f"{lacking}; nobody else answers"
    then = (
        f"the best that is left is promoted after {limit:g} s"
        if limit is not None
        else "nothing is promoted by itself (failover.onTotalLoss: Wait)"
    )
    return [], f"{lacking}; {then}"


def votes_needed(members: int, n: int) -> int:
    """Rule 11."""
    return max(1, members - n + 1) if n else 1


def _votes(member: Member, n: int) -> bool:
    state = _state(member)
    return state.whole if n else state.has_data


def _has_promised(member: Member, epoch: int) -> bool:
    state = _state(member)
    return state.promise >= epoch and state.role != "primary" and not state.loading


def _same_process(shard: ShardView, member: Member) -> bool:
    return _state(member).boot == shard.record.primary_boot and _state(member).whole


def _hopeless(shard: ShardView) -> bool:
    """Is it certain that nobody holds everything any more? Each who did is gone, or has restarted."""
    holders = [shard.member(uid) for uid in (*shard.record.members, shard.record.primary_uid)]
    return all(m is None or (m.state is not None and not m.state.whole) for m in holders)


def certain_end(shard: ShardView) -> bool:
    """Rule 12: is the old primary certainly primary no more?"""
    old = shard.recorded
    if old is None:
        return not shard.record.members
    if old.life is Life.GONE:
        return True
    state = old.state
    return state is not None and (state.boot != shard.record.primary_boot or state.role != "primary")


def safe_at(shard: ShardView, best: Member) -> float:
    """Rule 12: from when on the winner may be told, in seconds of our clock."""
    if certain_end(shard):
        return shard.now
    if not shard.record.members:
        return float("inf")
    return max(shard.granted_at, best.report.promised_at, shard.led_since) + leases.SURELY_OVER_S


def _crown(shard: ShardView, best: Member, pool: list[Member]) -> Decision:
    """Rule 13, and the story of it for people."""
    n = shard.rules.acknowledgements
    record = crowned(shard, best, shard.record.pending or 0, members_after(shard, best, pool))
    reason = f"{shard.record.pending_reason}; {_holding(shard, best)}"
    text = f"{best.pod.name} is primary of {record.name} now (epoch {record.epoch}): {reason}"
    commit = Commit(words=f"recorded {best.pod.name} as primary, epoch {record.epoch}", lane=shard.lane, record=record)
    since = shard.record.pending_since or shard.wall
    failover = Failover(
        shard=record.name,
        epoch=record.epoch,
        old_primary=shard.record.primary or "",
        new_primary=best.pod.name,
        at=shard.wall,
        seconds=round(max(0.0, (shard.wall - since).total_seconds()), 1),
        offset=_state(best).offset,
        lost=_bound_on_loss(shard, best, n),
        reason=reason,
    )
    steps = (commit, *crown(shard, best, record, Notice("Promoted", text, warning=True)))
    return Decision(Primary.LOST, steps, wait=text, failover=failover)


def members_after(shard: ShardView, best: Member, pool: list[Member]) -> list[str]:
    """Rule 13: who may be promoted next."""
    return [] if shard.rules.acknowledgements else sorted(m.pod.uid for m in pool if m is not best)


def crowned(shard: ShardView, member: Member, epoch: int, members: "list[str] | tuple[str, ...]") -> Shard:
    """The record of a new primary."""
    return shard.record.model_copy(
        update={
            "epoch": epoch,
            "primary": member.pod.name,
            "primary_uid": member.pod.uid,
            "primary_boot": _state(member).boot,
            "members": list(members),
            "pending": None,
            "pending_since": None,
            "pending_reason": None,
            "successor": None,
            "successor_boot": None,
        }
    )


def _rank(member: Member) -> tuple[bool, int, int, bool, int]:
    state = _state(member)
    return (state.has_data, state.data_epoch, state.offset, state.whole, -member.pod.ordinal)


# Words.


def _await_silent(shard: ShardView) -> Decision:
    member = shard.recorded
    assert member is not None
    for_s = member.report.silent_for(shard.now)
    reason = member.report.failure or "it was not heard of yet"
    left = shard.rules.detection_s - (shard.now - _last_heard(shard, member))
    busy = (
        "; it is alive, and busy with a long command"
        if member.report.alive_at > (member.report.heard_at or 0.0)
        else ""
    )
    wait = f"the primary {member.pod.name} does not answer ({reason}){busy}"
    return Decision(Primary.SILENT, wait=wait if for_s >= 1.0 else "", come_back=max(0.05, left + 0.01))


def first_record(shard: ShardView, member: Member, epoch: int) -> Shard:
    """The record of a primary that was chosen elsewhere, as by plan.bootstrap."""
    return crowned(shard, member, epoch, [])


def _obituary(shard: ShardView) -> str:
    old, name = shard.recorded, shard.record.primary
    if old is None:
        return f"the pod of the primary {name} is gone"
    if old.life is Life.GONE:
        ended = f" ({old.pod.terminated[0]}: {old.pod.terminated[1]})" if old.pod.terminated else ""
        return f"the process of the primary {name} has ended{ended}"
    if old.state is None:
        return f"the primary {name} was silent for {shard.now - _last_heard(shard, old):.1f} s"
    return (
        f"the primary {name} has restarted"
        if old.state.boot != shard.record.primary_boot
        else f"{name} has stepped down"
    )


def _holding(shard: ShardView, member: Member) -> str:
    state = _state(member)
    if not state.has_data:
        return "no copy of the data is left, it starts empty"
    return f"it holds the data up to offset {state.offset}"


def _bound_on_loss(shard: ShardView, best: Member, n: int) -> str:
    old, state = shard.recorded, _state(best)
    if not state.has_data:
        return "all data"
    if n and state.whole:
        return "no acknowledged write"
    last = old.report.state if old is not None else None
    if last is None or last.boot != shard.record.primary_boot or old is best:
        return (
            "nothing"
            if old is best and state.whole
            else "writes of the old primary that had not reached it; how many is not known"
        )
    behind = max(0, last.offset - state.offset)
    return f"{behind} bytes that the old primary was last known to be ahead, and what it wrote after that"


_NOBODY = EngineState(uid="", boot="", role="waiting")


def _state(member: Member) -> EngineState:
    return member.state or _NOBODY
