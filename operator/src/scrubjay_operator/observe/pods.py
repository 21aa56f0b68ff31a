"""Pods and nodes as the plan needs them: a few facts read out of the manifests, so that thousands of them cost little memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scrubjay_operator.api.names import CONTAINER, LABEL_ROLE, LABEL_SHARD

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
ZONE_LABEL = "topology.kubernetes.io/zone"


@dataclass(frozen=True, slots=True)
class PodView:
    """One data pod. `waiting` and `terminated` are (reason, message) of the engine's container, or None."""

    namespace: str
    name: str
    uid: str
    shard: str
    ordinal: int
    created: datetime = LONG_AGO
    ip: str = ""
    node: str = ""
    role: str = ""
    revision: str = ""
    phase: str = "Pending"
    ready: bool = False
    terminating: bool = False
    running: bool = False
    restarts: int = 0
    image: str = ""
    waiting: tuple[str, str] | None = None
    terminated: tuple[str, str] | None = None
    unschedulable: str = ""

    @property
    def process_gone(self) -> bool:
        """The engine's process has surely ended: its container says so, or the pod as a whole has finished."""
        return self.phase in ("Failed", "Succeeded") or (
            not self.running and (self.terminated or self.waiting) is not None
        )

    def trouble(self) -> str:
        """One sentence on what keeps this pod from running, or nothing."""
        if self.unschedulable:
            return f"pod {self.name} cannot be scheduled: {self.unschedulable}"
        if self.waiting and self.waiting[0] in (
            "ErrImagePull",
            "ImagePullBackOff",
            "InvalidImageName",
            "ErrImageNeverPull",
        ):
            return f"pod {self.name} cannot pull its image {self.image}: {self.waiting[1] or self.waiting[0]}"
        if self.waiting and self.waiting[0] not in ("ContainerCreating", "PodInitializing"):
            ended = (
                f" (last end: {self.terminated[0]} {self.terminated[1]})".replace(" )", ")") if self.terminated else ""
            )
            return f"pod {self.name} does not start: {self.waiting[0]} {self.waiting[1]}".rstrip() + ended
        return ""


@dataclass(frozen=True, slots=True)
class NodeView:
    """One Kubernetes node: where it stands and whether its kubelet reports."""

    name: str
    zone: str
    ready: bool


def parse_pod(body: Mapping[str, Any]) -> PodView:
    """The facts of one pod manifest."""
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    labels = metadata.get("labels") or {}
    container: Mapping[str, Any] = next(
        (c for c in status.get("containerStatuses") or () if c.get("name") == CONTAINER), {}
    )
    state = container.get("state") or {}
    last = (container.get("lastState") or {}).get("terminated")
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled") or {}
    ordinal = metadata["name"].rpartition("-")[2]
    return PodView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        shard=labels.get(LABEL_SHARD, ""),
        ordinal=int(ordinal) if ordinal.isdigit() else 0,
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        ip=status.get("podIP") or "",
        node=spec.get("nodeName") or "",
        role=labels.get(LABEL_ROLE, ""),
        revision=labels.get("controller-revision-hash", ""),
        phase=status.get("phase") or "Pending",
        ready=(conditions.get("Ready") or {}).get("status") == "True",
        terminating="deletionTimestamp" in metadata,
        running="running" in state,
        restarts=int(container.get("restartCount") or 0),
        image=next((c.get("image", "") for c in spec.get("containers") or () if c.get("name") == CONTAINER), ""),
        waiting=_reason(state.get("waiting")),
        terminated=_ended(state.get("terminated") or last),
        unschedulable=(scheduled.get("message") or "") if scheduled.get("reason") == "Unschedulable" else "",
    )


def parse_node(body: Mapping[str, Any]) -> NodeView:
    """The facts of one node manifest."""
    conditions = {c["type"]: c for c in (body.get("status") or {}).get("conditions") or ()}
    labels = body["metadata"].get("labels") or {}
    ready = (conditions.get("Ready") or {}).get("status") == "True"
    return NodeView(name=body["metadata"]["name"], zone=labels.get(ZONE_LABEL, ""), ready=ready)


def _reason(state: Mapping[str, Any] | None) -> tuple[str, str] | None:
    return None if state is None else (state.get("reason") or "", state.get("message") or "")


def _ended(state: Mapping[str, Any] | None) -> tuple[str, str] | None:
    if state is None:
        return None
    message = (state.get("message") or "").strip() or f"exit code {state.get('exitCode')}"
    return (state.get("reason") or "Terminated", message)
