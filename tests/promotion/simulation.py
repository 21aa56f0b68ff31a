"""One shard in simulated time: the operator's real plan code and the engine's real Authority, with everything else made up and able to fail.

Faults by a seed: processes end (with and without their machine), restart with and without data, freeze; the network is cut, slow, loses messages; clocks drift; there are two
operators that freeze, restart, and may both think that they lead; the API server goes away. Messages on a connection keep to the life of the process they were sent to, as TCP
has it, but may come very late.

Checked at every acknowledgement: once a node has acknowledged in epoch e, none acknowledges in a lower one; and with `acknowledgements: n`, a node that acknowledges first in an
epoch holds every write that was acknowledged before, unless no node at all does. `Switches` takes one rule out, so that tests can see that the checks would find that.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scrubjay_engine.replication.authority import TTL_MS, Address, Authority, Kept, Refused
from scrubjay_operator.api.status import Shard
from scrubjay_operator.observe.engine import EngineReport, EngineState, parse_state
from scrubjay_operator.observe.pods import PodView
from scrubjay_operator.plan import leases, members, promotion, roles
from scrubjay_operator.plan.promotion import Primary
from scrubjay_operator.plan.shards import Member, Rules, ShardView
from scrubjay_operator.plan.steps import Commit, Order

PROBE_S = 0.5
LEASE_S, ACTS_S = 4.0, 3.0
WALL = datetime(2026, 1, 1, tzinfo=UTC)
Entry = tuple[int, int]  # epoch and number of a write
Script = Sequence[tuple[float, Callable[["World"], None]]]  # what happens when, in place of faults at random


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass
class Switches:
    """A rule to take out: another Authority class, and what the operators do differently."""

    authority: type[Authority] = Authority
    acts_without_lease: bool = False
    resumes: bool = False


class Node:
    """One pod: a process that may end and come back, with a log as its data."""

    def __init__(self, uid: str, world: "World") -> None:
        self.uid, self.world = uid, world
        self.rate = world.random.uniform(0.99, 1.01)
        self.disk = Kept()
        self.log: list[Entry] = []
        self.boots = 0
        self.alive = True
        self.machine = True
        self.frozen_until = 0.0
        self._begin()

    def _begin(self) -> None:
        self.authority = self.world.switches.authority(self.clock, self._persist, self.disk)
        if self.world.switches.resumes and self.disk.role == "primary":
            self.authority.kept = self.disk
        self.waiting: list[int] = []
        self.has_data = bool(self.log)
        self.asked_at = -1e9
        self.confirmed_by: set[str] = set()

    def _persist(self, kept: Kept) -> None:
        self.disk = kept

    def clock(self) -> int:
        return int(self.world.now * self.rate * 1000) + 10_000

    @property
    def boot(self) -> str:
        return f"{self.uid}/{self.boots}"

    def restart(self, keep_data: bool) -> None:
        self.boots += 1
        self.alive = self.machine = True
        if not keep_data:
            self.log = []
        self._begin()
        for other in self.world.nodes.values():
            self.world.send(self.uid, other.uid, ("left",))

    def state(self) -> dict[str, Any]:
        a = self.authority
        primary = a.primary
        return {
            "node": {"uid": self.uid, "boot": self.boot},
            "clock": self.clock(),
            "role": a.role,
            "epoch": a.epoch,
            "promise": a.kept.promise,
            "version": list(a.version) if a.version[1] >= 0 else [0, 0],
            "primary": None if primary is None else {"uid": primary.uid, "host": primary.host, "port": 1},
            "link": "up" if a.role == "replica" and a.whole else "connecting",
            "offset": len(self.log),
            "dataEpoch": self.log[-1][0] if self.log else 0,
            "hasData": self.has_data,
            "whole": a.whole,
            "lease": None if not a.needs_lease else {"remainingMs": a.lease_left()},
            "confirm": sorted(a.confirm),
            "ack": sorted(a.ack),
            "joining": sorted(a.joining),
            "acknowledgements": a.needed,
        }

    def receive(self, source: str, message: tuple[Any, ...]) -> None:
        kind, *rest = message
        getattr(self, f"_on_{kind}")(source, *rest)

    def _on_order(self, source: str, op: str, fields: dict[str, Any]) -> None:
        try:
            self._obey(op, fields)
        except Refused:
            return
        self.world.send(self.uid, source, ("answer", self.state(), op == "probe" and "grant" in fields))

    def _obey(self, op: str, fields: dict[str, Any]) -> None:
        a = self.authority
        if fields.get("boot") not in (None, self.boot):
            raise Refused("STALE", "for another run of this process")
        version = tuple(fields.get("version", (0, 0)))
        peers = [Address(p["uid"], p["host"], p["port"]) for p in fields.get("confirm", [])]
        if op == "probe":
            a.probed(fields.get("term"))
            if "grant" in fields:
                a.granted(*fields["grant"])
        elif op == "promise":
            a.promise(fields["epoch"])
            if a.role != "primary":
                self.waiting = []
        elif op == "promote":
            if a.promote(fields["epoch"], version, peers, fields["ack"], fields["acknowledgements"]):
                self.waiting, self.has_data = [], True
                a.strict = self.world.strict
        elif op == "sets":
            sets = (peers, fields["ack"]) if "confirm" in fields else None
            a.order_sets(fields["epoch"], version, sets, fields.get("acknowledgements", 0))
            self._reply()
        elif op == "follow":
            where = fields["primary"]
            a.follow(fields["epoch"], version, Address(where["uid"], where["host"], where["port"]))
            self.waiting = []

    def _on_confirm(self, source: str, epoch: int, reading: int) -> None:
        try:
            self.authority.confirms(epoch)
        except Refused:
            return
        self.world.send(self.uid, source, ("yes", epoch, reading))

    def _on_yes(self, source: str, epoch: int, reading: int) -> None:
        self.authority.confirmed(source, epoch, reading)
        self._reply()

    def _on_data(self, source: str, epoch: int, log: tuple[Entry, ...], serial: int) -> None:
        a = self.authority
        following = a.primary is not None and a.primary.uid == source
        if not (a.follows and a.epoch == epoch and following and serial > self.world.seen.get((source, self.uid), -1)):
            return
        self.world.seen[source, self.uid] = serial
        self.log, self.has_data = list(log), True
        a.in_line(whole=True)
        self.world.send(self.uid, source, ("ack", epoch, len(log)))

    def _on_ack(self, source: str, epoch: int, offset: int) -> None:
        if self.authority.role == "primary" and epoch == self.authority.epoch:
            self.authority.holds(source, offset)
            self._reply()

    def _on_left(self, source: str) -> None:
        self.authority.left(source)

    def tick(self) -> None:
        a = self.authority
        if a.role != "primary":
            return
        if a.leads():
            self.log.append((a.epoch, self.world.number()))
            self.waiting.append(len(self.log))
        self._reply()
        for other in self.world.nodes:
            if other != self.uid:
                self.world.send(self.uid, other, ("data", a.epoch, tuple(self.log), self.world.number()))
        if self.world.now - self.asked_at >= 0.4:
            reading = a.question()
            if reading is not None:
                self.asked_at = self.world.now
                for uid in a.confirm:
                    self.world.send(self.uid, uid, ("confirm", a.epoch, reading))

    def _reply(self) -> None:
        a = self.authority
        while self.waiting and a.enough(self.waiting[0]) and a.leads():
            offset = self.waiting.pop(0)
            a.told(offset)
            self.world.acknowledged(self, self.log[offset - 1])


class Operator:
    """One replica of the operator: the real plan, on what it has heard."""

    def __init__(self, name: str, world: "World") -> None:
        self.uid, self.world = name, world
        self.frozen_until = 0.0
        self.alive, self.boots = True, 0
        self.restart()

    def restart(self) -> None:
        self.boots += 1
        self.acts_until = -1.0
        self.term = 0
        self.led_since = self.granted_at = 0.0
        self.issued = (0, 0)
        self.reports: dict[str, EngineReport] = {}
        self.grant: leases.Grant | None = None
        self.fence = 0
        self.record, self.version = Shard(name="s"), -1
        self.holder = f"{self.uid}/{self.boots}"
        self.seen: tuple[Any, float] = (None, 0.0)

    def active(self) -> bool:
        return self.world.now < self.acts_until or (self.world.switches.acts_without_lease and self.term > 0)

    def receive(self, source: str, message: tuple[Any, ...]) -> None:
        _, answer, granting = message
        state, now = parse_state(answer), self.world.now
        self._hear(state, now)
        if self.grant is not None and not granting and self.active() and self.grant.fits(state):
            self.granted_at = now
            lease = (state.epoch, state.clock, TTL_MS)
            self.world.send(self.uid, source, ("order", "probe", {"term": self.term, "grant": lease}))

    def _hear(self, state: EngineState, now: float) -> None:
        before = self.reports.get(state.uid, EngineReport())
        newly = before.state is None or (before.state.boot, before.state.promise) != (state.boot, state.promise)
        promised = now if newly else before.promised_at
        self.reports[state.uid] = EngineReport(state=state, heard_at=now, promised_at=promised, alive_at=now)

    def tick(self) -> None:
        self._lead()
        if not self.active():
            return
        world = self.world
        if world.reaches_api(self):
            self.record, self.version = world.record, world.version
        for uid, node in world.nodes.items():
            self._notice(uid, node)
            world.send(self.uid, uid, ("order", "probe", {"term": self.term}))
        self._act(self._view())

    def _lead(self) -> None:
        world, lease = self.world, self.world.lease
        if not world.reaches_api(self):
            return
        if lease["holder"] != self.holder:
            if self.seen[0] != lease["renewed"]:
                self.seen = (lease["renewed"], world.now)
            if lease["holder"] is not None and world.now - self.seen[1] <= LEASE_S:
                return
            lease["term"] += 1
            self.term = lease["term"]
            lease["holder"] = self.holder
        if world.now >= self.acts_until:
            self.led_since = world.now
        lease["renewed"] = world.now
        self.acts_until = world.now + ACTS_S

    def _notice(self, uid: str, node: Node) -> None:
        """What a connection that fails says: refused by a machine that lives, or nothing."""
        report = self.reports.get(uid, EngineReport())
        refused = not node.alive and node.machine and self.world.connected(self.uid, uid)
        silent = self.world.now - (report.heard_at or self.led_since) > 1.2
        if (refused or silent) and report.failing_since is None:
            report = replace(report, failing_since=self.world.now)
        if report.failing_since is not None:
            report = replace(report, refused=refused, broken=refused or report.broken, failure="no answer")
        self.reports[uid] = report

    def _view(self) -> ShardView:
        world = self.world
        pods = [
            PodView("ns", f"s-{i}", uid, "0", i, ip=uid, running=True, role="x") for i, uid in enumerate(world.nodes)
        ]
        found = tuple(Member(pod, self.reports[pod.uid], age=100.0, now=world.now) for pod in pods)
        issued = self.issued if self.issued[0] == self.term else (self.term, 0)
        return ShardView(
            number=0,
            record=self.record,
            members=found,
            wanted=len(found),
            namespace="ns",
            now=world.now,
            wall=WALL + timedelta(seconds=world.now),
            term=self.term,
            rules=world.rules,
            led_since=self.led_since,
            granted_at=self.granted_at,
            issued=issued,
        )

    def _act(self, view: ShardView) -> None:
        decision = promotion.decide(view)
        steps = list(decision.steps)
        if decision.primary is Primary.LEADS and not steps and view.primary is not None:
            steps = [*roles.followers(view, view.primary), *members.maintain(view)]
        begins = any(isinstance(step, Commit) and step.record.pending is not None for step in steps)
        self.fence = max(self.fence, leases.fence(view))
        grant = None if begins else leases.grant(view)
        self.grant = grant if grant is not None and grant.epoch >= self.fence else None
        broken: set[str] = set()
        for step in steps:
            if step.lane in broken:
                continue
            if isinstance(step, Commit) and not self._commit(step.record):
                broken.add(step.lane)
            if isinstance(step, Order):
                if step.op in ("promote", "sets"):
                    self.issued = (step.fields["version"][0], step.fields["version"][1])
                self.world.send(self.uid, step.pod.uid, ("order", step.op, dict(step.fields)))

    def _commit(self, record: Shard) -> bool:
        world = self.world
        if not world.reaches_api(self) or world.version != self.version:
            return False
        world.record, world.version = record, world.version + 1
        self.record, self.version = world.record, world.version
        world.on_commit(record)
        return True


@dataclass
class World:
    """Everything, by one seed. `n` is `acknowledgements`."""

    seed: int
    n: int | None = None
    switches: Switches = field(default_factory=Switches)
    seconds: float = 100.0
    script: "Script" = ()

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.now, self.version, self.api = 0.0, 0, True
        self.away: set[str] = set()
        self.broken: set[frozenset[str]] = set()
        self.on_commit: Callable[[Shard], object] = lambda record: None
        self.on_order: Callable[[str, dict[str, Any]], float] = lambda op, fields: 0.0
        self.queue: list[tuple[float, int, str, str, tuple[Any, ...], int]] = []
        self.serial = 0
        self.cut: dict[str, int] = {}
        self.n = self.random.choice([0, 0, 1]) if self.n is None else self.n
        self.strict = self.random.random() < 0.3
        self.rules = Rules(detection_s=2.0, acknowledgements=self.n, total_loss_s=None)
        self.record = Shard(name="s")
        self.lease: dict[str, Any] = {"holder": None, "renewed": None, "term": 0}
        self.seen: dict[tuple[str, str], int] = {}
        self.highest, self.known, self.promotions, self.acknowledgements, self.excused = 0, [], 0, 0, 0
        self.nodes = {f"n{i}": Node(f"n{i}", self) for i in range(self.random.choice([2, 3, 3]))}
        self.operators = {name: Operator(name, self) for name in ("A", "B")}

    known: list[Entry] = field(default_factory=list)

    def number(self) -> int:
        self.serial += 1
        return self.serial

    def who(self, uid: str) -> "Node | Operator":
        return self.nodes[uid] if uid in self.nodes else self.operators[uid]

    @property
    def leader(self) -> str:
        """The operator that holds the Lease."""
        return str(self.lease["holder"])[0]

    @property
    def primary(self) -> Node:
        """The primary in the record."""
        return self.nodes[self.record.primary_uid or "n0"]

    @property
    def replicas(self) -> list[Node]:
        return [node for node in self.nodes.values() if node is not self.primary]

    def reaches_api(self, operator: Operator) -> bool:
        return self.api and operator.uid not in self.away

    def connected(self, a: str, b: str) -> bool:
        return self.cut.get(a, 0) == self.cut.get(b, 0) and frozenset((a, b)) not in self.broken

    def send(self, source: str, to: str, message: tuple[Any, ...]) -> None:
        if not self.connected(source, to) or self.random.random() < 0.01:
            return
        late = self.random.random() > 0.97
        delay = self.random.uniform(0, 8) if late else self.random.uniform(0, 0.1)
        if message[0] == "order":
            delay += self.on_order(message[1], message[2])
        heapq.heappush(self.queue, (self.now + delay, self.number(), source, to, message, self.who(to).boots))

    def acknowledged(self, node: Node, entry: Entry) -> None:
        """A client was told that its write is done."""
        epoch = node.authority.epoch
        self.acknowledgements += 1
        if epoch < self.highest:
            raise Violation(
                f"t={self.now:.2f}: {node.uid} acknowledged in epoch {epoch} after epoch {self.highest} had"
            )
        if epoch > self.highest:
            self.highest = epoch
            self.promotions += 1
            self._check_durability(node)
        self.known.append(entry)

    def _check_durability(self, node: Node) -> None:
        held = set(node.log)
        lost = [entry for entry in self.known if entry not in held]
        if not self.n or not lost:
            return
        if any(held >= set(self.known) for held in (set(other.log) for other in self.nodes.values())):
            raise Violation(
                f"t={self.now:.2f}: {node.uid} in epoch {self.highest} lacks {len(lost)} acknowledged writes"
            )
        self.excused += 1
        self.known = [entry for entry in self.known if entry in held]

    def run(self) -> None:
        """The whole schedule: faults at random until 30 s before the end, then calm."""
        step, calm, script = 0.1, self.seconds - 30, list(self.script)
        fault_at = self.random.uniform(5, 10)
        while self.now < self.seconds:
            self.now += step
            self._deliver()
            parties: list[Node | Operator] = [*self.nodes.values(), *self.operators.values()]
            for party in parties:
                turn = isinstance(party, Node) or self.random.random() < 0.4
                if party.alive and party.frozen_until <= self.now and turn:
                    party.tick()
            while script and script[0][0] <= self.now:
                script.pop(0)[1](self)
            if fault_at < self.now < calm and not self.script:
                self._fault()
                soon = self.random.random() > 0.6
                fault_at = self.now + (self.random.uniform(0, 0.6) if soon else self.random.expovariate(0.25))
            if calm < self.now < calm + step:
                self._mend()

    def _deliver(self) -> None:
        while self.queue and self.queue[0][0] <= self.now:
            _, _, source, to, message, boots = heapq.heappop(self.queue)
            party = self.who(to)
            if not party.alive or party.boots != boots or not self.connected(source, to):
                continue
            if party.frozen_until > self.now:
                later = party.frozen_until + 0.01
                heapq.heappush(self.queue, (later, self.number(), source, to, message, boots))
                continue
            party.receive(source, message)

    def _fault(self) -> None:
        choose = self.random
        x, node = choose.random(), self.nodes[choose.choice(list(self.nodes))]
        if x < 0.15:
            node.alive, node.machine = False, choose.random() < 0.5
        elif x < 0.27:
            node.restart(choose.random() < 0.5)
        elif x < 0.40:
            node.frozen_until = self.now + choose.uniform(0, 12)
        elif x < 0.60:
            self.cut = {uid: choose.choice([0, 0, 1]) for uid in (*self.nodes, *self.operators)}
        elif x < 0.75:
            self.cut = {}
        elif x < 0.85:
            self.operators[choose.choice("AB")].frozen_until = self.now + choose.uniform(0, 10)
        elif x < 0.93:
            self.operators[choose.choice("AB")].restart()
        elif x < 0.96:
            self.api = not self.api
        else:
            self.away = {uid for uid in self.operators if choose.random() < 0.5}

    def _mend(self) -> None:
        self.cut, self.api, self.away, self.broken = {}, True, set(), set()
        for node in self.nodes.values():
            if not node.alive:
                node.restart(True)
