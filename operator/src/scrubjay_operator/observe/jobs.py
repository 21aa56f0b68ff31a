"""A Job of the backup program and its newest pod, as decisions need them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class JobView:
    """How a Job is. `result` is what the program said last, `trouble` what keeps its pod from running."""

    uid: str
    succeeded: bool = False
    failed: str = ""
    deleting: bool = False
    started: datetime | None = None
    ended: datetime | None = None
    pod: str = ""
    pod_ip: str = ""
    pod_ready: bool = False
    result: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""

    @property
    def over(self) -> bool:
        return self.succeeded or bool(self.failed)


def read_job(job: Mapping[str, Any], pods: Iterable[Mapping[str, Any]], log: str = "") -> JobView:
    """The facts of a Job, of the newest of its pods, and of the last line of that pod's log that is a result."""
    status = job.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    failure = conditions.get("Failed") or conditions.get("FailureTarget")
    newest = max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"], default=None)
    state = _container(newest)
    terminated = state.get("terminated") or {}
    ended = (conditions.get("Complete") or conditions.get("Failed") or {}).get("lastTransitionTime")
    return JobView(
        uid=job["metadata"]["uid"],
        succeeded="Complete" in conditions or "SuccessCriteriaMet" in conditions,
        failed="" if failure is None else f"{failure.get('reason', 'Failed')}: {failure.get('message', '')}",
        deleting="deletionTimestamp" in job["metadata"],
        started=_moment(status.get("startTime")),
        ended=_moment(ended),
        pod=newest["metadata"]["name"] if newest is not None else "",
        pod_ip=(newest.get("status") or {}).get("podIP", "") if newest is not None else "",
        pod_ready=_is_ready(newest),
        result=last_result(terminated.get("message") or log),
        trouble=_trouble(newest, state),
    )


def last_result(text: str) -> dict[str, Any]:
    """The last line that is a JSON object with a phase."""
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "phase" in found:
            return found
    return {}


def _container(pod: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if pod is None:
        return {}
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    found: Mapping[str, Any] = next((status.get("state") or {} for status in statuses), {})
    return found


def _is_ready(pod: Mapping[str, Any] | None) -> bool:
    conditions = ((pod or {}).get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _trouble(pod: Mapping[str, Any] | None, state: Mapping[str, Any]) -> str:
    """Why the pod does not run, in a sentence; nothing while it is only on its way."""
    if pod is None:
        return ""
    name = pod["metadata"]["name"]
    waiting = state.get("waiting") or {}
    if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
        return f"pod {name} does not start: {waiting.get('reason')}: {waiting.get('message', '')}"
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"pod {name} cannot be scheduled: {condition.get('message', '')}"
    return ""


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
