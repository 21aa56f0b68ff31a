"""Pods without nodes: gives each pod of a StatefulSet an address on the loopback and a FakeEngine, and reports its state as a kubelet would.

An API server with its controller manager makes the Pod objects; nothing runs in them. One loop in a thread of its own, so that tests stay plain functions.
"""

import asyncio
import contextlib
import ipaddress
import itertools
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from fake_engine import FakeEngine
from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.observe.cache import SELECTOR
from scrubjay_operator.observe.kinds import POD

T = TypeVar("T")
FIRST_ADDRESS = ipaddress.ip_address("127.23.0.1")


class FakeKubelet:
    """Runs until closed. `engines` is by pod uid. Pods whose image is in `broken_images` never start."""

    def __init__(self) -> None:
        self.engines: dict[str, FakeEngine] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.broken_images: set[str] = set()
        self.held: set[str] = set()
        self._addresses = itertools.count(int(FIRST_ADDRESS))
        self._reported: dict[str, tuple[object, ...]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.kube = self.run(KubeClient.connect())
        self._task = asyncio.run_coroutine_threadsafe(self._keep_going(), self._loop)

    def run(self, work: Coroutine[Any, Any, T], within: float = 60) -> T:
        """Run something on the kubelet's loop, from the test's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within)

    def engine(self, namespace: str, pod: str) -> FakeEngine:
        """The engine of a running pod. Raises KeyError while there is none."""
        for uid, body in self.pods.items():
            if body["metadata"]["namespace"] == namespace and body["metadata"]["name"] == pod and uid in self.engines:
                return self.engines[uid]
        raise KeyError(pod)

    def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(BaseException):
            self._task.result(5)
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        for engine in self.engines.values():
            await engine.stop()
        await self.kube.close()
        await asyncio.sleep(0.1)  # transports say goodbye in a later turn of the loop

    async def _keep_going(self) -> None:
        while True:
            with contextlib.suppress(ApiError):
                await self._round()
            await asyncio.sleep(0.05)

    async def _round(self) -> None:
        listing = await self.kube.list_all(POD, labels=SELECTOR)
        self.pods = {body["metadata"]["uid"]: body for body in listing.items}
        for uid in self.engines.keys() - self.pods.keys():
            await self.engines.pop(uid).stop()
        for uid, body in self.pods.items():
            if body["metadata"]["name"] not in self.held:
                await self._look_after(uid, body)

    async def _look_after(self, uid: str, body: dict[str, Any]) -> None:
        image = body["spec"]["containers"][0]["image"]
        if image in self.broken_images:
            message = f'Back-off pulling image "{image}"'
            await self._report(body, "", False, {"waiting": {"reason": "ImagePullBackOff", "message": message}})
            return
        if uid not in self.engines:
            engine = FakeEngine(uid, str(ipaddress.ip_address(next(self._addresses))))
            await engine.start()
            self.engines[uid] = engine
        engine = self.engines[uid]
        await self._report(body, engine.host, engine.ready, {"running": {"startedAt": "2026-01-01T00:00:00Z"}})

    async def _report(self, body: dict[str, Any], ip: str, ready: bool, state: dict[str, Any]) -> None:
        metadata = body["metadata"]
        facts = (ip, ready, str(state))
        if self._reported.get(metadata["uid"]) == facts:
            return
        word = "True" if ready else "False"
        container = {"name": "engine", "image": "i", "imageID": "i", "ready": ready, "restartCount": 0, "state": state}
        status: dict[str, Any] = {
            "phase": "Running" if ip else "Pending",
            "conditions": [{"type": "Ready", "status": word}, {"type": "ContainersReady", "status": word}],
            "containerStatuses": [container],
        }
        if ip:
            status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        await self.kube.merge(POD, metadata["namespace"], metadata["name"], patch, "status")
        self._reported[metadata["uid"]] = facts
