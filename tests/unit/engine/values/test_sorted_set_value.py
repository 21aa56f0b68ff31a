"""Sorted sets against a sorted Python list: both forms, ranks, bounds, removals, and a tree that splits and joins."""

import math
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scrubjay_engine.values.limits import set_limit
from scrubjay_engine.values.listpack import entries_of
from scrubjay_engine.values.memory import used_memory
from scrubjay_engine.values.sorted_set_value import SortedSetValue

NX, XX, GT, LT, INCR = 1, 2, 4, 8, 16
ADDED, UPDATED, NOTHING, NAN = 1, 2, 4, 8

MEMBERS = st.one_of(
    st.integers(0, 400).map(lambda number: b"m%d" % number),
    st.integers(-9, 9).map(lambda number: b"%d" % number),
    st.binary(max_size=3),
    st.sampled_from([64, 254, 255, 3000]).map(lambda size: b"z" * size),
)
SCORES = st.one_of(
    st.integers(-5, 5).map(float),
    st.sampled_from([math.inf, -math.inf, -0.0, 0.1, 2.0**53, -(2.0**53), 2.0**63, 1e300, 5e-324]),
    st.floats(allow_nan=False),
)


class SortedSetMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.before = used_memory()
        self.value: SortedSetValue | None = SortedSetValue()
        self.model: dict[bytes, float] = {}
        self.large = False

    @property
    def ours(self) -> SortedSetValue:
        assert self.value is not None
        return self.value

    @initialize(entries=st.sampled_from([128, 5, 0]))
    def thresholds(self, entries: int) -> None:
        self.entries = entries
        set_limit("zset-max-listpack-entries", entries)

    def expected(self, member: bytes, score: float, flags: int) -> int:
        current = self.model.get(member)
        if current is None:
            return NOTHING if flags & XX else ADDED
        if flags & NX:
            return NOTHING
        score = score + current if flags & INCR else score
        if math.isnan(score):
            return NAN
        if (flags & GT and score <= current) or (flags & LT and score >= current):
            return NOTHING
        return UPDATED if score != current else 0

    @rule(member=MEMBERS, score=SCORES, flags=st.sampled_from([0, 0, NX, XX, GT, LT, XX | GT, INCR, INCR | LT]))
    def add(self, member: bytes, score: float, flags: int) -> None:
        wanted = self.expected(member, score, flags)
        outcome, now = self.ours.add(member, score, flags)
        assert outcome == wanted
        if wanted in (ADDED, UPDATED):
            score = score + self.model[member] if flags & INCR and wanted == UPDATED else score
            self.model[member] = score
            assert now == score
            self.large |= wanted == ADDED and (len(self.model) > self.entries or len(member) > 64)

    @rule(start=st.integers(0, 300), count=st.integers(1, 250), spread=st.sampled_from([1, 3, 7]))
    def add_many(self, start: int, count: int, spread: int) -> None:
        for number in range(start, start + count):
            self.add(member=b"m%d" % number, score=float(number * spread % 97), flags=0)

    @rule(member=MEMBERS)
    def remove(self, member: bytes) -> None:
        assert self.ours.remove(member) is (member in self.model)
        self.model.pop(member, None)

    @rule(data=st.data(), share=st.floats(0, 1), backward=st.booleans())
    def remove_range(self, data: st.DataObject, share: float, backward: bool) -> None:
        order = self.order()
        count = int(len(order) * share)
        start = data.draw(st.integers(0, len(order) - count))
        self.ours.remove_range(start, count)
        for member, _ in order[start : start + count]:
            del self.model[member]

    @rule(step=st.integers(2, 5))
    def thin_out(self, step: int) -> None:
        for member, _ in self.order()[::step]:
            self.remove(member=member)

    @rule(member=MEMBERS)
    def look(self, member: bytes) -> None:
        order = [have for have, _ in self.order()]
        assert self.ours.score(member) == self.model.get(member)
        assert (member in self.ours) is (member in self.model)
        assert self.ours.rank(member) == (order.index(member) if member in self.model else None)

    @rule(score=SCORES, after=st.booleans())
    def bound(self, score: float, after: bool) -> None:
        lower = sum(have < score or (after and have == score) for have in self.model.values())
        assert self.ours.rank_of_score(score, after) == lower

    @rule(start=st.integers(0, 400), count=st.integers(0, 400), backward=st.booleans())
    def read(self, start: int, count: int, backward: bool) -> None:
        order = self.order()
        wanted = order[start::-1] if backward else order[start:]
        assert self.ours.range(start, count, backward) == (wanted[:count] if start < len(order) else [])

    @rule(count=st.integers(0, 50))
    def sample(self, count: int) -> None:
        drawn = self.ours.sample(count)
        assert len(dict(drawn)) == len(drawn) == min(count, len(self.model))
        assert set(drawn) <= set(self.model.items())

    @rule()
    def copy(self) -> None:
        twin = self.ours.copy()
        self.ours.add(b"only here", 1.5)
        self.value = twin

    def order(self) -> list[tuple[bytes, float]]:
        return sorted(self.model.items(), key=lambda item: (item[1], item[0]))

    @invariant()
    def same(self) -> None:
        self.large &= bool(self.model)
        assert len(self.ours) == len(self.model)
        assert self.ours.items() == self.order()
        assert self.ours.encoding() == ("skiplist" if self.large else "listpack")
        dump = self.ours.dump()
        if dump is not None:
            parts = entries_of(dump)
            assert [
                (member, float(score)) for member, score in zip(parts[::2], parts[1::2], strict=True)
            ] == self.order()

    def teardown(self) -> None:
        self.value = None
        assert used_memory() == self.before


SortedSetMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestSortedSetMachine = SortedSetMachine.TestCase


@pytest.mark.parametrize("order", ["ascending", "descending", "random", "equal"])
def test_a_large_sorted_set(order: str) -> None:
    before = used_memory()
    numbers = list(range(100_000))
    chance = random.Random(5)
    if order == "random":
        chance.shuffle(numbers)
    elif order == "descending":
        numbers.reverse()
    value = SortedSetValue()
    for number in numbers:
        value.add(b"member:%06d" % number, 0.0 if order == "equal" else float(number))
    assert [member for member, _ in value.items()] == [b"member:%06d" % number for number in range(100_000)]
    for number in chance.sample(range(100_000), 200):
        assert value.rank(b"member:%06d" % number) == number
        assert value.rank_of_member(b"member:%06d" % number, after=True) == number + 1 or order != "equal"
        assert value.range(number, 2, backward=True)[0][0] == b"member:%06d" % number
    assert abs(value.memory_usage(20) - (used_memory() - before)) < 0.1 * (used_memory() - before)
    left = chance.sample(range(100_000), 1000)
    for number in set(range(100_000)) - set(left):
        assert value.remove(b"member:%06d" % number)
    assert [member for member, _ in value.items()] == [b"member:%06d" % number for number in sorted(left)]
    value.remove_range(0, 500)
    assert [member for member, _ in value.items()] == [b"member:%06d" % number for number in sorted(left)[500:]]
    del value
    assert used_memory() == before


def test_moving_scores_keeps_the_order() -> None:
    chance = random.Random(6)
    value = SortedSetValue()
    model: dict[bytes, float] = {}
    for _ in range(60_000):
        member = b"m%d" % chance.randrange(3000)
        change = chance.choice([0.25, 1.0, -3.0])
        value.add(member, change, INCR)
        model[member] = model.get(member, 0.0) + change
    assert value.items() == sorted(model.items(), key=lambda item: (item[1], item[0]))


def test_freeing_goes_in_steps() -> None:
    before = used_memory()
    value = SortedSetValue()
    for number in range(20_000):
        value.add(b"m%d" % number, float(number))
    steps = 1
    while not value.free_step(500):
        steps += 1
    assert steps >= 30
    del value
    assert used_memory() == before


def test_ranges_that_are_not_there() -> None:
    value = SortedSetValue()
    value.add(b"a", 1.0)
    with pytest.raises(IndexError):
        value.remove_range(0, 2)
    assert value.range(1, 1) == []
    flags, score = value.add(b"a", math.nan)
    assert flags == NAN
    assert math.isnan(score)
