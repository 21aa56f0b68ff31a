"""Conditions as Kubernetes wants them kept: one of each type, in a stable order, each with the time it last changed."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from scrubjay_operator.api.status import Condition, ConditionType

_ORDER = {str(condition_type): index for index, condition_type in enumerate(ConditionType)}


def condition(
    condition_type: ConditionType,
    status: bool | None,
    reason: str,
    message: str,
    *,
    now: datetime,
    generation: int | None = None,
) -> Condition:
    """A condition as judged now; status None is Unknown."""
    word = {True: "True", False: "False", None: "Unknown"}[status]
    return Condition.model_validate(
        {
            "type": str(condition_type),
            "status": word,
            "reason": reason,
            "message": message,
            "lastTransitionTime": now.replace(microsecond=0),
            "observedGeneration": generation,
        }
    )


def merge(before: Sequence[Condition], judged: Iterable[Condition]) -> list[Condition]:
    """What was judged now, with the old transition time where the status is the same; other types as they were."""
    known = {old.type: old for old in before}
    merged = dict(known)
    for new in judged:
        old = known.get(new.type)
        if old is not None and old.status == new.status:
            new = new.model_copy(update={"last_transition_time": old.last_transition_time})
        merged[new.type] = new
    return sorted(merged.values(), key=lambda item: (_ORDER.get(item.type, len(_ORDER)), item.type))


def find(conditions: Iterable[Condition], condition_type: ConditionType) -> Condition | None:
    """The condition of this type, if it has been reported."""
    return next((item for item in conditions if item.type == str(condition_type)), None)
