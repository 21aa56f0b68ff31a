"""The planned change of primary: the old one steps down first, then the successor is promoted. Nobody is primary in between.

The steps, each the work of one reconcile, so that a restarted operator goes on where the record says:
1. `begin`: the record gets the pending epoch and the successor, a replica in sync.
2. The primary is told to hand over: it holds writes back, waits until the successor has every byte, and steps down by itself. Its word replaces the wait for its lease.
3. The successor is recorded and promoted; then the old primary is told to follow it, and closes its clients' connections (plan/roles.py).
A successor that is lost, or does not catch up within PAUSE_MS, before step 2 was done voids the hand-over; after it, plan/promotion.py takes over, and the old primary,
which has promised and still has all data, is among those who may be promoted.
"""

from collections.abc import Callable
from dataclasses import replace

from scrubjay_operator.api import names
from scrubjay_operator.api.status import Shard
from scrubjay_operator.plan import promotion
from scrubjay_operator.plan.promotion import Decision, Primary
from scrubjay_operator.plan.shards import Life, Member, ShardView
from scrubjay_operator.plan.steps import Commit, Notice, Order

PAUSE_MS = 5000


def successor_of(shard: ShardView, fit: Callable[[Member], bool]) -> Member | None:
    """The replica in sync that is fit, with the highest offset; None when there is none."""
    able = [
        m for m in shard.members if m is not shard.recorded and _in_sync(shard, m) and not m.pod.terminating and fit(m)
    ]
    return max(able, key=lambda m: (_offset(m), -m.pod.ordinal), default=None)


def begin(shard: ShardView, successor: Member, why: str) -> Decision:
    """Record that the successor will be primary in the next epoch."""
    boot = successor.state.boot if successor.state is not None else None
    update = {"pending": shard.next_epoch(), "successor": successor.pod.uid, "successor_boot": boot}
    record = shard.record.model_copy(update=update)
    text = f"{record.primary} hands over to {successor.pod.name}: {why}"
    commit = Commit(words=text, lane=shard.lane, record=record, notice=Notice("HandOver", text))
    return Decision(Primary.LEADS, (commit,), wait=text, come_back=0.05)


def asked(shard: ShardView, pod: str) -> Decision | None:
    """A hand-over that a person asked for with the annotation scrubjay.dev/promote; each value is seen to once."""
    if pod == (shard.record.asked or ""):
        return None
    member = next((m for m in shard.members if m.pod.name == pod), None)
    if pod and (member is None or (member is not shard.recorded and not _in_sync(shard, member))):
        return None
    remembered = shard.record.model_copy(update={"asked": pod or None})
    if member is None or member is shard.recorded:
        words = f"remembered that {pod} was asked to be primary" if pod else "forgot who was asked to be primary"
        return Decision(Primary.LEADS, (Commit(words=words, lane=shard.lane, record=remembered),))
    return begin(replace(shard, record=remembered), member, f"the annotation {names.ANNOTATION_PROMOTE} asks for it")


def proceed(shard: ShardView) -> Decision | None:
    """The next step of the hand-over in the record; None when there is none, or when it has become a matter of promotion."""
    record = shard.record
    if record.pending is None:
        return None
    old, successor = shard.recorded, shard.member(record.successor)
    if old is None or old.life is Life.GONE:
        return None
    if successor is None or successor.state is None or successor.pod.terminating:
        return _void(shard, "its successor does not answer any more") if shard.primary is not None else None
    if old.state is None:
        return None
    if shard.primary is not None:
        return _step_down(shard, old, successor)
    stepped_down = old.state.boot == record.primary_boot and old.state.handover == (record.pending, "done")
    if not stepped_down or successor.state.boot != record.successor_boot or successor.state.loading:
        return None
    return _crown(shard, old, successor)


def _step_down(shard: ShardView, old: Member, successor: Member) -> Decision:
    record, handover = shard.record, old.state.handover if old.state is not None else None
    assert record.pending is not None
    if not _in_sync(shard, successor):
        return _void(shard, f"{successor.pod.name} is not in sync any more")
    words = f"{old.pod.name} hands over to {successor.pod.name}: it holds writes back until that has them all"
    if handover is not None and handover[0] == record.pending:
        if handover[1] == "failed":
            return _void(shard, f"{successor.pod.name} did not catch up within {PAUSE_MS / 1000:g} s")
        again = Order(words=f"asked {old.pod.name} how far it is", lane=shard.lane, pod=old.pod, op="probe")
        return Decision(Primary.LEADS, (again,), wait=words, come_back=0.02)
    fields = {
        "boot": record.primary_boot,
        "epoch": record.pending,
        "successor": successor.pod.uid,
        "withinMs": PAUSE_MS,
    }
    order = Order(words=words, lane=shard.lane, pod=old.pod, op="handover", fields=fields)
    return Decision(Primary.LEADS, (order,), wait=words, come_back=0.02)


def _crown(shard: ShardView, old: Member, successor: Member) -> Decision:
    record = promotion.crowned(shard, successor, shard.record.pending or 0, [])
    behind = max(0, (old.state.offset if old.state else 0) - _offset(successor))
    loss = f"; {behind} bytes of the stream did not reach it" if behind else ""
    text = f"{successor.pod.name} is primary of {record.name} now (epoch {record.epoch}), after {old.pod.name} stepped down{loss}"
    commit = Commit(
        words=f"recorded {successor.pod.name} as primary, epoch {record.epoch}", lane=shard.lane, record=record
    )
    steps = (commit, *promotion.crown(shard, successor, record, Notice("HandedOver", text, warning=bool(behind))))
    return Decision(Primary.ORDERED, steps, wait=text)


def _void(shard: ShardView, why: str) -> Decision:
    text = f"the hand-over of {shard.record.name} is called off: {why}"
    commit = Commit(
        words=text, lane=shard.lane, record=_clear(shard.record), notice=Notice("HandOverVoid", text, warning=True)
    )
    return Decision(Primary.LEADS, (commit,), wait=text)


def follow_fields(shard: ShardView, primary: Member, epoch: int) -> dict[str, object]:
    """The fields of an order to follow this primary. By IP: it is right at once, a DNS name only after a while."""
    where = {"uid": primary.pod.uid, "host": primary.pod.ip, "port": names.PORT_CLIENT}
    return {"epoch": epoch, "version": [shard.term, 0], "primary": where}


def _clear(record: Shard) -> Shard:
    return record.model_copy(update={"pending": None, "successor": None, "successor_boot": None})


def _in_sync(shard: ShardView, member: Member) -> bool:
    state = member.state
    return state is not None and state.in_sync and state.primary_uid == shard.record.primary_uid


def _offset(member: Member) -> int:
    return member.state.offset if member.state is not None else 0
