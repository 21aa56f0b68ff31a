"""Lists against a Python list, with small node sizes so that chains, splits and joins happen all the time."""

import gc

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scrubjay_engine.values.limits import set_limit
from scrubjay_engine.values.list_value import ListValue
from scrubjay_engine.values.listpack import entries_of
from scrubjay_engine.values.memory import used_memory

ELEMENTS = st.one_of(
    st.integers(-3, 3).map(lambda number: b"%d" % number),
    st.sampled_from([b"", b"a", b"b", b"-9223372036854775808", b"9223372036854775807", b"x" * 700, b"\x00\xff" * 3000]),
    st.binary(max_size=200),
)
INDEXES = st.integers(-40, 40)


class ListMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        gc.collect()  # what another test left must not vanish while this one counts
        self.before = used_memory()
        self.value: ListValue | None = ListValue()
        self.model: list[bytes] = []

    @property
    def ours(self) -> ListValue:
        assert self.value is not None
        return self.value

    @initialize(size=st.sampled_from([-2, -1, 1, 2, 5]))
    def node_size(self, size: int) -> None:
        set_limit("list-max-listpack-size", size)

    @rule(elements=st.lists(ELEMENTS, min_size=1, max_size=20), head=st.booleans())
    def push(self, elements: list[bytes], head: bool) -> None:
        for element in elements:
            self.ours.push(element, head)
            self.model.insert(0 if head else len(self.model), element)

    @rule(count=st.integers(1, 15), head=st.booleans())
    def pop(self, count: int, head: bool) -> None:
        for _ in range(count):
            expected = self.model.pop(0 if head else -1) if self.model else None
            assert self.ours.peek(head) == expected
            assert self.ours.pop(head) == expected

    @rule(index=INDEXES, element=ELEMENTS)
    def replace(self, index: int, element: bytes) -> None:
        inside = -len(self.model) <= index < len(self.model)
        assert self.ours.set(index, element) is inside
        if inside:
            self.model[index] = element

    @rule(pivot=ELEMENTS, element=ELEMENTS, after=st.booleans())
    def insert(self, pivot: bytes, element: bytes, after: bool) -> None:
        found = pivot in self.model
        assert self.ours.insert(pivot, element, after) is found
        if found:
            self.model.insert(self.model.index(pivot) + after, element)

    @rule(data=st.data(), element=ELEMENTS, after=st.booleans())
    def insert_at_known(self, data: st.DataObject, element: bytes, after: bool) -> None:
        if self.model:
            self.insert(pivot=data.draw(st.sampled_from(self.model)), element=element, after=after)

    @rule(element=ELEMENTS, count=st.integers(-3, 3))
    def remove(self, element: bytes, count: int) -> None:
        places = [at for at, have in enumerate(self.model) if have == element]
        gone = set(places if count == 0 else places[:count] if count > 0 else places[count:])
        assert self.ours.remove(element, count) == len(gone)
        self.model = [have for at, have in enumerate(self.model) if at not in gone]

    @rule(start=INDEXES, stop=INDEXES)
    def trim(self, start: int, stop: int) -> None:
        kept = self.slice(start, stop)
        assert self.ours.trim(start, stop) == len(self.model) - len(kept)
        self.model = kept

    def slice(self, start: int, stop: int) -> list[bytes]:
        length = len(self.model)
        start = max(start + length, 0) if start < 0 else start
        stop = stop + length if stop < 0 else stop
        return self.model[start : stop + 1] if start <= stop else []

    @rule(start=INDEXES, stop=INDEXES, index=INDEXES)
    def look(self, start: int, stop: int, index: int) -> None:
        assert self.ours.range(start, stop) == self.slice(start, stop)
        inside = -len(self.model) <= index < len(self.model)
        assert self.ours.index(index) == (self.model[index] if inside else None)

    @rule(
        element=ELEMENTS, rank=st.sampled_from([1, 2, 3, -1, -2]), count=st.integers(0, 3), longest=st.integers(0, 30)
    )
    def positions(self, element: bytes, rank: int, count: int, longest: int) -> None:
        order = list(enumerate(self.model))
        if rank < 0:
            order.reverse()
        found = [at for at, have in order[: longest or None] if have == element][abs(rank) - 1 :]
        assert self.ours.positions(element, rank, count, longest) == found[: count or None]

    @rule()
    def copy(self) -> None:
        twin = self.ours.copy()
        self.ours.push(b"only here")
        self.model.append(b"only here")
        assert list(twin) == self.model[:-1]
        assert self.ours.pop() == b"only here"
        self.model.pop()
        self.value = twin

    @invariant()
    def same(self) -> None:
        assert len(self.ours) == len(self.model)
        assert list(self.ours) == self.model
        assert [element for node in self.ours.dump_nodes() for element in entries_of(node)] == self.model
        assert self.ours.memory_usage() == used_memory() - self.before

    def teardown(self) -> None:
        self.value = None
        assert used_memory() == self.before


ListMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
TestListMachine = ListMachine.TestCase


def test_a_large_list_keeps_order_at_both_ends() -> None:
    value = ListValue()
    for number in range(100_000):
        value.push(b"item:%d" % number, head=number % 2 == 0)
    model = [b"item:%d" % number for number in [*range(99_998, -1, -2), *range(1, 100_000, 2)]]
    assert list(value) == model
    assert value.nodes() > 100
    assert [value.index(at) for at in (0, 49_999, 50_000, -1)] == [model[at] for at in (0, 49_999, 50_000, -1)]
    for at in range(60_000):
        assert value.pop(head=True) == model[at]
    assert value.range(0, 10) == model[60_000:60_011]


def test_huge_elements_lie_alone() -> None:
    value = ListValue()
    huge = bytes(range(256)) * 8192
    for element in (b"a", huge, b"b", huge, b"c"):
        value.push(element)
    assert list(value) == [b"a", huge, b"b", huge, b"c"]
    assert value.remove(huge) == 2
    assert list(value) == [b"a", b"b", b"c"]


def test_freeing_goes_in_steps() -> None:
    before = used_memory()
    value = ListValue()
    for number in range(50_000):
        value.push(b"%d" % number)
    steps = 1
    while not value.free_step(3):
        steps += 1
    assert steps > 5
    assert len(value) == 0
    del value
    assert used_memory() == before


def test_removal_counts_beyond_64_bits_of_sense() -> None:
    value = ListValue()
    for _ in range(3):
        value.push(b"x")
    assert value.remove(b"x", -(2**63)) == 3
