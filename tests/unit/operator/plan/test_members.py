"""Who may be promoted: one step at a time, in the order that keeps ack set, members and confirm set within one another."""

from typing import Any

from scrubjay_operator.plan.members import maintain
from scrubjay_operator.plan.shards import Rules, ShardView
from scrubjay_operator.plan.steps import Commit, Order
from shard_views import NOW, member, shard, state

ONE = Rules(acknowledgements=1)


def led(
    *, confirm: tuple[str, ...] = (), ack: tuple[str, ...] = (), members: tuple[str, ...] = (), **more: Any
) -> ShardView:
    """a-0-0 leads, a-0-1 follows in sync; the primary's answer names the newest version."""
    rules = more.pop("rules", Rules())
    facts: dict[str, Any] = {"version": (1, 0), "acknowledgements": rules.acknowledgements}
    primary = state(0, "primary", confirm=confirm, ack=ack, **(facts | more))
    return shard(member(0, primary), member(1, state(1)), members=list(members), rules=rules)


def gone(view: ShardView) -> ShardView:
    """The same, and the replica has been silent for ten seconds."""
    from dataclasses import replace

    silent = member(1, None, heard_at=NOW - 10)
    return replace(view, members=(view.members[0], silent))


def only(view: ShardView) -> Order | Commit:
    (step,) = maintain(view)
    assert isinstance(step, Order | Commit)
    return step


def sets(step: Order | Commit) -> tuple[list[str], list[str]]:
    assert isinstance(step, Order) and step.op == "sets"
    return [peer["uid"] for peer in step.fields["confirm"]], list(step.fields["ack"])


def recorded(step: Order | Commit) -> list[str]:
    assert isinstance(step, Commit)
    return step.record.members


def test_it_grows_by_confirm_set_record_and_ack_set() -> None:
    assert sets(only(led(rules=ONE))) == (["uid-1"], [])
    assert recorded(only(led(rules=ONE, confirm=("uid-1",)))) == ["uid-1"]
    assert sets(only(led(rules=ONE, confirm=("uid-1",), members=("uid-1",)))) == (["uid-1"], ["uid-1"])
    assert maintain(led(rules=ONE, confirm=("uid-1",), members=("uid-1",), ack=("uid-1",))) == []


def test_it_shrinks_by_ack_set_record_and_confirm_set() -> None:
    whole = led(rules=ONE, confirm=("uid-1",), members=("uid-1",), ack=("uid-1",))
    assert sets(only(gone(whole))) == (["uid-1"], [])
    assert recorded(only(gone(led(rules=ONE, confirm=("uid-1",), members=("uid-1",))))) == []
    assert sets(only(gone(led(rules=ONE, confirm=("uid-1",))))) == ([], [])


def test_without_acknowledgements_there_is_no_ack_set() -> None:
    assert maintain(led(confirm=("uid-1",), members=("uid-1",))) == []


def test_an_answer_that_names_an_older_version_is_voided_first() -> None:
    step = only(led(version=(0, 7)))
    assert isinstance(step, Order)
    assert (step.op, step.fields["version"]) == ("sets", [1, 1])
    assert "confirm" not in step.fields


def test_one_that_is_joining_is_not_asked_for_again() -> None:
    assert maintain(led(rules=ONE, joining=("uid-1",))) == []


def test_nothing_is_changed_during_a_promotion() -> None:
    view = led()
    assert maintain(shard(*view.members, pending=2)) == []
