"""What a plan is made of: steps, each one act on the API server or on one engine, with the words that say what it does.

`plan` makes them, `act.perform` carries them out in order. A step that fails ends its lane (one shard): what follows in that lane relies on it.
The other lanes go on, and so do the children, which do not rely on one another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scrubjay_operator.api.status import Shard
from scrubjay_operator.observe.pods import PodView
from scrubjay_operator.observe.snapshot import Manifest

CHILDREN = "children"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person would want to be told: an Event on the CacheCluster, and a line of its history."""

    reason: str
    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One act. `words` say it in the past tense, `notice` is told when it has succeeded."""

    words: str
    lane: str = CHILDREN
    notice: Notice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply(Step):
    """Server-side apply of one manifest."""

    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Step):
    """Delete one object, exactly the one with this uid."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRole(Step):
    """Set the role label of a pod: Services select on it, so this is what moves clients."""

    pod: PodView
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit(Step):
    """Write the record of a shard into the status by compare-and-swap: nothing that relies on it happens before it is there."""

    record: Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Step):
    """One request on an engine's admin port. `digest` names the parameters of a `configure`, which are then known to be in force."""

    pod: PodView
    op: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
