"""The planned change of primary: the old one steps down first, then the successor is promoted. Nobody is primary in between.

The steps, each the work of one reconcile, so that a restarted operator goes on where the record says:
1. `begin`: the record gets the pending epoch and the successor, a replica in sync.
2. The primary is told to follow the successor in the pending epoch: it stops acknowledging writes and closes its clients' connections.
3. When the successor has every byte that the old primary had, or its link to it has ended so that no more can come, it is recorded and promoted.
A successor that is lost before step 2 was done voids the hand-over; after it, promotion by plan.promotion takes over.
"""

from collections.abc import Callable

from scrubjay_operator.api import names
from scrubjay_operator.api.status import Shard
from scrubjay_operator.plan import promotion
from scrubjay_operator.plan.promotion import Decision, Primary
from scrubjay_operator.plan.shards import Life, Member, ShardView
from scrubjay_operator.plan.steps import Commit, Notice, Order


def successor_of(shard: ShardView, fit: Callable[[Member], bool]) -> Member | None:
    """The replica in sync that is fit, with the highest offset; None when there is none."""
    able = [
        m for m in shard.members if m is not shard.recorded and _in_sync(shard, m) and not m.pod.terminating and fit(m)
    ]
    return max(able, key=lambda m: (_offset(m), -m.pod.ordinal), default=None)


def begin(shard: ShardView, successor: Member, why: str) -> Decision:
    """Record that the successor will be primary in the next epoch."""
    record = shard.record.model_copy(update={"pending": shard.next_epoch(), "successor": successor.pod.uid})
    text = f"{record.primary} hands over to {successor.pod.name}: {why}"
    commit = Commit(words=text, lane=shard.lane, record=record, notice=Notice("HandOver", text))
    return Decision(Primary.LEADS, (commit,), wait=text, come_back=0.05)


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
    if old.state.boot != record.primary_boot:
        return None
    if successor.state.offset < old.state.offset and successor.state.link == "up":
        wait = f"{successor.pod.name} still reads {old.state.offset - successor.state.offset} bytes from {old.pod.name}"
        return Decision(Primary.ORDERED, wait=wait, come_back=0.05)
    return _crown(shard, old, successor)


def _step_down(shard: ShardView, old: Member, successor: Member) -> Decision:
    if not _in_sync(shard, successor):
        return _void(shard, f"{successor.pod.name} is not in sync any more")
    assert shard.record.pending is not None
    fields = follow_fields(shard, successor, shard.record.pending)
    words = f"{old.pod.name} stepped down for {successor.pod.name}"
    order = Order(words=words, lane=shard.lane, pod=old.pod, op="follow", fields=fields)
    return Decision(Primary.LEADS, (order,), wait=words, come_back=0.02)


def _crown(shard: ShardView, old: Member, successor: Member) -> Decision:
    record = _clear(shard.record).model_copy(
        update={
            "epoch": shard.record.pending,
            "primary": successor.pod.name,
            "primary_uid": successor.pod.uid,
            "primary_boot": successor.state.boot if successor.state else None,
        }
    )
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
    return {"epoch": epoch, "version": [shard.term, epoch], "primary": where}


def _clear(record: Shard) -> Shard:
    return record.model_copy(update={"pending": None, "successor": None})


def _in_sync(shard: ShardView, member: Member) -> bool:
    state = member.state
    return state is not None and state.in_sync and state.primary_uid == shard.record.primary_uid


def _offset(member: Member) -> int:
    return member.state.offset if member.state is not None else 0
