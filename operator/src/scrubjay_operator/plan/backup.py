"""What to do about one CacheBackup: its Job, its status, its data when it is deleted. Pure.

Invariants:
1. A backup is Completed only by the word of the program, which says so after the manifest is stored and read back; a Job that ended well without that word has failed.
2. Once Completed or Failed it stays so: its Job may be gone, the cluster too.
3. Its data is deleted only when the object is being deleted and its policy says Delete; the object stays until that is done, or cannot be done.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from scrubjay_operator.api.backuptemplate import BackupDeletion
from scrubjay_operator.api.cachebackup import FINALIZER, BackupPhase, CacheBackup, CacheBackupStatus, seconds
from scrubjay_operator.api.conditions import merge
from scrubjay_operator.api.status import Condition
from scrubjay_operator.observe.jobs import JobView
from scrubjay_operator.plan.steps import Notice

LOOK_S = 2.0
COMPLETE = "Complete"


@dataclass(frozen=True, slots=True)
class BackupView:
    """One CacheBackup at one moment. `wait` says why its cluster cannot be read now, `never` why no backup can be taken at all."""

    backup: CacheBackup
    now: datetime
    wait: str = ""
    never: str = ""
    job: JobView | None = None
    removal: JobView | None = None


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """What to write: Jobs to make, finalizers to have (None: as they are), the status, what to tell, and when to look again."""

    status: CacheBackupStatus
    make: Literal["take", "remove"] | None = None
    finalizers: tuple[str, ...] | None = None
    notice: Notice | None = None
    come_back: float | None = None


def decide(view: BackupView) -> BackupPlan:
    """The next step of this backup."""
    if view.backup.deleting:
        return _deleting(view)
    wanted = _finalizers(view.backup)
    if wanted != view.backup.finalizers:
        return BackupPlan(view.backup.status, finalizers=wanted, come_back=0.0)
    status = view.backup.status
    if status.phase is not None and status.phase.ended:
        return BackupPlan(status)
    if view.job is None:
        return _begin(view)
    return _running(view, view.job)


def _finalizers(backup: CacheBackup) -> tuple[str, ...]:
    others = tuple(name for name in backup.finalizers if name != FINALIZER)
    return (*others, FINALIZER) if backup.spec.deletion_policy is BackupDeletion.DELETE else others


def _begin(view: BackupView) -> BackupPlan:
    if view.backup.status.phase is BackupPhase.RUNNING:
        return _failed(view, "JobGone", "its Job was deleted before the backup was whole")
    if view.never:
        return _failed(view, "NotPossible", view.never)
    if view.wait:
        status = _status(view, BackupPhase.PENDING, view.wait)
        return BackupPlan(_with(status, view, None, "Waiting", view.wait), come_back=10.0)
    text = f"a backup of {view.backup.spec.cluster.name} begins"
    status = _status(view, BackupPhase.RUNNING, text)
    status = status.model_copy(update={"location": view.backup.location, "started_at": view.now, "percent": 0})
    notice = Notice("BackupStarted", f"{text}, into {view.backup.location}")
    return BackupPlan(_with(status, view, False, "Running", text), make="take", notice=notice, come_back=LOOK_S)


def _running(view: BackupView, job: JobView) -> BackupPlan:
    result = job.result
    if result.get("phase") == "Completed" and job.succeeded:
        return _completed(view, job)
    if job.failed or job.succeeded:
        reason = str(result.get("reason") or "JobFailed")
        said = result.get("message") or job.failed or "its Job ended without a word of the backup program"
        return _failed(view, reason, str(said))
    step = str(result.get("phase") or "Starting")
    text = job.trouble or f"{step.lower()}, {result.get('percent', 0)} %"
    if step == "Failed":
        text = f"an attempt failed, and is repeated: {result.get('message')}"
    status = _status(view, BackupPhase.RUNNING, text).model_copy(
        update={
            "step": step,
            "percent": result.get("percent", view.backup.status.percent),
            "bytes": result.get("bytes"),
        }
    )
    reason = "PodDoesNotStart" if job.trouble else "Running"
    return BackupPlan(_with(status, view, False, reason, text), come_back=LOOK_S)


def _completed(view: BackupView, job: JobView) -> BackupPlan:
    result: dict[str, Any] = dict(job.result)
    ended = job.ended or view.now
    primary = result.get("fromPrimary") or []
    text = f"{result.get('keys')} keys in {result.get('bytes')} bytes, read back and verified"
    if primary:
        text += f"; read from the primary of {', '.join(primary)}, since no replica was in sync"
    status = _status(view, BackupPhase.COMPLETED, text).model_copy(
        update={
            "step": None,
            "percent": 100,
            "location": view.backup.location,
            "bytes": result.get("bytes"),
            "rdb_bytes": result.get("rdbBytes"),
            "keys": result.get("keys"),
            "from_primary": primary,
            "finished_at": ended,
            "duration_seconds": seconds(view.backup.status.started_at or job.started, ended),
            "engine_version": result.get("engineVersion") or None,
        }
    )
    return BackupPlan(_with(status, view, True, "Completed", text), notice=Notice("BackupCompleted", text))


def _failed(view: BackupView, reason: str, text: str) -> BackupPlan:
    status = _status(view, BackupPhase.FAILED, text)
    ended = view.now
    status = status.model_copy(
        update={"step": None, "finished_at": ended, "duration_seconds": seconds(status.started_at, ended)}
    )
    return BackupPlan(_with(status, view, False, reason, text), notice=Notice("BackupFailed", text, warning=True))


def _deleting(view: BackupView) -> BackupPlan:
    backup = view.backup
    if FINALIZER not in backup.finalizers:
        return BackupPlan(backup.status)
    released = tuple(name for name in backup.finalizers if name != FINALIZER)
    begun = backup.status.location is not None
    if not begun or backup.spec.deletion_policy is not BackupDeletion.DELETE:
        return BackupPlan(backup.status, finalizers=released)
    if view.removal is None:
        text = f"deleting its data in {backup.location}"
        return BackupPlan(_status(view, BackupPhase.DELETING, text), make="remove", come_back=LOOK_S)
    if view.removal.succeeded:
        return BackupPlan(backup.status, finalizers=released)
    text = view.removal.trouble or f"deleting its data in {backup.location}"
    if view.removal.failed:
        said = view.removal.result.get("message") or view.removal.failed
        text = (
            f"its data in {backup.location} cannot be deleted: {said}. Set deletionPolicy to Retain to leave it there"
        )
    return BackupPlan(_status(view, BackupPhase.DELETING, text), come_back=LOOK_S if not view.removal.failed else 30.0)


def _status(view: BackupView, phase: BackupPhase, text: str) -> CacheBackupStatus:
    meta = view.backup.metadata
    return view.backup.status.model_copy(
        update={"phase": phase, "message": text[:4000], "observed_generation": meta.generation}
    )


def _with(status: CacheBackupStatus, view: BackupView, good: bool | None, reason: str, text: str) -> CacheBackupStatus:
    judged = Condition.model_validate(
        {
            "type": COMPLETE,
            "status": {True: "True", False: "False", None: "Unknown"}[good],
            "reason": reason,
            "message": text[:4000],
            "lastTransitionTime": view.now.replace(microsecond=0),
            "observedGeneration": view.backup.metadata.generation,
        }
    )
    return status.model_copy(update={"conditions": merge(view.backup.status.conditions, [judged])})
