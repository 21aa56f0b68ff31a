"""Who becomes primary: each invariant of plan/promotion.py, by example and over random shards."""

from hypothesis import given
from hypothesis import strategies as st

from scrubjay_operator.plan.promotion import Decision, Primary, decide, judge
from scrubjay_operator.plan.shards import Life, Member, ShardView
from scrubjay_operator.plan.steps import Commit, Order
from shard_views import NOW, member, shard, state


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


def test_the_replica_with_the_highest_offset_is_promoted_when_the_process_has_ended() -> None:
    dead = member(0, None, refused=True)
    decision = decide(shard(dead, member(1, state(1, offset=10)), member(2, state(2, offset=20))))
    assert promoted(decision) == "a-0-2"
    assert decision.failover is not None
    assert decision.failover.reason == "the process of the primary a-0-0 has ended; it holds the data up to offset 20"


def test_a_primary_that_restarted_before_anybody_saw_it_end_is_replaced_too() -> None:
    restarted = member(0, state(0, "waiting", 1, boot="other", has_data=False))
    decision = decide(shard(restarted, member(1, state(1, offset=10))))
    assert promoted(decision) == "a-0-1"
    assert decision.failover is not None
    assert decision.failover.reason == "the primary a-0-0 has restarted; it holds the data up to offset 10"


def test_a_silent_primary_is_waited_for() -> None:
    decision = decide(shard(member(0, None), member(1, state(1))))
    assert decision.primary is Primary.SILENT
    assert decision.steps == ()
    assert "it is not known to be dead" in decision.wait


def test_a_closed_port_on_a_node_that_does_not_report_proves_nothing() -> None:
    silent = member(0, None, refused=True)
    unsure = Member(silent.pod, silent.report, node_ready=False, now=NOW)
    assert judge(shard(unsure, member(1, state(1)))) is Primary.SILENT


def test_a_new_pod_of_the_same_name_is_not_the_primary() -> None:
    reborn = member(0, state(0, "waiting", 0, has_data=False))
    decision = decide(shard(reborn, member(1, state(1, offset=5)), primary_uid="uid-of-the-old-one"))
    assert promoted(decision) == "a-0-1"


def test_an_empty_node_waits_for_one_that_may_hold_the_data() -> None:
    restarted = member(0, state(0, "waiting", 1, boot="other", has_data=False))
    decision = decide(shard(restarted, member(1, None)))
    assert decision.primary is Primary.LOST
    assert promoted(decision) is None
    assert "a-0-0 is empty, and a-0-1 may hold the data" in decision.wait


def test_with_nobody_else_an_empty_node_is_promoted_and_that_is_said() -> None:
    restarted = member(0, state(0, "waiting", 1, boot="other", has_data=False))
    decision = decide(shard(restarted))
    assert promoted(decision) == "a-0-0"
    assert decision.failover is not None
    assert "no copy of the data is left" in decision.failover.reason


def test_answers_from_before_the_loss_are_asked_for_again() -> None:
    dead = member(0, None, refused=True, failing_since=NOW - 0.1)
    decision = decide(shard(dead, member(1, state(1), heard_at=NOW - 0.5), member(2, state(2), heard_at=NOW)))
    assert [step.words for step in decision.steps] == ["asked a-0-1 how far it is"]


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
def test_nobody_is_promoted_while_the_recorded_primary_may_still_lead(view: ShardView) -> None:
    decision = decide(view)
    old = view.recorded
    if old is not None and promoted(decision) not in (None, old.pod.name):
        assert old.life is Life.GONE or (old.state is not None and view.primary is None)


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


@given(shards(lost=True))
def test_an_empty_node_never_wins_over_one_that_may_hold_data(view: ShardView) -> None:
    name = promoted(decide(view))
    winner = next((m for m in view.members if m.pod.name == name), None)
    if winner is not None and winner.state is not None and not winner.state.has_data:
        others = [m for m in view.members if m is not winner]
        assert not any(
            m.state is not None and m.state.has_data and not m.state.loading and not m.pod.terminating for m in others
        )
        assert not any(m.life is Life.SILENT and m.pod.running for m in others)


@given(shards(lost=True))
def test_the_winner_is_furthest(view: ShardView) -> None:
    name = promoted(decide(view))
    able = [m for m in view.members if m.state is not None and not m.state.loading and not m.pod.terminating]
    winner = next((m for m in able if m.pod.name == name), None)
    if winner is not None and winner.state is not None and winner.state.has_data:
        furthest = max((m.state.epoch, m.state.offset) for m in able if m.state is not None and m.state.has_data)
        assert (winner.state.epoch, winner.state.offset) == furthest
