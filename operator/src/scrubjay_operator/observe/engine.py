"""What one engine says of itself: the state in its admin answers, and how well it can be reached.

The fields are those of docs/architecture/admin-protocol.md. `act.engines` fills these in, `plan` decides from them; nothing here talks to a network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["waiting", "primary", "replica"]
GRACE_S = 1.0
ROLES: tuple[Role, ...] = ("waiting", "primary", "replica")


class MalformedAnswer(ValueError):
    """An engine's answer lacks a field or has one of the wrong type. The message names it."""


@dataclass(frozen=True, slots=True)
class ReplicaLink:
    """A replica as its primary sees it."""

    uid: str
    offset: int
    lag_bytes: int
    state: str


@dataclass(frozen=True, slots=True)
class EngineState:
    """One answer of one engine. Offsets and memory in bytes; `clock` in ms of the node's own monotonic clock."""

    uid: str
    boot: str
    role: Role
    clock: int = 0
    epoch: int = 0
    promise: int = 0
    version: tuple[int, int] = (0, 0)
    primary_uid: str | None = None
    primary_host: str | None = None
    link: str | None = None
    link_down_ms: int | None = None
    replication_id: str | None = None
    offset: int = 0
    data_epoch: int = 0
    has_data: bool = False
    whole: bool = False
    loading: bool = False
    loading_percent: float | None = None
    keys: int = 0
    used_memory: int = 0
    maxmemory: int = 0
    clients: int = 0
    replicas: tuple[ReplicaLink, ...] = ()
    lease_ms: int | None = None
    confirm: tuple[str, ...] = ()
    ack: tuple[str, ...] = ()
    joining: tuple[str, ...] = ()
    acknowledgements: int = 0
    handover: tuple[int, str] | None = None
    engine_version: str = ""
    restart_needed: tuple[str, ...] = ()

    @property
    def in_sync(self) -> bool:
        """A replica that has its primary's stream and follows it."""
        return self.role == "replica" and self.link == "up" and not self.loading

    def matters(self) -> tuple[object, ...]:
        """The part whose change is worth a reconcile; counters that move all the time are left out."""
        links = tuple(sorted((link.uid, link.state) for link in self.replicas))
        who = (self.uid, self.boot, self.role, self.epoch, self.promise, self.primary_uid, self.primary_host)
        how = (self.link, self.has_data, self.loading, self.restart_needed, self.engine_version, self.confirm, self.ack)
        held = (self.version, self.joining, self.acknowledgements, self.handover, self.whole)
        return (*who, *how, *held, links)


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What the operator knows of one engine: its last answer, and since when it has been silent.

    Times are seconds of the operator's monotonic clock. `refused` means that the last attempt met a closed port on a machine that answers,
    which is a proof that no process listens, `broken` that its connection ended; any other failure only means silence. `boot_since` is when this run of the process was first heard of,
    `promised_at` when it was first heard that it has promised the epoch it has promised, `alive_at` when it last gave a sign of life beside its loop.
    """

    state: EngineState | None = None
    heard_at: float | None = None
    boot_since: float = 0.0
    promised_at: float = 0.0
    alive_at: float = 0.0
    failing_since: float | None = None
    failure: str = ""
    refused: bool = False
    broken: bool = False
    configured: str = ""

    @property
    def unheard(self) -> bool:
        """Nothing is known yet, neither an answer nor a failure: it was only just asked for the first time."""
        return self.state is None and self.failing_since is None

    def answers(self, now: float) -> bool:
        """It answers, or has only been silent for less than GRACE_S. A broken or refused connection is no such hiccup."""
        if self.state is None:
            return False
        return self.failing_since is None or (not self.broken and now - self.failing_since < GRACE_S)

    def silent_for(self, now: float) -> float:
        """Seconds since the first of the failures that followed its last answer; 0 while it answers."""
        return 0.0 if self.failing_since is None else max(0.0, now - self.failing_since)


def parse_state(answer: Mapping[str, Any]) -> EngineState:
    """The state in one admin answer. Raises MalformedAnswer when it is not one."""
    try:
        node = answer["node"]
        role = answer["role"]
        if role not in ROLES:
            raise MalformedAnswer(f"role {role!r} is none of {', '.join(ROLES)}")
        primary = answer.get("primary") or {}
        version = answer.get("version") or (0, 0)
        lease = answer.get("lease") or {}
        handover = answer.get("handover")
        return EngineState(
            uid=str(node["uid"]),
            boot=str(node["boot"]),
            role=role,
            clock=int(answer.get("clock") or 0),
            epoch=int(answer.get("epoch") or 0),
            promise=int(answer.get("promise") or 0),
            version=(int(version[0]), int(version[1])),
            primary_uid=primary.get("uid"),
            primary_host=primary.get("host"),
            link=answer.get("link"),
            link_down_ms=answer.get("linkDownMs"),
            replication_id=answer.get("replicationId"),
            offset=int(answer.get("offset") or 0),
            data_epoch=int(answer.get("dataEpoch") or 0),
            whole=bool(answer.get("whole")),
            has_data=bool(answer.get("hasData")),
            loading=bool(answer.get("loading")),
            loading_percent=answer.get("loadingPercent"),
            keys=int(answer.get("keys") or 0),
            used_memory=int(answer.get("usedMemory") or 0),
            maxmemory=int(answer.get("maxmemory") or 0),
            clients=int(answer.get("clients") or 0),
            replicas=tuple(_replica(link) for link in answer.get("replicas") or ()),
            lease_ms=lease.get("remainingMs"),
            confirm=tuple(answer.get("confirm") or ()),
            ack=tuple(answer.get("ack") or ()),
            joining=tuple(answer.get("joining") or ()),
            acknowledgements=int(answer.get("acknowledgements") or 0),
            handover=(int(handover["epoch"]), str(handover["state"])) if handover else None,
            engine_version=str(answer.get("engineVersion") or ""),
            restart_needed=tuple(answer.get("restartNeeded") or ()),
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise MalformedAnswer(f"the admin answer is not complete: {error!r}") from error


def _replica(link: Mapping[str, Any]) -> ReplicaLink:
    return ReplicaLink(
        uid=str(link.get("uid") or ""),
        offset=int(link.get("offset") or 0),
        lag_bytes=int(link.get("lagBytes") or 0),
        state=str(link.get("state") or ""),
    )
