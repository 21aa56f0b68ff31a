"""Who may be promoted: the primary's confirm set and ack set, and the members in the record, grown and shrunk in an order that never breaks the rule between them.

5. Always: ack set, a part of the members in the record, a part of the confirm set.
6. Grow: confirm set first (the primary takes a node in only when that holds everything acknowledged), then the record, then the ack set. Shrink: ack set first (the
   primary agrees only when every acknowledged write is on enough of those that stay), then the record, then the confirm set.
7. Each order has a version, and the next step is taken only on an answer that names the newest one. After a change of leader, or when an order was lost, one that carries
   nothing but a newer version comes first: it voids whatever is still on its way.
With acknowledgements 0 there is no ack set. One step at a time; the answer to it wakes the next reconcile.
"""

from scrubjay_operator.plan.shards import Life, Member, ShardView
from scrubjay_operator.plan.steps import Commit, Order, Step

PATIENCE_S = 2.0  # beyond detectionSeconds: a member that is only slow to answer is not dropped and taken in again


def maintain(shard: ShardView) -> list[Step]:
    """The next step, if there is one. Needs a primary that leads, and no promotion or hand-over under way."""
    primary = shard.primary
    if primary is None or primary.state is None or shard.record.pending is not None:
        return []
    state, n = primary.state, shard.rules.acknowledgements
    members, confirm, ack = frozenset(shard.record.members), frozenset(state.confirm), frozenset(state.ack)
    keep = _keep(shard, primary, members)
    if not up_to_date(shard, primary):
        if not (members or confirm or ack or keep) and not n:
            return []  # alone: there is nothing that an older order could spoil
        return [_order(shard, primary, None, "the sets of {} are asked for anew")]
    if members - keep:
        if n and ack - keep:
            return [_order(shard, primary, (confirm, ack & keep), "{} waits for " + _names(shard, ack & keep))]
        return [_commit(shard, members & keep)]
    if confirm - members - keep:
        return [
            _order(shard, primary, (confirm & (keep | members), ack), "{} forgets " + _names(shard, confirm - keep))
        ]
    if keep - confirm - frozenset(state.joining) or n != state.acknowledgements:
        return [
            _order(shard, primary, (confirm | keep, ack if n else frozenset()), "{} takes in " + _names(shard, keep))
        ]
    if confirm - members:
        return [_commit(shard, members | confirm)]
    if n and members - ack:
        return [
            _order(shard, primary, (confirm, members & confirm), "{} waits for " + _names(shard, members & confirm))
        ]
    return []


def up_to_date(shard: ShardView, primary: Member) -> bool:
    """Rule 7: does its answer name the newest version that we gave?"""
    return primary.state is not None and primary.state.version == shard.issued


def _keep(shard: ShardView, primary: Member, members: frozenset[str]) -> frozenset[str]:
    """Those who are there now. A new leader gives members the time to be heard of."""
    live = {m.pod.uid for m in shard.members if m is not primary and _follows(shard, m, m.pod.uid in members)}
    fresh = shard.now - shard.led_since <= shard.rules.detection_s
    return frozenset(live | members) if fresh else frozenset(live)


def _follows(shard: ShardView, member: Member, known: bool) -> bool:
    """A replica of this epoch that was heard of; to become a member it must also be in sync."""
    state, heard = member.report.state, member.report.heard_at
    if state is None or heard is None or member.life is Life.GONE:
        return False
    if shard.now - heard >= shard.rules.detection_s + PATIENCE_S:
        return False
    if member.pod.terminating and not known:
        return False
    if known and state.promise == shard.record.epoch and state.role != "primary":
        return True  # it has promised this very epoch, and is about to be told whom to follow in it
    right = state.role == "replica" and state.epoch == shard.record.epoch and state.promise <= state.epoch
    return right and not state.loading and (known or (state.in_sync and state.whole))


def _commit(shard: ShardView, members: frozenset[str]) -> Commit:
    record = shard.record.model_copy(update={"members": sorted(members)})
    who = _names(shard, members)
    return Commit(words=f"recorded who may be promoted next: {who}", lane=shard.lane, record=record)


def _order(shard: ShardView, primary: Member, sets: tuple[frozenset[str], frozenset[str]] | None, words: str) -> Order:
    boot = primary.state.boot if primary.state is not None else None
    fields: dict[str, object] = {"boot": boot, "epoch": shard.record.epoch, "version": list(shard.next_version())}
    if sets is not None:
        fields |= {"confirm": shard.peers(sets[0]), "ack": sorted(sets[1])}
        fields["acknowledgements"] = shard.rules.acknowledgements
    name = primary.pod.name
    return Order(words=words.format(name), lane=shard.lane, pod=primary.pod, op="sets", fields=fields)


def _names(shard: ShardView, uids: frozenset[str]) -> str:
    found = [m.pod.name for m in shard.members if m.pod.uid in uids]
    return ", ".join(found) or "nobody"
