"""The planned change of primary: step by step, and what calls it off."""

from typing import Any

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


HANDING: dict[str, Any] = {"pending": 2, "successor": "uid-1", "successor_boot": "boot"}


def test_the_old_primary_is_told_to_hand_over_before_anybody_is_promoted() -> None:
    decision = handover.proceed(shard(member(0, state(0, "primary")), member(1, state(1)), **HANDING))
    assert decision is not None
    (order,) = decision.steps
    assert isinstance(order, Order)
    assert (order.op, order.pod.name, order.fields["epoch"]) == ("handover", "a-0-0", 2)


def test_it_is_asked_how_far_it_is_while_it_holds_writes_back() -> None:
    pausing = state(0, "primary", handover=(2, "pausing"))
    decision = handover.proceed(shard(member(0, pausing), member(1, state(1)), **HANDING))
    assert decision is not None
    assert [step.op for step in decision.steps if isinstance(step, Order)] == ["probe"]


def test_the_successor_is_promoted_when_the_old_primary_says_that_it_has_stepped_down() -> None:
    old = state(0, "waiting", 1, promise=2, handover=(2, "done"), offset=100)
    decision = handover.proceed(shard(member(0, old), member(1, state(1, offset=100)), **HANDING))
    assert decision is not None
    assert [step.words for step in decision.steps][:2] == [
        "recorded a-0-1 as primary, epoch 2",
        "promoted a-0-1 in epoch 2",
    ]


def test_one_that_does_not_catch_up_calls_it_off() -> None:
    failed = state(0, "primary", handover=(2, "failed"))
    decision = handover.proceed(shard(member(0, failed), member(1, state(1)), **HANDING))
    assert decision is not None
    (commit,) = decision.steps
    assert isinstance(commit, Commit)
    assert (commit.record.pending, commit.record.successor) == (None, None)


def test_a_successor_that_restarted_meanwhile_is_a_matter_of_promotion() -> None:
    old = state(0, "waiting", 1, promise=2, handover=(2, "done"), offset=100)
    view = shard(member(0, old), member(1, state(1, boot="other", has_data=False)), **HANDING)
    assert handover.proceed(view) is None


def test_a_wish_is_seen_to_once() -> None:
    members = member(0, state(0, "primary")), member(1, state(1))
    decision = handover.asked(shard(*members), "a-0-1")
    assert decision is not None
    (commit,) = decision.steps
    assert isinstance(commit, Commit)
    assert (commit.record.asked, commit.record.successor, commit.record.pending) == ("a-0-1", "uid-1", 2)
    assert handover.asked(shard(*members, asked="a-0-1"), "a-0-1") is None


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
