"""Active expiry and eviction on a real keyspace, the clock set by the test."""

from __future__ import annotations

import pytest

from scrubjay_engine.core.engine import Engine
from scrubjay_engine.core.eviction import Eviction
from scrubjay_engine.core.expiry import ActiveExpiry
from scrubjay_engine.core.keyspace import Keyspace
from scrubjay_engine.values.memory import used_memory


class Sink:
    """What AOF and replicas would get."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []

    def feed(self, db: int, command: bytes) -> None:
        self.commands.append(command)


def engine_with(keys: int, expire_in_ms: int = -1) -> Engine:
    engine = Engine(Keyspace(2))
    engine.refresh_clock()
    db = engine.keyspace.databases[0]
    for i in range(keys):
        db.set_string(
            b"key:%06d" % i, b"v" * 50, expire_at=engine.keyspace.now_ms + expire_in_ms if expire_in_ms > 0 else -1
        )
    return engine


def test_keys_that_nobody_asks_for_leave_memory_and_are_propagated() -> None:
    engine = engine_with(5000, expire_in_ms=1)
    engine.keyspace.databases[0].set_string(b"stays", b"x")
    sink = Sink()
    engine.add_sink(sink)
    engine.keyspace.on_expired = lambda db, key: engine.add_effect(db.id, [b"DEL", key])
    expiry = ActiveExpiry(engine)
    for _ in range(100_000):
        if len(engine.keyspace.databases[0]) == 1:
            break
        expiry.step(0.001)
    assert engine.keyspace.databases[0].keys() == [b"stays"]
    assert engine.keyspace.expired == 5000
    assert len(sink.commands) == 5000
    assert all(b"MULTI" not in command for command in sink.commands)


def test_a_replica_does_not_expire_by_itself() -> None:
    engine = engine_with(10, expire_in_ms=1)
    engine.keyspace.expires_delete = False
    engine.keyspace.now_ms += 1000
    assert ActiveExpiry(engine).step(0.001) is False
    assert engine.keyspace.databases[0].string(b"key:000001") is None
    assert len(engine.keyspace.databases[0]) == 10


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_eviction_brings_memory_under_the_limit(policy: str) -> None:
    engine = engine_with(20_000)
    eviction = Eviction(engine)
    eviction.set_policy(policy)
    eviction.set_limit(used_memory() - 500_000)
    assert eviction.make_room()
    assert used_memory() <= engine.maxmemory
    assert 0 < engine.evicted < 20_000


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"])
def test_volatile_policies_leave_keys_without_expiry(policy: str) -> None:
    engine = engine_with(2000)
    db = engine.keyspace.databases[0]
    for i in range(2000):
        db.set_string(b"volatile:%d" % i, b"v" * 50, expire_at=engine.keyspace.now_ms + 10_000_000 + i)
    eviction = Eviction(engine)
    eviction.set_policy(policy)
    eviction.set_limit(1)
    assert not eviction.make_room()
    assert len(db) == 2000
    assert db.expiring == 0


def test_noeviction_says_no() -> None:
    engine = engine_with(100)
    eviction = Eviction(engine)
    eviction.set_policy("noeviction")
    eviction.set_limit(1)
    assert not eviction.make_room()
    assert engine.evicted == 0


def test_lru_prefers_keys_not_used_for_long() -> None:
    engine = engine_with(1000)
    db = engine.keyspace.databases[0]
    for i in range(1000):
        db.set_access_clock(b"key:%06d" % i, (engine.keyspace.access_clock - (5000 if i < 500 else 10)) & 0xFFFFFF)
    eviction = Eviction(engine)
    eviction.set_policy("allkeys-lru")
    eviction.samples = 10
    eviction.set_limit(used_memory() - 30_000)
    assert eviction.make_room()
    old = sum(b"key:%06d" % i in db for i in range(500))
    recent = sum(b"key:%06d" % i in db for i in range(500, 1000))
    assert recent == 500
    assert old < 500


def test_ttl_prefers_keys_that_expire_soon() -> None:
    engine = engine_with(0)
    db = engine.keyspace.databases[0]
    for i in range(1000):
        db.set_string(b"%d" % i, b"v" * 50, expire_at=engine.keyspace.now_ms + (1_000 if i % 2 else 1_000_000))
    eviction = Eviction(engine)
    eviction.set_policy("volatile-ttl")
    eviction.samples = 10
    eviction.set_limit(used_memory() - 20_000)
    assert eviction.make_room()
    soon = sum(b"%d" % i in db for i in range(1, 1000, 2))
    later = sum(b"%d" % i in db for i in range(0, 1000, 2))
    assert later == 500
    assert soon < 500
