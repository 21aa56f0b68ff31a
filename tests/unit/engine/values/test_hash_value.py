"""Hashes against a dict: both forms, conversions, field expiry, scans while the table moves."""

import gc

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scrubjay_engine.values.hash_value import HashValue
from scrubjay_engine.values.limits import set_limit
from scrubjay_engine.values.listpack import entries_of
from scrubjay_engine.values.memory import used_memory

FIELDS = st.one_of(
    st.integers(0, 30).map(lambda number: b"f%d" % number),
    st.integers(-5, 5).map(lambda number: b"%d" % number),
    st.binary(max_size=3),
    st.sampled_from([255, 256, 5000]).map(lambda size: b"k" * size),
)
DATA = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number),
    st.binary(max_size=70),
    st.sampled_from([65535, 65536, 100_000]).map(lambda size: b"\xff" * size),
)


class HashMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        gc.collect()  # what another test left must not vanish while this one counts
        self.before = used_memory()
        self.value: HashValue | None = HashValue()
        self.model: dict[bytes, bytes] = {}
        self.times: dict[bytes, int] = {}
        self.large = False

    @property
    def ours(self) -> HashValue:
        assert self.value is not None
        return self.value

    @initialize(entries=st.sampled_from([128, 4, 0]), size=st.sampled_from([64, 2, 1 << 40]))
    def thresholds(self, entries: int, size: int) -> None:
        self.entries, self.size = entries, size
        set_limit("hash-max-listpack-entries", entries)
        set_limit("hash-max-listpack-value", size)

    @rule(field=FIELDS, data=DATA, keep=st.booleans())
    def put(self, field: bytes, data: bytes, keep: bool) -> None:
        assert self.ours.set(field, data, keep) is (field not in self.model)
        self.model[field] = data
        if not keep:
            self.times.pop(field, None)
        self.large |= len(self.model) > self.entries or max(len(field), len(data)) > self.size

    @rule(pairs=st.dictionaries(FIELDS, DATA, max_size=40))
    def put_many(self, pairs: dict[bytes, bytes]) -> None:
        for field, data in pairs.items():
            self.put(field=field, data=data, keep=False)

    @rule(field=FIELDS)
    def delete(self, field: bytes) -> None:
        assert self.ours.delete(field) is (field in self.model)
        self.model.pop(field, None)
        self.times.pop(field, None)

    @rule(data=st.data(), count=st.integers(1, 40))
    def delete_known(self, data: st.DataObject, count: int) -> None:
        for field in data.draw(st.permutations(sorted(self.model)))[:count]:
            self.delete(field=field)

    @rule(field=FIELDS, when=st.integers(0, 50))
    def expire(self, field: bytes, when: int) -> None:
        assert self.ours.set_expiry(field, when) is (field in self.model)
        if field in self.model:
            self.times[field] = when
            self.large = True

    @rule(when=st.integers(0, 50))
    def expire_all(self, when: int) -> None:
        for step, field in enumerate(sorted(self.model)):
            self.expire(field=field, when=(when + step * 7) % 50)

    @rule(field=FIELDS)
    def persist(self, field: bytes) -> None:
        assert self.ours.persist(field) is (field in self.times)
        self.times.pop(field, None)

    @rule(now=st.integers(0, 30), limit=st.sampled_from([-1, 1, 3]))
    def pass_time(self, now: int, limit: int) -> None:
        due = sorted(when for when in self.times.values() if when <= now)
        gone = self.ours.expired(now, limit)
        assert [self.times[field] for field in gone] == (due if limit < 0 else due[:limit])
        for field in gone:
            del self.model[field], self.times[field]

    @rule(field=FIELDS)
    def look(self, field: bytes) -> None:
        assert self.ours.get(field) == self.model.get(field)
        assert (field in self.ours) is (field in self.model)
        assert self.ours.expire_at(field) == (self.times.get(field, -1) if field in self.model else -2)

    @rule(count=st.integers(0, 50))
    def sample(self, count: int) -> None:
        drawn = self.ours.sample(count)
        assert len(dict(drawn)) == len(drawn) == min(count, len(self.model))
        assert set(drawn) <= set(self.model.items())
        one = self.ours.random()
        assert (one is None) is (not self.model)
        assert one is None or one in self.model.items()

    @rule()
    def copy(self) -> None:
        twin = self.ours.copy()
        self.ours.set(b"only here", b"1")
        self.value = twin

    @invariant()
    def same(self) -> None:
        self.large &= bool(self.model)
        assert len(self.ours) == len(self.model)
        assert dict(self.ours.items()) == self.model
        assert self.ours.encoding() == ("hashtable" if self.large else "listpack")
        assert self.ours.timed() == len(self.times)
        assert self.ours.next_expiry() == min(self.times.values(), default=-1)
        dump = self.ours.dump()
        assert dump is None or entries_of(dump) == [part for pair in self.ours.items() for part in pair]

    def teardown(self) -> None:
        self.value = None
        assert used_memory() == self.before


HashMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
TestHashMachine = HashMachine.TestCase


def filled(count: int) -> HashValue:
    value = HashValue()
    for number in range(count):
        value.set(b"field:%d" % number, b"value:%d" % number)
    return value


def test_a_large_hash() -> None:
    before = used_memory()
    value = filled(100_000)
    assert len(value) == 100_000
    assert value.get(b"field:77777") == b"value:77777"
    assert abs(value.memory_usage(20) - (used_memory() - before)) < 0.1 * (used_memory() - before)
    for number in range(0, 100_000, 2):
        assert value.delete(b"field:%d" % number)
    assert set(value) == {b"field:%d" % number for number in range(1, 100_000, 2)}
    steps = 1
    while not value.free_step(1000):
        steps += 1
    assert steps >= 50
    del value
    assert used_memory() == before


@pytest.mark.parametrize("change", ["grow", "shrink"])
def test_a_scan_returns_whatever_stays(change: str) -> None:
    value = filled(5000)
    stay = {b"field:%d" % number for number in range(100)}
    cursor, turn = 0, 0
    seen: set[bytes] = set()
    while True:
        cursor, found = value.scan(cursor, 10)
        seen.update(field for field, _ in found)
        for number in range(turn * 40, turn * 40 + 40):
            if change == "grow":
                value.set(b"new:%d" % number, b"")
            elif number + 100 < 5000:
                value.delete(b"field:%d" % (number + 100))
        turn += 1
        if cursor == 0:
            break
    assert stay <= seen


def test_an_expiry_before_the_epoch_is_refused() -> None:
    value = filled(1)
    with pytest.raises(ValueError, match="Unix milliseconds"):
        value.set_expiry(b"field:0", -1)
