"""Which pod is replaced next."""

from scrubjay_operator.plan.rollout import cure, next_change
from scrubjay_operator.plan.steps import Commit
from shard_views import member, shard, state


def test_nothing_is_done_when_all_are_up_to_date() -> None:
    assert next_change(shard(member(0, state(0, "primary")), member(1, state(1))), "new") is None


def test_nothing_is_known_while_the_template_is_not_seen_yet() -> None:
    assert next_change(shard(member(0, state(0, "primary"), revision="old")), "") is None


def test_replicas_go_first_the_highest_ordinal_before_the_others() -> None:
    members = (
        member(0, state(0, "primary"), revision="old"),
        member(1, state(1), revision="old"),
        member(2, state(2), revision="old"),
    )
    change = next_change(shard(*members), "new")
    assert change is not None and change.delete is not None
    assert change.delete.name == "a-0-2"


def test_one_at_a_time() -> None:
    members = (
        member(0, state(0, "primary"), revision="old"),
        member(1, state(1), revision="old"),
        member(2, state(2, link="syncing")),
    )
    change = next_change(shard(*members), "new")
    assert change is not None
    assert change.delete is None
    assert "a-0-2 is not in sync" in change.message


def test_a_pod_that_serves_nothing_and_is_outdated_goes_at_once() -> None:
    stuck = member(2, None, revision="old", ready=False, running=False, waiting=("ImagePullBackOff", ""))
    change = next_change(
        shard(member(0, state(0, "primary"), revision="old"), member(1, state(1), revision="old"), stuck), "new"
    )
    assert change is not None and change.delete is not None
    assert change.delete.name == "a-0-2"


def test_a_new_pod_that_does_not_come_up_stops_the_rest() -> None:
    broken = member(2, None, ready=False, running=False, waiting=("ImagePullBackOff", "back-off"), image="x")
    change = next_change(
        shard(member(0, state(0, "primary"), revision="old"), member(1, state(1), revision="old"), broken), "new"
    )
    assert change is not None
    assert change.delete is None
    assert "pod a-0-2 cannot pull its image x: back-off" in change.message


def test_the_primary_hands_over_to_one_that_is_up_to_date() -> None:
    change = next_change(shard(member(0, state(0, "primary"), revision="old"), member(1, state(1))), "new")
    assert change is not None and change.decision is not None
    assert change.delete is None
    (commit,) = change.decision.steps
    assert isinstance(commit, Commit)
    assert commit.record.successor == "uid-1"


def test_a_lone_primary_is_replaced_plainly() -> None:
    change = next_change(shard(member(0, state(0, "primary"), revision="old")), "new")
    assert change is not None and change.delete is not None
    assert "without a replica: its data goes" in change.message


def test_without_a_primary_only_outdated_pods_that_do_not_run_are_replaced() -> None:
    stuck = member(0, None, revision="old", ready=False, running=False, waiting=("ImagePullBackOff", ""))
    loading = member(1, None, revision="old", ready=False)
    new = member(2, None, ready=False, running=False)
    assert [delete.name for delete in cure(shard(stuck, loading, new, primary=None), "new")] == ["a-0-0"]
