"""The operator's parts inside the test's own process, without a Lease, so that a test can stand between them and the API server."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from scrubjay_operator.act.engines import Engines
from scrubjay_operator.act.events import EventWriter
from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.act.kube import ApiError, KubeClient, Manifest
from scrubjay_operator.act.loop import Loop
from scrubjay_operator.act.queue import WorkQueue
from scrubjay_operator.act.reconcile import Tools
from scrubjay_operator.handlers.watch import watch
from scrubjay_operator.objects.pod import EngineDefaults
from scrubjay_operator.observe.cache import ObjectCache
from scrubjay_operator.observe.kinds import Kind
from scrubjay_operator.observe.snapshot import Key


class FaultyKube(KubeClient):
    """Fails the n-th call about a namespace: not carried out at all, or carried out with its answer lost."""

    def __init__(self, api: Any) -> None:
        super().__init__(api)
        self.plan: dict[str, tuple[int, bool]] = {}
        self.calls: dict[str, list[str]] = {}

    async def _call(
        self,
        method: str,
        kind: Kind,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content: str = "application/json",
    ) -> Manifest:
        found = re.search("/namespaces/([^/]+)/", path)
        if found is None:
            return await super()._call(method, kind, path, query=query, body=body, content=content)
        calls = self.calls.setdefault(found[1], [])
        calls.append(f"{method} {path}")
        turn, answer_lost = self.plan.get(found[1], (0, False))
        if turn == len(calls) and not answer_lost:
            raise ApiError(503, "ServiceUnavailable", f"{method} {path}: refused by the test")
        answer = await super()._call(method, kind, path, query=query, body=body, content=content)
        if turn == len(calls) and answer_lost:
            raise ApiError(0, "Unreachable", f"{method} {path}: the answer was lost by the test")
        return answer


@dataclass(frozen=True)
class Parts:
    """What a test may look at."""

    kube: FaultyKube
    tools: Tools
    queue: WorkQueue[Key]


@contextlib.asynccontextmanager
async def operator_parts() -> AsyncIterator[Parts]:
    """All parts at work, until the end of the block."""
    queue: WorkQueue[Key] = WorkQueue()
    inbox = Inbox(ObjectCache(), queue.wake)
    connected = await FaultyKube.connect()
    assert isinstance(connected, FaultyKube)
    tools = Tools(
        kube=connected,
        inbox=inbox,
        engines=Engines(queue.wake),
        events=EventWriter(connected, "test"),
        defaults=EngineDefaults("scrubjay-engine:test"),
        active=lambda: True,
    )
    loop = Loop(queue, tools, None)
    loop.start()
    watching = asyncio.create_task(watch(connected, inbox, None))
    try:
        yield Parts(connected, tools, queue)
    finally:
        loop.stop()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await connected.close()
        await asyncio.sleep(0.1)
