"""Shards for tests of `plan`: a few words make the view of one."""

from datetime import UTC, datetime
from typing import Any

from scrubjay_operator.api.status import Shard
from scrubjay_operator.observe.engine import EngineReport, EngineState
from scrubjay_operator.observe.pods import PodView
from scrubjay_operator.plan.shards import Member, Rules, ShardView

NOW = 1000.0
WALL = datetime(2026, 1, 1, 12, tzinfo=UTC)


def state(ordinal: int, role: str = "replica", epoch: int = 1, **more: Any) -> EngineState:
    """What the engine of a-0-ORDINAL says; a replica follows a-0-0 unless told otherwise."""
    facts: dict[str, Any] = {"boot": "boot", "has_data": True, "whole": True, "primary_uid": None, "link": None}
    if role == "replica":
        facts |= {"primary_uid": "uid-0", "primary_host": "10.0.0.0", "link": "up"}
    return EngineState(uid=f"uid-{ordinal}", role=role, epoch=epoch, **(facts | more))  # type: ignore[arg-type]


def member(ordinal: int, says: EngineState | None = None, **pod: Any) -> Member:
    """A pod that runs, and what its engine says; None: it has been silent for ten seconds."""
    facts: dict[str, Any] = {
        "ip": f"10.0.0.{ordinal}",
        "running": True,
        "ready": True,
        "phase": "Running",
        "revision": "new",
    }
    about_report = ("refused", "heard_at", "failing_since", "promised_at", "alive_at")
    report_facts: dict[str, Any] = {name: pod.pop(name) for name in about_report if name in pod}
    view = PodView("ns", f"a-0-{ordinal}", f"uid-{ordinal}", "0", ordinal, **(facts | pod))
    if says is None:
        silence: dict[str, Any] = {"failing_since": NOW - 10, "failure": "no answer"}
        report = EngineReport(**(silence | report_facts))
    else:
        heard: dict[str, Any] = {"heard_at": NOW}
        report = EngineReport(state=says, **(heard | report_facts))
    return Member(view, report, age=3600.0, now=NOW)


def shard(
    *members: Member,
    primary: int | None = 0,
    epoch: int = 1,
    wanted: int | None = None,
    rules: Rules | None = None,
    **record: Any,
) -> ShardView:
    """A shard whose record names a-0-PRIMARY in the epoch; primary None: none was ever chosen. All the others are members, if nothing else is said."""
    facts: dict[str, Any] = {"name": "a-0", "epoch": 0 if primary is None else epoch}
    if primary is not None:
        facts |= {"primary": f"a-0-{primary}", "primary_uid": f"uid-{primary}", "primary_boot": "boot"}
        facts["members"] = [m.pod.uid for m in members if m.pod.ordinal != primary]
    return ShardView(
        number=0,
        record=Shard.model_validate(facts | record),
        members=members,
        wanted=len(members) if wanted is None else wanted,
        namespace="ns",
        now=NOW,
        wall=WALL,
        term=1,
        rules=rules or Rules(),
        issued=(1, 0),
    )
