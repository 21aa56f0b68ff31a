"""The queue of clusters to reconcile: each key waits at most once, runs at most once at a time, and failures come back later and later.

`wake` asks for a reconcile as soon as possible; many wakes while one waits or runs become one more run. A worker takes a key with `take`, and hands it
back with `done` (come back after so many seconds, or never) or `failed` (come back after a back-off that doubles from BASE_S up to LIMIT_S).
The clock is the event loop's own.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BASE_S = 0.25
LIMIT_S = 60.0
AGAIN_S = 1.0


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row (the first is 1)."""
    return min(LIMIT_S, BASE_S * float(1 << min(failures - 1, 30)))


class WorkQueue(Generic[K]):
    """Keys, each with at most one run in progress."""

    def __init__(self) -> None:
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()
        self._running: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._serial = 0
        self._timer: asyncio.TimerHandle | None = None
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready)

    def failures(self, key: K) -> int:
        """Failures in a row of this key."""
        return self._failures.get(key, 0)

    def wake(self, key: K) -> None:
        """Reconcile this key as soon as a worker is free."""
        self._due.pop(key, None)
        if key in self._running:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)
            self._arrived.set()

    def wake_in(self, key: K, seconds: float) -> None:
        """Reconcile this key after so many seconds, or earlier when something else asks for it earlier."""
        at = asyncio.get_running_loop().time() + seconds
        if key in self._waiting or self._due.get(key, at + 1) <= at:
            return
        self._due[key] = at
        self._serial += 1
        heapq.heappush(self._heap, (at, self._serial, key))
        if len(self._heap) > 4 * len(self._due) + 64:
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
        self._arm()

    async def take(self) -> K:
        """The next key, to be handed back with `done` or `failed`."""
        while not self._ready:
            self._arrived.clear()
            await self._arrived.wait()
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._running.add(key)
        return key

    def done(self, key: K, come_back: float | None) -> None:
        """The run succeeded: forget its failures; come back after `come_back` seconds, or only when woken (None)."""
        self._failures.pop(key, None)
        self._finish(key, come_back)

    def failed(self, key: K) -> float:
        """The run failed: come back after the back-off, which is returned, or sooner when something new is learnt meanwhile.

        What was learnt while the failing run went on counts as new too, but waits AGAIN_S, so that a run that wakes itself cannot spin.
        """
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = backoff(self._failures[key])
        if key in self._again:
            self._again.discard(key)
            delay = min(delay, AGAIN_S)
        self._finish(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The key no longer exists: no reconcile of it is due."""
        self._due.pop(key, None)
        self._failures.pop(key, None)
        self._again.discard(key)

    def _finish(self, key: K, delay: float | None) -> None:
        self._running.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.wake(key)
        elif delay is not None:
            self.wake_in(key, delay)

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer = loop.call_at(self._heap[0][0], self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == at:
                self.wake(key)
        self._arm()
