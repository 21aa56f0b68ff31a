"""Consumer groups: pending entries move between consumers, are acknowledged, and both indexes stay the same."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scrubjay_engine.values.memory import used_memory
from scrubjay_engine.values.stream_groups import Group

MAX_ID = (1 << 128) - 1
names = st.sampled_from([b"alice", b"bob", b"carol"])
ids = st.integers(1, 40) | st.integers(1, MAX_ID)


class AgainstModel(RuleBasedStateMachine):
    """A group and a dict of ID -> (consumer's name, time, deliveries)."""

    @initialize()
    def start(self) -> None:
        self.group = Group()
        self.pending: dict[int, tuple[bytes, int, int]] = {}
        self.names: set[bytes] = set()

    @rule(number=ids, name=names, time=st.integers(0, 100), deliveries=st.integers(0, 5))
    def assign(self, number: int, name: bytes, time: int, deliveries: int) -> None:
        self.group.assign(number, self.group.add_consumer(name, 1), time, deliveries)
        self.names.add(name)
        self.pending[number] = name, time, deliveries

    @rule(data=st.data(), other=ids)
    def acknowledge(self, data: st.DataObject, other: int) -> None:
        number = data.draw(st.sampled_from([other, *self.pending]))
        assert self.group.acknowledge(number) == (self.pending.pop(number, None) is not None)

    @rule(name=names)
    def remove_consumer(self, name: bytes) -> None:
        mine = [number for number, entry in self.pending.items() if entry[0] == name]
        assert self.group.remove_consumer(name) == (len(mine) if name in self.names else None)
        self.names.discard(name)
        for number in mine:
            del self.pending[number]

    @rule(start=ids, end=ids, count=st.integers(-1, 4), name=st.none() | names, before=st.integers(0, 100))
    def read(self, start: int, end: int, count: int, name: bytes | None, before: int) -> None:
        if name is not None and name not in self.names:
            return
        consumer = None if name is None else self.group.consumers[name]
        found = self.group.pending_range(start, end, count, consumer, before)
        expected = [
            (number, *entry)
            for number, entry in sorted(self.pending.items())
            if start <= number <= end and entry[1] <= before and name in (None, entry[0])
        ]
        assert [(number, owner.name, *rest) for number, owner, *rest in found] == (
            expected if count < 0 else expected[:count]
        )

    @rule()
    def copy(self) -> None:
        twin = self.group.copy()
        twin.check()
        assert self.listed(twin) == self.listed(self.group)

    @staticmethod
    def listed(group: Group) -> list[tuple[int, bytes, int, int]]:
        return [(number, owner.name, at, times) for number, owner, at, times in group.pending_range(0, MAX_ID)]

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "group"):
            return
        self.group.check()
        assert self.listed(self.group) == [(number, *entry) for number, entry in sorted(self.pending.items())]
        assert self.group.bounds() == ((min(self.pending), max(self.pending)) if self.pending else None)
        for name in self.names:
            mine = sorted(number for number, entry in self.pending.items() if entry[0] == name)
            assert self.group.consumers[name].ids() == mine and len(self.group.consumers[name]) == len(mine)


AgainstModel.TestCase.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
TestAgainstModel = AgainstModel.TestCase


def test_pending_entries_are_compact_and_given_back() -> None:
    before = used_memory()
    group = Group()
    consumer = group.add_consumer(b"c", 1)
    for number in range(1, 10_001):
        group.assign(number, consumer, 1, 1)
    assert used_memory() - before < 100 * 10_000
    assert group.free_step(9_000) == 9_000 and len(consumer) == 1_000
    del group, consumer
    assert used_memory() == before


def test_a_consumer_may_outlive_its_group() -> None:
    group = Group()
    consumer = group.add_consumer(b"c", 1)
    group.assign(7, consumer, 1, 1)
    del group
    assert consumer.ids() == [7]
