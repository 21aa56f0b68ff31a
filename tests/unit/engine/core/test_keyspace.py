"""The keyspace against a dictionary: every operation in random order, with a clock of our own. Nothing is faked but time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scrubjay_engine.core.keyspace import Keyspace
from scrubjay_engine.values.memory import used_memory

KEYS = st.sampled_from([b"", b"a", b"b", b"key", b"k" * 254, b"k" * 255, b"k" * 300, b"\0\xff", b"{tag}x"])
VALUES = st.one_of(
    st.binary(max_size=80),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n),
    st.sampled_from([b"", b"0", b"-0", b"01", b"x" * 65536, b"x" * 65537, b"9223372036854775808"]),
)
START = 1_000_000


class AgainstDictionary(RuleBasedStateMachine):
    """`model` maps a key to (value, expiry or -1)."""

    @initialize()
    def begin(self) -> None:
        self.space = Keyspace(1)
        self.space.now_ms = START
        self.db = self.space.databases[0]
        self.model: dict[bytes, tuple[bytes, int]] = {}

    def live(self) -> dict[bytes, tuple[bytes, int]]:
        now = self.space.now_ms
        return {key: row for key, row in self.model.items() if row[1] < 0 or row[1] > now}

    @rule(key=KEYS, value=VALUES)
    def set(self, key: bytes, value: bytes) -> None:
        self.db.set_string(key, value)
        self.model[key] = (value, -1)

    @rule(key=KEYS, value=VALUES)
    def set_keeping_expiry(self, key: bytes, value: bytes) -> None:
        self.db.write_value(key)  # an expired key is deleted by whoever is about to write
        expiry = self.live().get(key, (b"", -1))[1]
        self.db.set_string(key, value, keep_ttl=True)
        self.model[key] = (value, expiry)

    @rule(key=KEYS, value=VALUES, after=st.integers(1, 1000))
    def set_expiring(self, key: bytes, value: bytes, after: int) -> None:
        self.db.set_string(key, value, expire_at=self.space.now_ms + after)
        self.model[key] = (value, self.space.now_ms + after)

    @rule(key=KEYS, after=st.integers(1, 1000))
    def expire(self, key: bytes, after: int) -> None:
        row = self.live().get(key)
        assert self.db.set_expire(key, self.space.now_ms + after) == (row is not None)
        if row is not None:
            self.model[key] = (row[0], self.space.now_ms + after)

    @rule(key=KEYS)
    def persist(self, key: bytes) -> None:
        row = self.live().get(key)
        assert self.db.persist(key) == (row is not None and row[1] >= 0)
        if row is not None:
            self.model[key] = (row[0], -1)

    @rule(key=KEYS)
    def delete(self, key: bytes) -> None:
        assert self.db.delete(key) == (key in self.live())
        self.model.pop(key, None)

    @rule(key=KEYS)
    def take(self, key: bytes) -> None:
        row = self.live().get(key)
        assert self.db.take(key) == row
        self.model.pop(key, None)

    @rule(milliseconds=st.integers(1, 500))
    def wait(self, milliseconds: int) -> None:
        self.space.now_ms += milliseconds

    @rule()
    def flush(self) -> None:
        self.db.flush()
        self.model.clear()

    @rule(key=KEYS)
    def read(self, key: bytes) -> None:
        row = self.live().get(key)
        assert self.db.string(key) == (row[0] if row else None)
        assert self.db.expire_at(key) == (row[1] if row else -2)
        assert self.db.exists(key) == (row is not None)
        assert self.db.type_of(key) == ("string" if row else "none")

    @invariant()
    def same_keys(self) -> None:
        assert sorted(self.db.keys()) == sorted(self.live())

    @invariant()
    def expiring_are_counted(self) -> None:
        assert self.db.expiring >= sum(row[1] >= 0 for row in self.live().values())


AgainstDictionary.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAgainstDictionary = AgainstDictionary.TestCase


def test_scan_returns_every_key_that_stays_while_the_table_grows_and_shrinks() -> None:
    space = Keyspace(1)
    db = space.databases[0]
    staying = {b"stay:%d" % i for i in range(3000)}
    for key in staying:
        db.set_string(key, b"1")
    seen: set[bytes] = set()
    cursor, turn = 0, 0
    while True:
        cursor, found = db.scan(cursor, 10)
        seen.update(found)
        if cursor == 0:
            break
        # first grow far, then shrink far, so that the scan lives through several resizes both ways
        for i in range(200):
            key = b"come:%d" % (turn * 200 + i)
            if turn < 100:
                db.set_string(key, b"2")
            else:
                db.delete(b"come:%d" % ((turn - 100) * 200 + i))
        turn += 1
    assert staying <= seen


def test_a_key_of_16_bytes_with_64_bytes_of_value_takes_at_most_45_bytes_more() -> None:
    space = Keyspace(1)
    db = space.databases[0]
    before = used_memory()
    for i in range(100_000):
        db.set_string(b"key:%012d" % i, b"v" * 64)
    while space.resizing():
        space.resize_step(1000)
    assert (used_memory() - before) / 100_000 - 80 <= 45


def test_freeing_a_database_gives_all_memory_back() -> None:
    space = Keyspace(1)
    db = space.databases[0]
    before = used_memory()
    for i in range(50_000):
        db.set_string(b"key:%d" % i, b"v" * (i % 100), expire_at=2**60 if i % 2 else -1)
    db.flush()
    while space.free_lazily(10_000):
        pass
    assert used_memory() - before < 2000


def test_random_keys_are_spread_over_all_keys() -> None:
    db = Keyspace(1).databases[0]
    for i in range(50):
        db.set_string(b"%d" % i, b"x")
    assert len({db.random_key() for _ in range(2000)}) == 50
