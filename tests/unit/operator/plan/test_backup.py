"""What is done about a CacheBackup: each invariant of plan/backup.py."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scrubjay_operator.api.cachebackup import FINALIZER, BackupPhase, CacheBackup
from scrubjay_operator.observe.jobs import JobView, last_result
from scrubjay_operator.plan.backup import BackupPlan, BackupView, decide

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
GOOD = {"phase": "Completed", "percent": 100, "bytes": 10, "keys": 3, "rdbBytes": 20, "fromPrimary": ["shard-0"]}


def backup(
    policy: str = "Retain", *, deleting: bool = False, finalizers: tuple[str, ...] = (), **status: Any
) -> CacheBackup:
    metadata: dict[str, Any] = {"name": "one", "namespace": "ns", "uid": "0123456789", "finalizers": list(finalizers)}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    spec = {"cluster": {"name": "c"}, "destination": {"s3": {"bucket": "bucket"}}, "deletionPolicy": policy}
    return CacheBackup.read({"metadata": metadata, "spec": spec, "status": status})


def plan(found: CacheBackup, **more: Any) -> BackupPlan:
    return decide(BackupView(found, NOW, **more))


def condition(found: BackupPlan) -> tuple[str, str]:
    (judged,) = found.status.conditions
    return judged.status, judged.reason


def test_a_new_backup_gets_a_job_and_a_place_of_its_own() -> None:
    found = plan(backup())
    assert (found.make, found.status.phase) == ("take", BackupPhase.RUNNING)
    assert found.status.location == "s3://bucket/ns/c/one-01234567"


def test_without_a_cluster_it_waits_and_says_so() -> None:
    found = plan(backup(), wait="there is no CacheCluster c in namespace ns")
    assert found.make is None and found.status.phase is BackupPhase.PENDING and found.come_back
    assert "no CacheCluster c" in (found.status.message or "")


def test_progress_is_shown() -> None:
    job = JobView("uid", result={"phase": "Uploading", "percent": 40, "bytes": 4})
    found = plan(backup(phase="Running"), job=job).status
    assert (found.phase, found.percent, found.bytes, found.step) == (BackupPhase.RUNNING, 40, 4, "Uploading")


def test_it_is_complete_only_by_the_word_of_the_program() -> None:
    found = plan(backup(phase="Running"), job=JobView("uid", succeeded=True, result=GOOD))
    assert found.status.phase is BackupPhase.COMPLETED and condition(found) == ("True", "Completed")
    assert found.status.from_primary == ["shard-0"] and "primary of shard-0" in (found.status.message or "")
    for job in (JobView("uid", succeeded=True), JobView("uid", succeeded=True, result={"phase": "Verifying"})):
        found = plan(backup(phase="Running"), job=job)
        assert found.status.phase is BackupPhase.FAILED and condition(found)[0] == "False"
    assert plan(backup(phase="Running"), job=JobView("uid", result=GOOD)).status.phase is BackupPhase.RUNNING


def test_a_failure_is_told_with_its_reason() -> None:
    result = {"phase": "Failed", "reason": "WrongCredentials", "message": "s3://bucket refuses these credentials"}
    found = plan(backup(phase="Running"), job=JobView("uid", failed="PodFailurePolicy: x", result=result))
    assert condition(found) == ("False", "WrongCredentials") and found.notice is not None and found.notice.warning
    killed = plan(backup(phase="Running"), job=JobView("uid", failed="BackoffLimitExceeded: too often"))
    assert condition(killed) == ("False", "JobFailed")
    gone = plan(backup(phase="Running"))
    assert condition(gone) == ("False", "JobGone") and gone.make is None


@pytest.mark.parametrize("phase", ["Completed", "Failed"])
def test_what_has_ended_stays_so(phase: str) -> None:
    found = backup(phase=phase)
    assert plan(found) == BackupPlan(found.status)
    assert plan(found, wait="no cluster") == BackupPlan(found.status)


def test_data_goes_only_when_the_policy_says_so() -> None:
    assert plan(backup("Delete")).finalizers == (FINALIZER,)
    assert plan(backup("Retain", finalizers=("x", FINALIZER))).finalizers == ("x",)
    held = backup("Delete", deleting=True, finalizers=(FINALIZER,), location="s3://bucket/x")
    assert plan(held).make == "remove"
    assert plan(held, removal=JobView("uid")).finalizers is None
    assert plan(held, removal=JobView("uid", succeeded=True)).finalizers == ()
    failed = plan(held, removal=JobView("uid", failed="x", result={"message": "no credentials"}))
    assert failed.finalizers is None and "no credentials" in (failed.status.message or "")
    kept = backup("Retain", deleting=True, finalizers=(FINALIZER,), location="s3://bucket/x")
    assert (plan(kept).make, plan(kept).finalizers) == (None, ())
    unborn = backup("Delete", deleting=True, finalizers=(FINALIZER,))
    assert (plan(unborn).make, plan(unborn).finalizers) == (None, ())


def test_the_last_result_is_found_among_other_lines() -> None:
    assert last_result('{"phase": "A"}\nWARNING x\n{"phase": "B"}\n"no"\n{"other": 1}\n') == {"phase": "B"}
    assert last_result("") == {}
