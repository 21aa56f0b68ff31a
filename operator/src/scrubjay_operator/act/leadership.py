"""Which of the operator's replicas acts: a Lease held by one of them, renewed every second.

Rules:
1. The holder may act until `sent + 3/4 duration`, where `sent` is the moment before its last successful renewal was sent, on its own monotonic clock. So it
   stops before anybody else can take over, also when a request hangs, the process was frozen or the API server is away.
2. Another replica takes over only after it has seen the same renewal for a whole `duration` on its own monotonic clock: clocks are never compared.
3. All writes of the Lease are compare-and-swap on its resourceVersion: of two that try at once, one wins.
4. `term` (the Lease's leaseTransitions) grows with every change of holder. Engines refuse orders of a lower term. A Lease made anew starts from the minutes
   since 1970, so that a term stays higher than those before the Lease was deleted, say with a chart that was uninstalled.

A clean stop empties the Lease, so that the next one need not wait.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scrubjay_operator.act import metrics
from scrubjay_operator.act.kube import ApiError, KubeClient, Manifest
from scrubjay_operator.observe.kinds import LEASE

log = logging.getLogger(__name__)

DURATION_S = 4.0
RENEW_S = 1.0


class Leadership:
    """One candidate. `run` never returns until cancelled; ask `active()` right before each act."""

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration: float = DURATION_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._namespace, self._name, self.identity = namespace, name, identity
        self._duration = duration
        self._clock = clock
        self._acts_until = float("-inf")
        self._seen: tuple[Any, ...] | None = None
        self._seen_at = 0.0
        self.term = 0
        self.took_over_at = 0.0

    def active(self) -> bool:
        """May this process act right now?"""
        return self._clock() < self._acts_until

    async def run(self, started: Callable[[], None], stopped: Callable[[], None]) -> None:
        """Try for the Lease for ever, and say when it is won and when it is lost."""
        leading = False
        try:
            while True:
                await self._round()
                if self.active() and not leading:
                    leading = True
                    self.took_over_at = self._clock()
                    log.info("this replica leads now: %s, term %d", self.identity, self.term)
                    started()
                elif leading and not self.active():
                    leading = False
                    log.warning("this replica leads no more: its Lease could not be renewed in time")
                    stopped()
                metrics.LEADER.set(leading)
                await asyncio.sleep(RENEW_S * self._duration / DURATION_S)
        finally:
            if leading:
                stopped()
            await self._release()

    async def _round(self) -> None:
        """One attempt to renew or to take over, cut short so that a request that hangs cannot hide a lost Lease."""
        sent = self._clock()
        limit = max(0.1, self._acts_until - sent) if self.active() else self._duration
        try:
            async with asyncio.timeout(limit):
                if await self._try():
                    self._acts_until = sent + 0.75 * self._duration
        except TimeoutError:
            log.warning("the API server did not answer the renewal of Lease %s within %.1f s", self._name, limit)
        except ApiError as error:
            log.log(logging.DEBUG if error.conflict else logging.WARNING, "Lease %s: %s", self._name, error)

    async def _try(self) -> bool:
        try:
            lease = await self._kube.get(LEASE, self._namespace, self._name)
        except ApiError as error:
            if not error.gone:
                raise
            self.term = int(time.time() // 60)
            await self._kube.create(LEASE, self._manifest(None))
            return True
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder != self.identity:
            if holder and not self._silent(spec):
                return False
            self.term = int(spec.get("leaseTransitions") or 0) + 1
            await self._kube.replace(LEASE, self._manifest(lease))
            return True
        await self._kube.replace(LEASE, self._manifest(lease))
        return True

    def _silent(self, spec: Manifest) -> bool:
        """Has the present holder not renewed for as long as its Lease is good?"""
        renewal = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if renewal != self._seen:
            self._seen, self._seen_at = renewal, self._clock()
            return False
        good_for = float(spec.get("leaseDurationSeconds") or self._duration)
        return self._clock() - self._seen_at > good_for

    def _manifest(self, old: Manifest | None) -> Manifest:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict((old or {}).get("spec") or {})
        if spec.get("holderIdentity") != self.identity:
            spec["acquireTime"] = now
        spec |= {"holderIdentity": self.identity, "renewTime": now, "leaseTransitions": self.term}
        spec["leaseDurationSeconds"] = max(1, round(self._duration))
        metadata = dict((old or {}).get("metadata") or {"name": self._name, "namespace": self._namespace})
        return {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": spec}

    async def _release(self) -> None:
        if not self.active():
            return
        self._acts_until = float("-inf")
        metrics.LEADER.set(0)
        try:
            async with asyncio.timeout(2):
                lease = await self._kube.get(LEASE, self._namespace, self._name)
                if (lease.get("spec") or {}).get("holderIdentity") == self.identity:
                    lease["spec"]["holderIdentity"] = ""
                    await self._kube.replace(LEASE, lease)
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease could not be handed back, the next replica waits %.0f s: %s", self._duration, error)
