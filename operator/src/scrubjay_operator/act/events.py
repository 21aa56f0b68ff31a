"""Kubernetes Events on CacheClusters: what `kubectl describe` tells. One that repeats is counted, not written again.

An Event that cannot be written is logged and let go: it is news, not state.
"""

import hashlib
import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import Metadata
from scrubjay_operator.observe.kinds import EVENT
from scrubjay_operator.plan.steps import Notice

log = logging.getLogger(__name__)

REMEMBERED = 512
MESSAGE_LIMIT = 1024


@dataclass(slots=True)
class _Told:
    name: str
    count: int


class EventWriter:
    """Writes Events for one process; remembers the last few hundred to count repetitions."""

    def __init__(self, kube: KubeClient, reporter: str) -> None:
        self._kube = kube
        self._reporter = reporter
        self._told: OrderedDict[tuple[str, Notice], _Told] = OrderedDict()

    async def tell(self, about: Metadata, notice: Notice, now: datetime, kind: str = names.KIND) -> None:
        """Write one Event, or raise the count of the one that says the same."""
        key = (about.uid, notice)
        moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        told = self._told.get(key)
        try:
            if told is not None:
                told.count += 1
                patch = {"count": told.count, "lastTimestamp": moment}
                await self._kube.merge(EVENT, about.namespace, told.name, patch)
                return
            name = f"{about.name}.{hashlib.sha256(f'{key}{now.timestamp()}'.encode()).hexdigest()[:16]}"
            await self._kube.create(EVENT, self._event(about, kind, notice, name, moment))
            self._remember(key, name)
        except ApiError as error:
            self._told.pop(key, None)
            level = logging.DEBUG if error.namespace_ending else logging.WARNING
            log.log(level, "an Event about %s/%s was not written: %s", about.namespace, about.name, error)

    def _remember(self, key: tuple[str, Notice], name: str) -> None:
        self._told[key] = _Told(name, 1)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)

    def _event(self, about: Metadata, kind: str, notice: Notice, name: str, moment: str) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": about.namespace},
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": kind,
                "name": about.name,
                "namespace": about.namespace,
                "uid": about.uid,
            },
            "reason": notice.reason,
            "message": notice.text[:MESSAGE_LIMIT],
            "type": "Warning" if notice.warning else "Normal",
            "source": {"component": names.OPERATOR},
            "reportingComponent": names.OPERATOR,
            "reportingInstance": self._reporter,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
