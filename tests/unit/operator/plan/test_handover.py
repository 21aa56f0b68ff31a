"""The planned change of primary: step by step, and what calls it off."""

from scrubjay_operator.plan import handover
from scrubjay_operator.plan.steps import Commit, Order
from shard_views import member, shard, state


def test_it_begins_with_the_record() -> None:
    view = shard(member(0, state(0, "primary")), member(1, state(1)))
    successor = handover.successor_of(view, lambda _: True)
    assert successor is not None
    (commit,) = handover.begin(view, successor, "because").steps
    assert isinstance(commit, Commit)
    assert (commit.record.pending, commit.record.successor, commit.record.primary) == (2, "uid-1", "a-0-0")


def test_only_a_replica_in_sync_can_take_over() -> None:
    view = shard(member(0, state(0, "primary")), member(1, state(1, link="syncing")), member(2, state(2, loading=True)))
    assert handover.successor_of(view, lambda _: True) is None


def test_the_old_primary_steps_down_before_anybody_is_promoted() -> None:
    view = shard(member(0, state(0, "primary")), member(1, state(1)), pending=2, successor="uid-1")
    decision = handover.proceed(view)
    assert decision is not None
    (order,) = decision.steps
    assert isinstance(order, Order)
    assert (order.op, order.pod.name, order.fields["epoch"]) == ("follow", "a-0-0", 2)


def test_the_successor_is_awaited_until_it_has_every_byte() -> None:
    old = state(0, "replica", 2, primary_uid="uid-1", offset=100)
    behind = shard(member(0, old), member(1, state(1, offset=90)), pending=2, successor="uid-1")
    decision = handover.proceed(behind)
    assert decision is not None
    assert decision.steps == ()
    level = shard(member(0, old), member(1, state(1, offset=100)), pending=2, successor="uid-1")
    decision = handover.proceed(level)
    assert decision is not None
    assert [step.words for step in decision.steps][:2] == [
        "recorded a-0-1 as primary, epoch 2",
        "promoted a-0-1 in epoch 2",
    ]


def test_bytes_that_cannot_come_any_more_are_named() -> None:
    old = state(0, "replica", 2, primary_uid="uid-1", offset=100)
    view = shard(member(0, old), member(1, state(1, offset=90, link="down")), pending=2, successor="uid-1")
    decision = handover.proceed(view)
    assert decision is not None
    assert "10 bytes of the stream did not reach it" in decision.wait


def test_a_lost_successor_calls_it_off_while_the_old_primary_leads() -> None:
    view = shard(member(0, state(0, "primary")), member(1, None), pending=2, successor="uid-1")
    decision = handover.proceed(view)
    assert decision is not None
    (commit,) = decision.steps
    assert isinstance(commit, Commit)
    assert (commit.record.pending, commit.record.primary) == (None, "a-0-0")


def test_an_old_primary_that_dies_meanwhile_is_a_matter_of_promotion() -> None:
    view = shard(member(0, None, refused=True), member(1, state(1)), pending=2, successor="uid-1")
    assert handover.proceed(view) is None
