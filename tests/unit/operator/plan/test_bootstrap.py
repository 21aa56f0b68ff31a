"""A new cluster that begins with a backup: each invariant of plan/bootstrap.py."""

from scrubjay_operator.observe.jobs import JobView
from scrubjay_operator.plan.bootstrap import Restore, decide, failure
from scrubjay_operator.plan.steps import Commit, Order
from shard_views import member, shard, state

READY = JobView("job", pod="pod-a", pod_ip="10.9.9.9", pod_ready=True, result={"phase": "Verifying", "percent": 50})
EMPTY = {"epoch": 0, "has_data": False}


def restore(job: JobView | None = READY, wait: str = "") -> Restore:
    return Restore("CacheBackup one", job, wait)


def taking(ordinal: int, **more: object) -> object:
    facts = {"primary_uid": "pod-a", "primary_host": "10.9.9.9", "keys": 7, "offset": 0} | more
    return state(ordinal, "replica", 1, **facts)


def test_nobody_is_told_anything_before_the_backup_is_verified() -> None:
    nodes = (member(0, state(0, "waiting", **EMPTY)), member(1, state(1, "waiting", **EMPTY)))
    view = shard(*nodes, primary=None)
    running = JobView("job", pod="pod-a", pod_ip="10.9.9.9", result={"phase": "Verifying", "percent": 12})
    for given, words in (
        (restore(None, "there is no CacheBackup one"), "there is no CacheBackup one"),
        (restore(running), "CacheBackup one: verifying, 12 %"),
        (restore(JobView("job", trouble="pod pod-a does not start: x")), "does not start"),
    ):
        decision = decide(view, given)
        assert not decision.steps and words in decision.wait and decision.come_back


def test_a_failed_restore_promotes_nobody_and_says_why() -> None:
    message = "backup one was encrypted with another key than the one given"
    failed = JobView("job", failed="PodFailurePolicy: x", result={"phase": "Failed", "message": message})
    decision = decide(shard(member(0, state(0, "waiting", **EMPTY)), primary=None), restore(failed))
    assert not decision.steps and message in decision.wait and message in failure(restore(failed))


def test_one_node_follows_the_program_and_is_told_again_when_its_pod_is_another() -> None:
    nodes = (member(0, None), member(1, state(1, "waiting", **EMPTY)), member(2, state(2, "waiting", **EMPTY)))
    (order,) = decide(shard(*nodes, primary=None), restore()).steps
    assert isinstance(order, Order) and (order.op, order.pod.name) == ("follow", "a-0-1")
    assert order.fields["primary"] == {"uid": "pod-a", "host": "10.9.9.9", "port": 6379}
    moved = JobView("job", pod="pod-b", pod_ip="10.9.9.10", pod_ready=True)
    pair = (member(0, state(0, "waiting", **EMPTY)), member(1, taking(1)))  # type: ignore[arg-type]
    (order,) = decide(shard(*pair, primary=None), restore(moved)).steps
    assert isinstance(order, Order) and (order.pod.name, order.fields["epoch"]) == ("a-0-1", 1)


def test_it_is_promoted_when_it_has_everything_and_not_before() -> None:
    for half in (taking(0, link="syncing"), taking(0, has_data=False), taking(0, loading=True)):
        assert not decide(shard(member(0, half), primary=None), restore()).steps  # type: ignore[arg-type]
    decision = decide(shard(member(0, taking(0)), primary=None), restore())  # type: ignore[arg-type]
    commit, order, *_ = decision.steps
    assert isinstance(commit, Commit) and (commit.record.primary, commit.record.epoch) == ("a-0-0", 2)
    assert isinstance(order, Order) and (order.op, order.fields["epoch"]) == ("promote", 2)
    assert order.notice is not None and "7 keys" in order.notice.text
