"""Every engine the operator talks to: connections kept open, a probe about each second, the last answer kept for the next reconcile.

The reconcile says which pods exist (`follow_pods`); a changed answer, a lost connection or a silence wakes the cluster's reconcile. Probes of hundreds of pods are
spread over the second and cost one timer, not one task each.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scrubjay_operator.act import metrics
from scrubjay_operator.act.link import EngineLink, EngineRefusal, EngineSilence
from scrubjay_operator.act.pulses import Pulses
from scrubjay_operator.observe.engine import EngineReport, EngineState, MalformedAnswer, parse_state
from scrubjay_operator.observe.snapshot import Key
from scrubjay_operator.plan.leases import TTL_S, Grant

log = logging.getLogger(__name__)

PROBE_S = 1.0
SLOTS = 10
CONNECT_TIMEOUT_S = 1.5
ORDER_TIMEOUT_S = 5.0
BUSY_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine's admin port is."""

    host: str
    port: int


@dataclass(slots=True, eq=False)
class _Engine:
    key: Key
    uid: str
    address: Address
    slot: int
    link: EngineLink | None = None
    connecting: asyncio.Task[None] | None = None
    asked_at: float | None = None
    report: EngineReport = field(default_factory=EngineReport)
    granting: set[int] = field(default_factory=set)
    closed: bool = False


@dataclass(slots=True)
class _Shard:
    """What is remembered of a shard while this process leads. Nothing below `fence` is granted any more."""

    grant: Grant | None = None
    fence: int = 0
    granted_at: float = 0.0
    issued: tuple[int, int] = (0, 0)


class Engines:
    """The engines of all clusters, by pod uid. `wake` is called with the cluster's key when something worth a reconcile was learnt."""

    def __init__(
        self,
        wake: Callable[[Key], None],
        *,
        probe_every: float = PROBE_S,
        clock: Callable[[], float] = time.monotonic,
        term: Callable[[], int | None] = lambda: 0,
    ) -> None:
        self._wake = wake
        self._every = probe_every
        self._clock = clock
        self._engines: dict[str, _Engine] = {}
        self._by_key: dict[Key, frozenset[str]] = {}
        self._slots: list[set[_Engine]] = [set() for _ in range(SLOTS)]
        self._term = term
        self._shards: dict[Key, dict[str, _Shard]] = {}
        self._pulses = Pulses(self._alive)

    def grant_to(self, key: Key, shard: str, grant: Grant | None, fence: int) -> None:
        """From now on give leases of this shard to that process, or to nobody. A fence never goes back."""
        known = self._shards.setdefault(key, {}).setdefault(shard, _Shard())
        known.fence = max(known.fence, fence)
        known.grant = grant if grant is not None and grant.epoch >= known.fence else None

    def granted_at(self, key: Key) -> dict[str, float]:
        """By shard, when the answer was heard that the last grant of a lease was for."""
        return {name: shard.granted_at for name, shard in self._shards.get(key, {}).items()}

    def issued(self, key: Key) -> dict[str, tuple[int, int]]:
        """By shard, the newest version of an order about the sets that was given, whether it arrived or not."""
        return {name: shard.issued for name, shard in self._shards.get(key, {}).items() if shard.issued[1]}

    def issue(self, key: Key, shard: str, version: tuple[int, int]) -> None:
        """Remember a version, before the order with it is sent."""
        self._shards.setdefault(key, {}).setdefault(shard, _Shard()).issued = version

    def _grant(self, engine: _Engine, state: EngineState) -> None:
        """A lease for the reading in this answer, if it is the primary's: at once, so that it is worth most."""
        term = self._term()
        for shard in self._shards.get(engine.key, {}).values():
            if shard.grant is not None and term is not None and engine.link is not None and shard.grant.fits(state):
                shard.granted_at = self._clock()
                ttl = round(TTL_S * 1000)
                lease = {"epoch": state.epoch, "reading": state.clock, "ttlMs": ttl}
                engine.granting.add(engine.link.send("probe", {"term": term, "grant": lease}))

    def follow_pods(self, key: Key, pods: Mapping[str, Address]) -> None:
        """From now on talk to exactly these pods (uid -> address) of this cluster."""
        for uid in self._by_key.get(key, frozenset()) - pods.keys():
            self._drop(uid)
        for uid, address in pods.items():
            known = self._engines.get(uid)
            if known is not None and known.address == address:
                continue
            if known is not None:
                self._drop(uid)
            self._add(key, uid, address)
        if pods:
            self._by_key[key] = frozenset(pods)
        else:
            self._by_key.pop(key, None)

    def forget(self, key: Key) -> None:
        """The cluster exists no more."""
        self.follow_pods(key, {})
        self._shards.pop(key, None)

    def reports(self, uids: Iterable[str]) -> dict[str, EngineReport]:
        """What is known now of these engines; one that was never heard of has an empty report."""
        return {uid: self._engines[uid].report if uid in self._engines else EngineReport() for uid in uids}

    async def order(self, uid: str, op: str, fields: Mapping[str, Any]) -> EngineState:
        """Ask one engine for something and return its new state. Raises EngineRefusal or EngineSilence."""
        engine = self._engines.get(uid)
        if engine is None or engine.link is None:
            raise EngineSilence("there is no connection to the engine's admin port")
        answer = await engine.link.ask(op, fields, self._every if op == "probe" else ORDER_TIMEOUT_S)
        try:
            state = parse_state(answer)
        except MalformedAnswer as error:
            raise EngineRefusal("BAD", str(error)) from error
        self._update(engine, state)
        return state

    def configured(self, uid: str, digest: str) -> None:
        """Remember that this process has been given the parameters of this digest."""
        if uid in self._engines:
            engine = self._engines[uid]
            engine.report = replace(engine.report, configured=digest)

    async def run(self) -> None:
        """Probe for ever, a tenth of the engines each tenth of the period."""
        slot = 0
        await self._pulses.open()
        try:
            while True:
                await asyncio.sleep(self._every / SLOTS)
                slot = (slot + 1) % SLOTS
                for engine in tuple(self._slots[slot]):
                    self._probe(engine)
        finally:
            for uid in tuple(self._engines):
                self._drop(uid)
            self._by_key.clear()
            self._pulses.close()

    def _add(self, key: Key, uid: str, address: Address) -> None:
        slot = min(range(SLOTS), key=lambda number: len(self._slots[number]))
        engine = _Engine(key, uid, address, slot)
        self._engines[uid] = engine
        self._slots[slot].add(engine)
        self._connect(engine)

    def _drop(self, uid: str) -> None:
        engine = self._engines.pop(uid, None)
        if engine is None:
            return
        engine.closed = True
        self._slots[engine.slot].discard(engine)
        if engine.connecting is not None:
            engine.connecting.cancel()
        if engine.link is not None:
            engine.link.close()

    def _probe(self, engine: _Engine) -> None:
        now = self._clock()
        if engine.link is None:
            self._pulses.ask(engine.address.host, engine.address.port, engine.uid)
            if engine.connecting is None:
                self._connect(engine)
            return
        if engine.asked_at is not None:
            if now - engine.asked_at >= self._every:
                self._fail(engine, f"no answer to a probe for {now - engine.asked_at:.1f} s")
                self._pulses.ask(engine.address.host, engine.address.port, engine.uid)
            return
        engine.asked_at = now
        engine.link.send("probe", {})

    def _connect(self, engine: _Engine) -> None:
        engine.connecting = asyncio.get_running_loop().create_task(self._open(engine))

    async def _open(self, engine: _Engine) -> None:
        loop = asyncio.get_running_loop()
        link = EngineLink(lambda answer: self._heard(engine, answer), lambda reason: self._lost(engine, link, reason))
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.create_connection(lambda: link, engine.address.host, engine.address.port)
        except ConnectionRefusedError:
            self._fail(engine, "nothing listens on its admin port", refused=True)
        except (OSError, TimeoutError) as error:
            self._fail(engine, f"its admin port cannot be reached: {error or 'no answer'}")
        else:
            self._opened(engine, link)
        finally:
            engine.connecting = None

    def _opened(self, engine: _Engine, link: EngineLink) -> None:
        if engine.closed or not link.connected:
            link.close()
            self._fail(engine, "the engine closed the connection at once")
            return
        engine.link = link
        engine.granting.clear()
        engine.asked_at = self._clock()
        link.send("probe", {})

    def _heard(self, engine: _Engine, answer: Mapping[str, Any]) -> None:
        engine.asked_at = None
        if engine.closed or not answer.get("ok"):
            return
        try:
            state = parse_state(answer)
        except MalformedAnswer as error:
            self._fail(engine, str(error))
            return
        if state.uid != engine.uid:
            self._fail(engine, f"another node answers at its address: {state.uid}")
            return
        metrics.PROBES.labels("answered").inc()
        self._update(engine, state)
        if answer.get("id") in engine.granting:
            engine.granting.discard(answer["id"])
        else:
            self._grant(engine, state)

    def _alive(self, uid: str, boot: str, age_s: float) -> None:
        """A sign of life beside the loop. A loop that has not turned for BUSY_LIMIT_S hangs, and counts as silent."""
        engine = self._engines.get(uid)
        if engine is None or age_s > BUSY_LIMIT_S:
            return
        if engine.report.state is not None and engine.report.state.boot == boot:
            engine.report = replace(engine.report, alive_at=self._clock())

    def _update(self, engine: _Engine, state: EngineState) -> None:
        before = engine.report
        restarted = before.state is None or before.state.boot != state.boot
        configured = "" if restarted else before.configured
        now = self._clock()
        since = now if restarted else before.boot_since
        newly = before.state is None or restarted or before.state.promise != state.promise
        engine.report = EngineReport(
            state=state,
            heard_at=now,
            boot_since=since,
            promised_at=now if newly else before.promised_at,
            alive_at=now,
            configured=configured,
        )
        if before.state is None or before.failing_since is not None or before.state.matters() != state.matters():
            self._wake(engine.key)

    def _lost(self, engine: _Engine, link: EngineLink, reason: str) -> None:
        if engine.closed or engine.link is not link:
            return
        engine.link = None
        self._fail(engine, reason, broken=True)
        self._connect(engine)

    def _fail(self, engine: _Engine, reason: str, *, refused: bool = False, broken: bool = False) -> None:
        """The engine is silent from now on, until it answers. The connection, if there is one, is given up."""
        metrics.PROBES.labels("failed").inc()
        before = engine.report
        since = before.failing_since if before.failing_since is not None else self._clock()
        engine.report = replace(
            before, failing_since=since, failure=reason, refused=refused, broken=broken or refused or before.broken
        )
        engine.asked_at = None
        if engine.link is not None:
            link, engine.link = engine.link, None
            link.close()
        if before.failing_since is None or before.refused != refused:
            log.debug("engine %s of %s is silent: %s", engine.uid, "/".join(engine.key), reason)
            self._wake(engine.key)
