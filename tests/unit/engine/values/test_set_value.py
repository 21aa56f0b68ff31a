"""Sets against a Python set: integers, pack and table, and the draws' evenness."""

import gc
import re
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scrubjay_engine.values.limits import set_limit
from scrubjay_engine.values.memory import used_memory
from scrubjay_engine.values.randomness import seed
from scrubjay_engine.values.set_value import SetValue

NUMBERS = st.one_of(
    st.integers(-20, 20),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([-(2**15), 2**15, -(2**31), 2**31, -(2**63), 2**63 - 1]),
)
INTEGERS = NUMBERS.map(lambda number: b"%d" % number)
STRINGS = st.one_of(
    st.binary(max_size=4),
    st.sampled_from([b"01", b"9223372036854775808"]),
    st.sampled_from([254, 255, 70_000]).map(lambda size: b"m" * size),
)


class SetMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        gc.collect()  # what another test left must not vanish while this one counts
        seed(1)  # Hypothesis replays examples: the same steps must pop the same members
        self.before = used_memory()
        self.value: SetValue | None = SetValue()
        self.model: set[bytes] = set()
        self.integers = True

    @property
    def ours(self) -> SetValue:
        assert self.value is not None
        return self.value

    @initialize(integers=st.sampled_from([512, 6]), entries=st.sampled_from([128, 4, 0]))
    def thresholds(self, integers: int, entries: int) -> None:
        self.most = integers
        set_limit("set-max-intset-entries", integers)
        set_limit("set-max-listpack-entries", entries)

    @rule(members=st.lists(INTEGERS, min_size=1, max_size=12))
    def add_integers(self, members: list[bytes]) -> None:
        for member in members:
            assert self.ours.add(member) is (member not in self.model)
            self.model.add(member)
            self.integers &= len(self.model) <= self.most

    @rule(member=STRINGS)
    def add_string(self, member: bytes) -> None:
        is_integer = re.fullmatch(rb"0|-?[1-9][0-9]*", member) is not None and int(member) < 2**63
        assert self.ours.add(member) is (member not in self.model)
        self.model.add(member)
        self.integers &= is_integer and len(self.model) <= self.most

    @rule(member=st.one_of(INTEGERS, STRINGS))
    def remove(self, member: bytes) -> None:
        assert (member in self.ours) is (member in self.model)
        assert self.ours.remove(member) is (member in self.model)
        self.model.discard(member)

    @rule(data=st.data(), count=st.integers(1, 20))
    def remove_known(self, data: st.DataObject, count: int) -> None:
        for member in data.draw(st.permutations(sorted(self.model)))[:count]:
            assert self.ours.remove(member)
            self.model.remove(member)

    @rule(count=st.integers(0, 6))
    def pop(self, count: int) -> None:
        for _ in range(count):
            member = self.ours.pop()
            if member is None:
                assert not self.model
            else:
                self.model.remove(member)

    @rule(count=st.integers(0, 30))
    def sample(self, count: int) -> None:
        drawn = self.ours.sample(count)
        assert len(set(drawn)) == len(drawn) == min(count, len(self.model))
        assert set(drawn) <= self.model

    @rule()
    def copy(self) -> None:
        twin = self.ours.copy()
        self.ours.add(b"only here")
        self.value = twin

    @invariant()
    def same(self) -> None:
        self.integers |= not self.model
        assert len(self.ours) == len(self.model)
        members = self.ours.members()
        assert len(members) == len(self.model)
        assert set(members) == self.model
        assert self.ours.encoding() == ("intset" if self.integers else "hashtable")
        if self.integers:
            assert [int(member) for member in members] == sorted(int(member) for member in self.model)

    def teardown(self) -> None:
        self.value = None
        assert used_memory() == self.before


SetMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
TestSetMachine = SetMachine.TestCase


@pytest.mark.parametrize("prefix", [b"", b"member:"])
def test_a_large_set(prefix: bytes) -> None:
    before = used_memory()
    value = SetValue()
    members = {prefix + b"%d" % number for number in range(100_000)}
    for member in members:
        assert value.add(member)
    assert set(value) == members
    assert abs(value.memory_usage(20) - (used_memory() - before)) < 0.1 * (used_memory() - before)
    cursor, seen = value.scan(0, 100)
    while cursor:
        cursor, found = value.scan(cursor, 100)
        seen += found
    assert set(seen) == members
    assert len(set(value.sample(1000))) == 1000
    while not value.free_step(1000):
        pass
    del value
    assert used_memory() == before


@pytest.mark.parametrize(
    "members",
    [[b"%d" % n for n in range(64)], [b"m%d" % n for n in range(64)], [b"m%d" % n + b"." * 70 for n in range(64)]],
)
def test_draws_are_even(members: list[bytes]) -> None:
    seed(20)
    value = SetValue()
    for member in members:
        value.add(member)
    drawn = Counter(value.random() for _ in range(64_000))
    assert len(drawn) == 64
    # Each is drawn 1000 times on average, with a standard deviation of 31 for perfect chance; in a table,
    # members of a crowded bucket are less likely.
    assert 500 < min(drawn.values()) <= max(drawn.values()) < 1500
