"""Who is primary of a shard: the state machine behind first choice, promotion and repeated orders. Pure; I/O is elsewhere.

Invariants, in the words of the protocol (leases and promises are not in use yet: confirm and ack sets are empty, so a promotion needs a proof of death):
1. The record in the status is the truth. It is written by compare-and-swap before the order to promote is sent, so a promotion that was decided is either
   carried on by the next reconcile, or was never decided.
2. Nobody is promoted while the recorded primary may still run: it must be GONE (container ended, pod object gone, its machine refuses connections), or answer
   and not be primary any more. A silent one is waited for.
3. An epoch is used once: each promotion takes one above every epoch that anybody here has recorded, taken or promised.
4. A restarted process (another boot id) is not the primary that was recorded, even in the same pod.
5. An empty node never wins over one that may hold data: when the best candidate is empty, all that are silent or still loading are waited for.
6. The candidate is the one with the highest (epoch, offset), by answers that are fresh: old ones would hide what was read since.
"""

from dataclasses import dataclass
from enum import StrEnum

from scrubjay_operator.api import names
from scrubjay_operator.api.status import Failover, Shard
from scrubjay_operator.observe.engine import EngineState
from scrubjay_operator.plan.shards import Life, Member, ShardView, and_list
from scrubjay_operator.plan.steps import Commit, Notice, Order, SetRole, Step

FIRST_WAIT_S = 15.0
FRESH_S = 0.3


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
    if primary is Primary.LEADS:
        return Decision(primary)
    if primary is Primary.ELSEWHERE:
        return _adopt(shard)
    if primary is Primary.ORDERED:
        member = shard.recorded
        assert member is not None
        return Decision(
            primary, tuple(crown(shard, member, shard.record)), wait=f"{member.pod.name} is told to be primary"
        )
    if primary is Primary.SILENT:
        return _await_silent(shard)
    if primary is Primary.UNBORN:
        return _first(shard)
    return _promote(shard)


def crown(shard: ShardView, member: Member, record: Shard, notice: Notice | None = None) -> list[Step]:
    """The order to be primary in the record's epoch, and the labels that move clients, in this order."""
    fields = {"epoch": record.epoch, "version": [shard.term, record.epoch], "confirm": [], "ack": []}
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


def elect(shard: ShardView) -> tuple[Member | None, str]:
    """The best candidate among those that answer, or nobody and the reason to wait."""
    able = [m for m in shard.members if m.state is not None and not m.state.loading and not m.pod.terminating]
    unclear = [m for m in shard.members if (m.life is Life.SILENT and m.pod.running) or _state(m).loading]
    best = max(able, key=_rank, default=None)
    if best is None:
        names_ = and_list(m.pod.name for m in shard.members)
        return None, f"no pod of {shard.record.name} can be primary yet" + (
            f" (waiting for {names_})" if names_ else ""
        )
    if not _state(best).has_data and shard.record.epoch > 0 and unclear:
        others = and_list(m.pod.name for m in unclear)
        return None, f"{best.pod.name} is empty, and {others} may hold the data: waiting for it"
    return best, ""


def _rank(member: Member) -> tuple[bool, int, int, int]:
    state = _state(member)
    return (state.has_data, state.epoch, state.offset, -member.pod.ordinal)


def _first(shard: ShardView) -> Decision:
    """The first primary: the one with data if there is one, else the lowest ordinal, which is waited for a little."""
    best, wait = elect(shard)
    if best is None:
        return Decision(Primary.UNBORN, wait=wait)
    earlier = [m for m in shard.members if m.pod.ordinal < best.pod.ordinal and m.state is None and not m.pod.trouble()]
    if earlier and not _state(best).has_data and best.age < FIRST_WAIT_S:
        return Decision(Primary.UNBORN, wait=f"waiting for {earlier[0].pod.name} to start", come_back=1.0)
    record = _record(shard, best, shard.next_epoch())
    text = f"{best.pod.name} is the first primary of {record.name}"
    commit = Commit(words=f"recorded {best.pod.name} as primary, epoch {record.epoch}", lane=shard.lane, record=record)
    return Decision(Primary.UNBORN, (commit, *crown(shard, best, record, Notice("PrimaryChosen", text))), wait=text)


def _promote(shard: ShardView) -> Decision:
    """The recorded primary is lost: the best of the others, or itself once it is back and nobody else has anything."""
    since = _noticed(shard)
    stale = [m for m in shard.members if m.state is not None and (m.report.heard_at or 0.0) < since]
    if stale:
        return Decision(Primary.LOST, tuple(_ask(shard, m) for m in stale), wait=_obituary(shard), come_back=0.0)
    best, wait = elect(shard)
    if best is None:
        return Decision(Primary.LOST, wait=f"the primary {shard.record.primary} is lost, and {wait}")
    record = _record(shard, best, shard.next_epoch())
    reason = f"{_obituary(shard)}; {_holding(best)}"
    text = f"{best.pod.name} is primary of {record.name} now (epoch {record.epoch}): {reason}"
    commit = Commit(words=f"recorded {best.pod.name} as primary, epoch {record.epoch}", lane=shard.lane, record=record)
    moment = shard.wall
    failover = Failover(
        shard=record.name,
        epoch=record.epoch,
        old_primary=shard.record.primary or "",
        new_primary=best.pod.name,
        at=moment,
        reason=reason,
    )
    steps = (commit, *crown(shard, best, record, Notice("Promoted", text, warning=True)))
    return Decision(Primary.LOST, steps, wait=text, failover=failover)


def _noticed(shard: ShardView) -> float:
    """When the loss was noticed: answers from before may be behind what the candidates have read since."""
    old = shard.recorded
    if old is None:
        return shard.now - FRESH_S
    if old.report.failing_since is not None:
        return old.report.failing_since
    return old.report.boot_since if _restarted(shard, old) else shard.now - FRESH_S


def _ask(shard: ShardView, member: Member) -> Order:
    lane = f"{shard.lane}/{member.pod.name}"
    return Order(words=f"asked {member.pod.name} how far it is", lane=lane, pod=member.pod, op="probe")


def _adopt(shard: ShardView) -> Decision:
    member = usurper(shard)
    assert member is not None
    record = _record(shard, member, _state(member).epoch)
    text = f"{member.pod.name} is primary in epoch {record.epoch} already: taken over into the status"
    commit = Commit(words=text, lane=shard.lane, record=record, notice=Notice("PrimaryAdopted", text))
    return Decision(Primary.ELSEWHERE, (commit,), wait=text)


def _await_silent(shard: ShardView) -> Decision:
    member = shard.recorded
    assert member is not None
    for_s = member.report.silent_for(shard.now)
    reason = member.report.failure or "it was not heard of yet"
    wait = f"the primary {member.pod.name} does not answer ({reason}); it is not known to be dead, so nobody is promoted yet"
    return Decision(Primary.SILENT, wait=wait if for_s >= 1.0 else "", come_back=1.0)


def _record(shard: ShardView, member: Member, epoch: int) -> Shard:
    return shard.record.model_copy(
        update={
            "epoch": epoch,
            "primary": member.pod.name,
            "primary_uid": member.pod.uid,
            "primary_boot": _state(member).boot,
            "pending": None,
            "successor": None,
        }
    )


def first_record(shard: ShardView, member: Member, epoch: int) -> Shard:
    """The record of a primary that was chosen elsewhere, as by plan.bootstrap."""
    return _record(shard, member, epoch)


def _obituary(shard: ShardView) -> str:
    old, name = shard.recorded, shard.record.primary
    if old is None:
        return f"the pod of the primary {name} is gone"
    if old.life is Life.GONE:
        ended = f" ({old.pod.terminated[0]}: {old.pod.terminated[1]})" if old.pod.terminated else ""
        return f"the process of the primary {name} has ended{ended}"
    return f"the primary {name} has restarted" if _restarted(shard, old) else f"{name} has stepped down"


def _restarted(shard: ShardView, member: Member) -> bool:
    return member.state is not None and member.state.boot != shard.record.primary_boot


def _holding(member: Member) -> str:
    state = _state(member)
    if not state.has_data:
        return "no copy of the data is left, it starts empty"
    return f"it holds the data up to offset {state.offset}"


_NOBODY = EngineState(uid="", boot="", role="waiting")


def _state(member: Member) -> EngineState:
    return member.state or _NOBODY
