"""Scheduled backups: makes the CacheBackup that is due, and deletes those that are not kept. plan.schedule decides.

One list call each time for all clusters with a schedule. When a schedule came into force is known from the newest backup it made; without one it is the cluster's creation if its
spec was never changed, else when this process first saw the schedule.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scrubjay_operator.act.kube import ApiError
from scrubjay_operator.api import cachebackup, names
from scrubjay_operator.api.backuptemplate import BackupSchedule
from scrubjay_operator.api.cachebackup import BackupPhase
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.observe.kinds import CACHE_BACKUP
from scrubjay_operator.plan import schedule
from scrubjay_operator.plan.schedule import Past
from scrubjay_operator.plan.status import Trouble
from scrubjay_operator.plan.steps import Notice

if TYPE_CHECKING:
    from scrubjay_operator.act.reconcile import Tools

log = logging.getLogger(__name__)

EVERY_S = 15.0
LABEL_SCHEDULE = f"{names.GROUP}/schedule"  # on a CacheBackup: the CacheCluster whose schedule made it
TEMPLATE = ("schedule", "timeZone", "retention")


def troubles(cluster: CacheCluster) -> list[Trouble]:
    """What is wrong with the schedule of a cluster."""
    wanted = cluster.spec.backup
    wrong = schedule.check(wanted.schedule, wanted.time_zone) if wanted is not None else ""
    return [Trouble("InvalidSchedule", f"spec.backup: {wrong}", stalls=True)] if wrong else []


class Schedules:
    """The schedules of all clusters."""

    def __init__(self, tools: "Tools", namespace: str | None) -> None:
        self._tools, self._namespace = tools, namespace
        self._seen: dict[tuple[str, str, str], datetime] = {}
        self._begun: dict[str, datetime] = {}  # by uid: a backup that somebody deleted is not made again

    async def run(self) -> None:
        """Look at all schedules now and then, for ever."""
        while True:
            try:
                await self.look()
            except ApiError as error:
                log.warning("scheduled backups cannot be looked at: %s", error)
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Every schedule once. Raises ApiError."""
        cache = self._tools.inbox.cache
        views = [view for key in cache.clusters() if (view := cache.cluster(key)) is not None]
        wanted = [
            (view.cluster, view.cluster.spec.backup)
            for view in views
            if view.cluster is not None and view.cluster.spec.backup is not None and not troubles(view.cluster)
            if view.metadata.deletion_timestamp is None
        ]
        if not wanted or not self._tools.active():
            return
        listing = await self._tools.kube.list_all(CACHE_BACKUP, namespace=self._namespace, labels=LABEL_SCHEDULE)
        for cluster, backup in wanted:
            try:
                await self._one(cluster, backup, listing.items)
            except ApiError as error:
                log.warning("the scheduled backup of %s is not made: %s", cluster.key, error)

    async def _one(self, cluster: CacheCluster, wanted: BackupSchedule, bodies: Iterable[Mapping[str, Any]]) -> None:
        now = self._tools.wall()
        decision = schedule.decide(
            wanted.schedule,
            wanted.time_zone,
            since=self._since(cluster, wanted, now),
            now=now,
            past=list(_past(cluster, bodies)),
            count=wanted.retention.count,
            max_age=wanted.retention.longest,
        )
        for name in decision.remove:
            await self._tools.kube.delete(CACHE_BACKUP, cluster.namespace, name)
            text = f"CacheBackup {name} is not kept any longer, as spec.backup.retention says"
            await self._tools.events.tell(cluster.metadata, Notice("BackupRemoved", text), now)
        if decision.begin is not None:
            await self._begin(cluster, wanted, decision.begin, now)

    async def _begin(self, cluster: CacheCluster, wanted: BackupSchedule, due: datetime, now: datetime) -> None:
        name = schedule.name_of(cluster.name, due)
        template = {key: value for key, value in wanted.to_json().items() if key not in TEMPLATE}
        labels = {
            names.LABEL_NAME: names.APP_NAME,
            names.LABEL_MANAGED_BY: names.OPERATOR,
            LABEL_SCHEDULE: cluster.name,
        }
        body = {
            "apiVersion": names.API_VERSION,
            "kind": cachebackup.KIND,
            "metadata": {"name": name, "namespace": cluster.namespace, "labels": labels},
            "spec": template | {"cluster": {"name": cluster.name}},
        }
        try:
            await self._tools.kube.create(CACHE_BACKUP, body)
        except ApiError as error:
            if not error.conflict:
                raise
        self._begun[cluster.metadata.uid] = due
        text = f"CacheBackup {name} begins, as spec.backup.schedule says"
        await self._tools.events.tell(cluster.metadata, Notice("BackupScheduled", text), now)

    def _since(self, cluster: CacheCluster, wanted: BackupSchedule, now: datetime) -> datetime:
        meta = cluster.metadata
        if meta.uid in self._begun:
            return self._begun[meta.uid]
        if meta.generation == 1 and meta.creation_timestamp is not None:
            return meta.creation_timestamp
        return self._seen.setdefault((meta.uid, wanted.schedule, wanted.time_zone), now)


def _past(cluster: CacheCluster, bodies: Iterable[Mapping[str, Any]]) -> Iterable[Past]:
    for body in bodies:
        metadata = body["metadata"]
        ours = metadata["namespace"] == cluster.namespace and metadata["labels"].get(LABEL_SCHEDULE) == cluster.name
        due = schedule.due_of(metadata["name"], cluster.name) if ours else None
        if due is not None and "deletionTimestamp" not in metadata:
            phase = (body.get("status") or {}).get("phase")
            yield Past(metadata["name"], due, BackupPhase(phase) if phase else None)
