"""Conditions: one of each type, a stable order, and times that move with the status only."""

from datetime import UTC, datetime, timedelta

from scrubjay_operator.api.conditions import condition, find, merge
from scrubjay_operator.api.status import ConditionType

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)


def test_written_as_kubernetes_wants_them() -> None:
    ready = condition(ConditionType.READY, None, "Unseen", "no pod has answered yet", now=NOON, generation=3)
    assert ready.to_json() == {
        "type": "Ready",
        "status": "Unknown",
        "reason": "Unseen",
        "message": "no pod has answered yet",
        "lastTransitionTime": "2026-01-01T12:00:00Z",
        "observedGeneration": 3,
    }


def test_time_stays_while_the_status_stays() -> None:
    before = [condition(ConditionType.READY, False, "Creating", "0 of 2 pods serve", now=NOON)]
    merged = merge(before, [condition(ConditionType.READY, False, "Creating", "1 of 2 pods serve", now=LATER)])
    assert merged[0].message == "1 of 2 pods serve"
    assert merged[0].last_transition_time == NOON


def test_time_moves_with_the_status() -> None:
    before = [condition(ConditionType.READY, False, "Creating", "wait", now=NOON)]
    merged = merge(before, [condition(ConditionType.READY, True, "AsWanted", "done", now=LATER)])
    assert merged[0].last_transition_time == LATER


def test_others_are_kept_and_the_order_is_stable() -> None:
    degraded = condition(ConditionType.DEGRADED, False, "Whole", "", now=NOON)
    foreign = degraded.model_copy(update={"type": "example.com/Audited"})
    merged = merge([foreign, degraded], [condition(ConditionType.READY, True, "AsWanted", "", now=NOON)])
    assert [item.type for item in merged] == ["Ready", "Degraded", "example.com/Audited"]
    assert find(merged, ConditionType.DEGRADED) == degraded
    assert find(merged, ConditionType.STALLED) is None


def test_judging_the_same_again_changes_nothing() -> None:
    judged = [condition(kind, True, "R", "m", now=NOON) for kind in ConditionType]
    again = [condition(kind, True, "R", "m", now=LATER) for kind in ConditionType]
    assert merge(merge([], judged), again) == merge([], judged)
