"""Who becomes primary: each invariant of plan/promotion.py, by example and over random shards."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrubjay_operator.plan.promotion import Decision, Primary, decide
from scrubjay_operator.plan.shards import Member, Rules, ShardView
from scrubjay_operator.plan.steps import Commit, Order
from shard_views import NOW, WALL, member, shard, state


def promoted(decision: Decision) -> str | None:
    orders = [step for step in decision.steps if isinstance(step, Order) and step.op == "promote"]
    assert len(orders) <= 1
    return orders[0].pod.name if orders else None


def test_a_primary_that_leads_is_left_alone() -> None:
    assert decide(shard(member(0, state(0, "primary")), member(1, state(1)))) == Decision(Primary.LEADS)


def test_the_first_primary_is_recorded_before_it_is_told() -> None:
    decision = decide(shard(member(0, state(0, "waiting", 0, has_data=False)), primary=None))
    commit, order = decision.steps[:2]
    assert isinstance(commit, Commit)
    assert (commit.record.primary, commit.record.epoch) == ("a-0-0", 1)
    assert isinstance(order, Order)
    assert order.fields["epoch"] == 1


def test_data_on_a_pod_wins_over_a_lower_ordinal_when_there_was_no_primary() -> None:
    empty, full = state(0, "waiting", 0, has_data=False), state(1, "waiting", 7)
    assert promoted(decide(shard(member(0, empty), member(1, full), primary=None))) == "a-0-1"


def test_an_order_that_did_not_arrive_is_repeated() -> None:
    decision = decide(shard(member(0, state(0, "waiting", 0))))
    assert decision.primary is Primary.ORDERED
    assert promoted(decision) == "a-0-0"
    assert not any(isinstance(step, Commit) for step in decision.steps)


def pending(*members: Member, **facts: Any) -> ShardView:
    """A shard in which a promotion has begun, in epoch 2, a moment ago."""
    since = WALL - timedelta(seconds=facts.pop("waited", 1))
    record: dict[str, Any] = {"pending": 2, "pending_since": since, "pending_reason": "a-0-0 is lost"}
    return shard(*members, **(record | facts))


def promise(ordinal: int, **facts: Any) -> Member:
    """A member that has promised epoch 2 a while ago."""
    return member(ordinal, state(ordinal, promise=2, link="down", **facts), promised_at=NOW - 1)


GONE: dict[str, Any] = {"refused": True}


def test_a_dead_primary_is_recorded_as_lost_before_anybody_is_asked() -> None:
    decision = decide(shard(member(0, None, **GONE), member(1, state(1))))
    (commit,) = decision.steps
    assert isinstance(commit, Commit)
    assert (commit.record.pending, commit.record.epoch, commit.record.primary) == (2, 1, "a-0-0")
    assert commit.record.pending_reason == "the process of the primary a-0-0 has ended"


def test_a_primary_that_restarted_before_anybody_saw_it_end_is_lost_too() -> None:
    restarted = member(0, state(0, "waiting", 1, boot="other", has_data=False))
    assert "the primary a-0-0 has restarted" in decide(shard(restarted, member(1, state(1)))).wait


def test_a_silent_primary_is_waited_for_until_the_time_for_it_is_over() -> None:
    quiet = member(0, None, heard_at=NOW - 1.5, failing_since=NOW - 1.5)
    decision = decide(shard(quiet, member(1, state(1))))
    assert (decision.primary, decision.steps) == (Primary.SILENT, ())
    assert decision.come_back is not None and 0.4 < decision.come_back < 0.6
    silent = member(0, None, heard_at=NOW - 2.1, failing_since=NOW - 2)
    assert "was silent for 2.1 s" in decide(shard(silent, member(1, state(1)))).wait


def test_a_busy_primary_that_gives_signs_of_life_is_not_replaced() -> None:
    busy = member(0, None, heard_at=NOW - 30, failing_since=NOW - 29, alive_at=NOW - 0.5)
    decision = decide(shard(busy, member(1, state(1))))
    assert (decision.primary, decision.steps) == (Primary.SILENT, ())
    assert "it is alive, and busy with a long command" in decision.wait


def test_with_failover_switched_off_nobody_is_promoted() -> None:
    decision = decide(shard(member(0, None, **GONE), member(1, state(1)), rules=Rules(enabled=False)))
    assert decision.steps == ()
    assert "failover.enabled is false" in decision.wait


def test_all_who_answer_are_asked_for_a_promise() -> None:
    decision = decide(pending(member(0, None, **GONE), member(1, state(1)), member(2, state(2))))
    asked = [(step.op, step.pod.name) for step in decision.steps if isinstance(step, Order)]
    assert asked == [("promise", "a-0-1"), ("promise", "a-0-2")]


def test_the_member_with_the_highest_offset_is_promoted() -> None:
    decision = decide(pending(member(0, None, **GONE), promise(1, offset=10), promise(2, offset=20)))
    assert promoted(decision) == "a-0-2"
    commit = decision.steps[0]
    assert isinstance(commit, Commit)
    assert (commit.record.epoch, commit.record.pending, commit.record.members) == (2, None, ["uid-1"])
    assert decision.failover is not None
    assert decision.failover.reason == "a-0-0 is lost; it holds the data up to offset 20"


def test_a_newer_epoch_of_the_data_wins_over_a_higher_offset() -> None:
    view = pending(member(0, None, **GONE), promise(1, offset=10, data_epoch=1), promise(2, offset=20, data_epoch=0))
    assert promoted(decide(view)) == "a-0-1"


def test_a_silent_primary_is_replaced_only_when_its_lease_is_surely_over() -> None:
    silent = member(0, None, heard_at=NOW - 2.1, failing_since=NOW - 2)
    view = replace(pending(silent, promise(1)), granted_at=NOW - 2)
    decision = decide(view)
    assert promoted(decision) is None
    assert (
        decision.come_back is not None and 2.2 < decision.come_back < 2.4
    )  # 1.1 ttl after the promise of a second ago
    later = replace(view, now=NOW + 2.31, members=tuple(replace(m, now=NOW + 2.31) for m in view.members))
    assert promoted(decide(later)) == "a-0-1"
    assert promoted(decide(replace(later, led_since=NOW))) is None


def test_without_members_only_a_certain_end_will_do() -> None:
    silent = member(0, None, heard_at=NOW - 100, failing_since=NOW - 99)
    assert promoted(decide(pending(silent, promise(1), members=[], waited=1000))) is None
    assert promoted(decide(pending(member(0, None, **GONE), promise(1), members=[], waited=1000))) == "a-0-1"


def test_with_acknowledgements_enough_members_must_promise() -> None:
    dead, other = member(0, None, **GONE), member(2, None)
    assert promoted(decide(pending(dead, promise(1), other, rules=Rules(acknowledgements=1)))) is None
    assert promoted(decide(pending(dead, promise(1), other, rules=Rules(acknowledgements=2)))) == "a-0-1"
    both = pending(dead, promise(1), promise(2), rules=Rules(acknowledgements=1))
    commit = decide(both).steps[0]
    assert isinstance(commit, Commit) and commit.record.members == []


def test_one_that_restarted_does_not_count_with_acknowledgements() -> None:
    view = pending(member(0, None), promise(1, whole=False), rules=Rules(acknowledgements=1))
    assert promoted(decide(view)) is None


def test_the_old_primary_that_promised_is_promoted_again() -> None:
    old = member(0, state(0, "waiting", 1, promise=2, offset=50), promised_at=NOW - 1)
    assert promoted(decide(pending(old, promise(1, offset=40)))) == "a-0-0"


def test_too_few_are_waited_for_and_then_the_best_that_is_left_is_promoted() -> None:
    dead, rest = member(0, None, **GONE), (promise(1, whole=False, offset=7), member(2, None))
    rules = Rules(acknowledgements=1, total_loss_s=30)
    wait = decide(pending(dead, *rest, rules=rules))
    assert promoted(wait) is None
    assert (
        "0 of the 2 replicas that hold the data have answered; the best that is left is promoted after 30 s"
        in wait.wait
    )
    assert promoted(decide(pending(dead, *rest, rules=rules, waited=31))) == "a-0-1"
    forever = Rules(acknowledgements=1, total_loss_s=None)
    assert promoted(decide(pending(dead, *rest, rules=forever, waited=9999))) is None


def test_with_nobody_else_an_empty_node_is_promoted_and_that_is_said() -> None:
    empty = state(0, "waiting", 1, boot="other", has_data=False, whole=False, promise=2)
    decision = decide(pending(member(0, empty, promised_at=NOW - 1)))
    assert promoted(decision) == "a-0-0"
    assert decision.failover is not None
    assert "no copy of the data is left" in decision.failover.reason
    assert decision.failover.lost == "all data"


def test_a_primary_of_a_higher_epoch_is_taken_into_the_record() -> None:
    decision = decide(shard(member(0, state(0, "primary", 4)), primary=None))
    (commit,) = decision.steps
    assert isinstance(commit, Commit)
    assert (commit.record.primary, commit.record.epoch) == ("a-0-0", 4)


offsets = st.integers(0, 30)
epochs = st.integers(0, 4)
states = st.builds(
    lambda ordinal, role, epoch, boot, offset, data, loading, promise: (
        lambda n: state(n, role, epoch, boot=boot, offset=offset, has_data=data, loading=loading, promise=promise)
    ),
    st.just(0),
    st.sampled_from(["waiting", "primary", "replica"]),
    epochs,
    st.sampled_from(["boot", "other"]),
    offsets,
    st.booleans(),
    st.booleans(),
    epochs,
)
answers = st.one_of(st.none(), states)


@st.composite
def shards(draw: st.DrawFn, lost: bool = False) -> ShardView:
    """Any shard of up to four pods, whatever its record says; or one whose recorded primary's pod is gone."""
    members = []
    for ordinal in range(draw(st.integers(1, 4))):
        answer = draw(answers)
        says = answer(ordinal) if answer is not None else None
        facts = {
            "terminating": draw(st.booleans()),
            "running": draw(st.booleans()),
            "failing_since": NOW - 10 if says is None else None,
        }
        members.append(member(ordinal, says, refused=says is None and draw(st.booleans()), **facts))
    primary = 9 if lost else draw(st.one_of(st.none(), st.integers(0, 4)))
    return shard(*members, primary=primary, epoch=draw(st.integers(1, 4)))


@given(shards())
def test_an_epoch_is_never_used_twice(view: ShardView) -> None:
    for step in decide(view).steps:
        if isinstance(step, Order) and step.op == "promote":
            known = [m.report.state for m in view.members if m.report.state is not None]
            repeated = step.pod.uid == view.record.primary_uid and step.fields["epoch"] == view.record.epoch
            assert repeated or all(step.fields["epoch"] > max(s.epoch, s.promise) for s in known)
            assert repeated or step.fields["epoch"] > view.record.epoch


@given(shards())
def test_nothing_is_promoted_that_the_record_does_not_name(view: ShardView) -> None:
    record = view.record
    for step in decide(view).steps:
        if isinstance(step, Commit):
            record = step.record
        if isinstance(step, Order) and step.op == "promote":
            assert (record.primary_uid, record.epoch) == (step.pod.uid, step.fields["epoch"])
