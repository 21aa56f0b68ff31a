"""The reconcile of CacheBackups: look at one with its Job, decide (plan.backup), make what is to be made, write what is new.

Its own queue and workers beside the clusters': a backup is looked at every two seconds while it runs, and not at all when it has ended. Objects are read afresh, since there
are few of them; the safety net is a list of all once a minute.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from scrubjay_operator.act import jobs, metrics
from scrubjay_operator.act.events import EventWriter
from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.act.queue import WorkQueue
from scrubjay_operator.act.reconcile import Tools
from scrubjay_operator.act.schedules import Schedules
from scrubjay_operator.api import cachebackup, names
from scrubjay_operator.api.cachebackup import BackupPhase, CacheBackup, InvalidCacheBackup
from scrubjay_operator.objects import backupjob
from scrubjay_operator.objects.backupjob import Source
from scrubjay_operator.observe.kinds import CACHE_BACKUP, JOB
from scrubjay_operator.observe.snapshot import ClusterView, Key
from scrubjay_operator.plan.backup import BackupPlan, BackupView, decide

log = logging.getLogger(__name__)

EVERY_S = 60.0
WORKERS = 2
RUN_LIMIT_S = 60.0


class Backups:
    """All CacheBackups. `event` is called by the watch; `run` works while this process leads."""

    def __init__(self, tools: Tools, namespace: str | None) -> None:
        self._tools, self._namespace = tools, namespace
        self._program = tools.program
        self._kube: KubeClient = tools.kube
        self._events: EventWriter = tools.events
        self._queue: WorkQueue[Key] = WorkQueue()

    def event(self, event: Mapping[str, Any]) -> None:
        """One watch event of a CacheBackup."""
        metadata = event["object"]["metadata"]
        self._queue.wake((metadata["namespace"], metadata["name"]))

    async def run(self) -> None:
        """List all now and then, and work, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_listing())
            group.create_task(Schedules(self._tools, self._namespace).run())
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _keep_listing(self) -> None:
        while True:
            try:
                listing = await self._kube.list_all(CACHE_BACKUP, namespace=self._namespace)
            except ApiError as error:
                level = logging.DEBUG if error.gone else logging.WARNING
                log.log(level, "CacheBackups cannot be listed: %s", error)
            else:
                for body in listing.items:
                    if not _at_rest(body):
                        self._queue.wake((body["metadata"]["namespace"], body["metadata"]["name"]))
            await asyncio.sleep(EVERY_S)

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            try:
                async with asyncio.timeout(RUN_LIMIT_S):
                    come_back = await self.reconcile(key)
            except asyncio.CancelledError:
                self._queue.done(key, None)
                raise
            except (ApiError, TimeoutError) as error:
                metrics.RETRIES.labels(*key).inc()
                delay = self._queue.failed(key)
                log.warning("CacheBackup %s: %s; next attempt in %.1f s", "/".join(key), error or "no answer", delay)
            except Exception:
                log.exception("CacheBackup %s: a fault in the operator itself", "/".join(key))
                self._queue.failed(key)
            else:
                self._queue.done(key, come_back)

    async def reconcile(self, key: Key) -> float | None:
        """One pass; after how many seconds to look again. Raises ApiError."""
        if not self._tools.active():
            return None
        try:
            body = await self._kube.get(CACHE_BACKUP, *key)
        except ApiError as error:
            if not error.gone:
                raise
            return None
        try:
            backup = CacheBackup.read(body)
        except InvalidCacheBackup as error:
            log.warning("CacheBackup %s cannot be used: %s", "/".join(key), error)
            return None
        source, wait = self._source(backup)
        view = BackupView(
            backup=backup,
            now=self._tools.wall(),
            wait=wait,
            never="" if self._program.image else "the operator does not know its own image (SCRUBJAY_OPERATOR_IMAGE)",
            job=await jobs.look(self._kube, key[0], backupjob.take_name(backup.name)),
            removal=await jobs.look(self._kube, key[0], backupjob.remove_name(backup.name))
            if backup.deleting
            else None,
        )
        return await self._carry_out(view, decide(view), source)

    async def _carry_out(self, view: BackupView, plan: BackupPlan, source: Source | None) -> float | None:
        backup = view.backup
        meta = backup.metadata
        if plan.finalizers is not None:
            patch = {"metadata": {"finalizers": list(plan.finalizers), "resourceVersion": meta.resource_version}}
            await self._kube.merge(CACHE_BACKUP, meta.namespace, meta.name, patch)
            return plan.come_back
        if plan.make is not None:
            await self._make(backup, plan.make, source)
        if plan.status.to_json() != backup.status.to_json():
            await self._kube.write_status(
                CACHE_BACKUP,
                meta.namespace,
                meta.name,
                version=meta.resource_version,
                status=plan.status.to_json(),
            )
        if plan.notice is not None:
            log.info("CacheBackup %s/%s: %s", meta.namespace, meta.name, plan.notice.text)
            await self._events.tell(meta, plan.notice, view.now, kind=cachebackup.KIND)
        return plan.come_back

    async def _make(self, backup: CacheBackup, what: str, source: Source | None) -> None:
        if what == "remove":
            manifest = backupjob.remove(backup, self._program)
        else:
            assert source is not None
            manifest = backupjob.take(backup, source, self._program)
        try:
            await self._kube.create(JOB, manifest)
        except ApiError as error:
            if backup.deleting and error.namespace_ending:
                await self._let_go(backup)
                return
            if not error.conflict:
                raise

    async def _let_go(self, backup: CacheBackup) -> None:
        """Its namespace is being deleted: no Job can run there any more, and nobody must wait for one."""
        log.warning("the data of CacheBackup %s/%s stays in %s: its namespace is being deleted", backup.namespace, backup.name, backup.location)  # fmt: skip
        others = [name for name in backup.finalizers if name != cachebackup.FINALIZER]
        await self._kube.merge(CACHE_BACKUP, backup.namespace, backup.name, {"metadata": {"finalizers": others}})

    def _source(self, backup: CacheBackup) -> tuple[Source | None, str]:
        """The nodes to read from, or why there are none now."""
        name = backup.spec.cluster.name
        view = self._tools.inbox.cache.cluster((backup.namespace, name))
        if view is None:
            return None, f"there is no CacheCluster {name} in namespace {backup.namespace}"
        if view.cluster is None:
            return None, f"CacheCluster {name} cannot be used: {view.error}"
        if any(shard.primary is None for shard in view.status.shards) or not view.status.shards:
            return None, f"CacheCluster {name} has no primary yet"
        return Source(name, _nodes(view), view.cluster.spec.to_json()), ""


def _nodes(view: ClusterView) -> dict[str, tuple[str, ...]]:
    """Shard -> host:port of its pods, those that are replicas first."""
    name, namespace = view.metadata.name, view.metadata.namespace
    return {
        f"shard-{number}": tuple(
            f"{names.pod_host(name, node.pod, namespace)}:{names.PORT_CLIENT}"
            for node in sorted(shard.nodes, key=lambda node: node.role == names.ROLE_PRIMARY)
        )
        for number, shard in enumerate(view.status.shards)
    }


def _at_rest(body: Mapping[str, Any]) -> bool:
    phase = (body.get("status") or {}).get("phase")
    ended = phase in (BackupPhase.COMPLETED, BackupPhase.FAILED)
    return ended and "deletionTimestamp" not in body["metadata"]
