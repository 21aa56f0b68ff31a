"""Who reconciles what and when: workers over the queue while this process leads, nothing at all while it does not."""

import asyncio
import logging
import time

from scrubjay_operator.act import metrics
from scrubjay_operator.act.backups import Backups
from scrubjay_operator.act.kube import ApiError
from scrubjay_operator.act.perform import NotLeading, Outdated
from scrubjay_operator.act.queue import WorkQueue
from scrubjay_operator.act.reconcile import Outcome, Reconciler, Tools
from scrubjay_operator.act.resync import keep_listing, until_listed
from scrubjay_operator.observe.snapshot import Key

log = logging.getLogger(__name__)

WORKERS = 8
RUN_LIMIT_S = 60.0
AGAIN_S = 0.1


class Loop:
    """The workers of one process: `start` when the Lease is won, `stop` when it is lost. `namespace` narrows to one, None means all."""

    def __init__(
        self, queue: WorkQueue[Key], tools: Tools, namespace: str | None, backups: Backups | None = None
    ) -> None:
        self._queue = queue
        self._backups = backups
        self._tools = tools
        self._namespace = namespace
        self._task: asyncio.Task[None] | None = None
        self._busy: dict[Key, float] = {}

    def start(self) -> None:
        """Begin to act."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._lead())
            self._task.add_done_callback(_report_end)

    def stop(self) -> None:
        """Stop acting at once. A step that was under way may or may not have reached its goal."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def stuck(self) -> str:
        """What is wrong with the workers, for /healthz; nothing while all is well."""
        if self._task is not None and self._task.done():
            return "the reconcile loop has ended"
        late = [key for key, since in self._busy.items() if time.monotonic() - since > 2 * RUN_LIMIT_S]
        return f"the reconcile of {'/'.join(late[0])} does not end" if late else ""

    async def _lead(self) -> None:
        """First look at everything once, then work."""
        await until_listed(self._tools.kube, self._tools.inbox, self._namespace)
        reconciler = Reconciler(self._tools)
        for key in self._tools.inbox.cache.clusters():
            self._queue.wake(key)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tools.engines.run())
            group.create_task(keep_listing(self._tools.kube, self._tools.inbox, self._namespace))
            if self._backups is not None:
                group.create_task(self._backups.run())
            for _ in range(WORKERS):
                group.create_task(self._work(reconciler))

    async def _work(self, reconciler: Reconciler) -> None:
        while True:
            key = await self._queue.take()
            metrics.QUEUE_DEPTH.set(len(self._queue))
            metrics.CLUSTERS.set(len(self._tools.inbox.cache.clusters()))
            self._busy[key] = time.monotonic()
            try:
                await self._run(reconciler, key)
            except asyncio.CancelledError:
                self._queue.done(key, None)
                raise
            finally:
                del self._busy[key]

    async def _run(self, reconciler: Reconciler, key: Key) -> None:
        """One reconcile, and handing its key back to the queue, however it ends."""
        try:
            with metrics.RECONCILE_SECONDS.time():
                async with asyncio.timeout(RUN_LIMIT_S):
                    outcome = await reconciler.reconcile(key)
        except Outdated:
            metrics.RECONCILES.labels("conflict").inc()
            self._queue.done(key, AGAIN_S)
        except NotLeading:
            self._queue.done(key, None)
        except (ApiError, TimeoutError) as error:
            self._failed(key, str(error) or f"it took more than {RUN_LIMIT_S:.0f} s")
        except Exception:
            log.exception("%s: a fault in the operator itself", "/".join(key))
            self._failed(key, "a fault in the operator itself, see above")
        else:
            self._ended(key, outcome)

    def _ended(self, key: Key, outcome: Outcome) -> None:
        if outcome.failed:
            self._failed(key, str(outcome))
            return
        metrics.RECONCILES.labels("done").inc()
        level = logging.INFO if outcome.did else logging.DEBUG
        log.log(level, "%s: %s", "/".join(key), outcome, extra={"cluster": "/".join(key)})
        self._queue.done(key, outcome.come_back)

    def _failed(self, key: Key, what: str) -> None:
        metrics.RECONCILES.labels("failed").inc()
        metrics.RETRIES.labels(*key).inc()
        delay = self._queue.failed(key)
        log.warning("%s: %s; next attempt in %.1f s", "/".join(key), what, delay, extra={"cluster": "/".join(key)})


def _report_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical(
            "the reconcile loop has ended, the liveness probe will restart the operator", exc_info=task.exception()
        )
