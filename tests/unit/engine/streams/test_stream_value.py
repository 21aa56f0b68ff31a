"""Stream values against a plain sorted list: appending, ranges both ways, deleting, trimming, counters, copies."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scrubjay_engine.values.memory import used_memory
from scrubjay_engine.values.stream_value import MAX_ID, StreamValue, format_id, get_node_limits, set_node_limits


def make_id(ms: int, seq: int = 0) -> int:
    return ms << 64 | seq


def shown(number: int, pairs: list[bytes]) -> list[bytes | list[bytes]]:
    return [b"%d-%d" % (number >> 64, number & (1 << 64) - 1), pairs]


@pytest.fixture(autouse=True)
def node_limits() -> Iterator[None]:
    before = get_node_limits()
    yield
    set_node_limits(*before)


def filled(count: int, step: int = 1) -> StreamValue:
    stream = StreamValue()
    for i in range(1, count + 1):
        stream.append(make_id(i * step), [b"n", b"%d" % i])
    return stream


field = st.sampled_from([b"f", b"name", b"10", b""]) | st.binary(max_size=6)
pairs = st.lists(
    st.tuples(field, st.binary(max_size=40) | st.integers().map(lambda n: b"%d" % n)), min_size=1, max_size=4
)


class AgainstModel(RuleBasedStateMachine):
    """Every operation on a stream with small nodes and on a sorted list of (ID, pairs)."""

    @initialize(entries=st.sampled_from([1, 3, 130, 0]), size=st.sampled_from([0, 60, 4096]))
    def start(self, entries: int, size: int) -> None:
        self.limits = get_node_limits()
        set_node_limits(size, entries)
        self.stream = StreamValue()
        self.model: list[tuple[int, list[bytes]]] = []
        self.added, self.last, self.deleted = 0, 0, 0

    def teardown(self) -> None:
        set_node_limits(*self.limits)

    @rule(gap=st.integers(1, 5) | st.integers(1, 1 << 70), content=pairs)
    def append(self, gap: int, content: list[tuple[bytes, bytes]]) -> None:
        flat = list(itertools.chain.from_iterable(content))
        if self.last + gap > MAX_ID:
            return
        self.last += gap
        self.stream.append(self.last, [b"XADD", b"key", *flat], 2)
        self.model.append((self.last, flat))
        self.added += 1

    @rule(count=st.integers(1, 150))
    def append_many(self, count: int) -> None:
        for _ in range(count):
            self.append(1, [(b"f", b"v")])

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.model))[0]
        assert self.stream.delete(number)
        assert not self.stream.delete(number)
        self.model = [entry for entry in self.model if entry[0] != number]
        self.deleted = max(self.deleted, number)

    @rule(longest=st.integers(0, 200))
    def trim_to_length(self, longest: int) -> None:
        surplus = max(0, len(self.model) - longest)
        assert self.stream.trim_to_length(longest) == surplus
        self.model = self.model[surplus:]

    @rule(data=st.data())
    def trim_below(self, data: st.DataObject) -> None:
        lowest = data.draw(st.integers(0, self.last + 2))
        kept = [entry for entry in self.model if entry[0] >= lowest]
        assert self.stream.trim_below(lowest) == len(self.model) - len(kept)
        self.model = kept

    @rule(longest=st.integers(0, 50), limit=st.integers(0, 20))
    def trim_whole_nodes(self, longest: int, limit: int) -> None:
        dropped = self.stream.trim_to_length(longest, whole_nodes=True, limit=limit)
        assert not dropped or len(self.model) - dropped >= longest
        assert not limit or dropped <= limit
        self.model = self.model[dropped:]

    @rule(data=st.data(), count=st.integers(-1, 5), reverse=st.booleans())
    def read(self, data: st.DataObject, count: int, reverse: bool) -> None:
        start, end = (data.draw(st.integers(0, self.last + 2)) for _ in range(2))
        expected = [shown(*entry) for entry in self.model if start <= entry[0] <= end]
        expected = expected[::-1] if reverse else expected
        assert self.stream.range(start, end, count, reverse=reverse) == (expected if count < 0 else expected[:count])

    @rule()
    def copy(self) -> None:
        twin = self.stream.copy()
        twin.append(twin.last_id + 1, [b"only", b"here"])
        twin.check()
        self.stream.check()

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "stream"):
            return
        self.stream.check()
        assert len(self.stream) == len(self.model)
        assert self.stream.range(0, MAX_ID) == [shown(*entry) for entry in self.model]
        assert self.stream.first_id == (self.model[0][0] if self.model else 0)
        assert self.stream.last_live_id() == (self.model[-1][0] if self.model else 0)
        assert self.stream.last_id == self.last
        assert (self.stream.entries_added, self.stream.max_deleted_id) == (self.added, self.deleted)


AgainstModel.TestCase.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
TestAgainstModel = AgainstModel.TestCase


@given(st.integers(0, MAX_ID))
def test_ids_are_written_as_redis_does(number: int) -> None:
    assert format_id(number) == b"%d-%d" % (number >> 64, number & (1 << 64) - 1)


def test_an_id_must_be_above_the_last_one() -> None:
    stream = filled(3)
    for number in (0, make_id(3), make_id(2, 9)):
        with pytest.raises(ValueError, match="above"):
            stream.append(number, [b"a", b"b"])


def test_next_id_follows_the_clock_and_never_goes_back() -> None:
    stream = StreamValue()
    assert stream.next_id(5) == make_id(5)
    stream.append(make_id(5), [b"a", b"b"])
    assert (stream.next_id(5), stream.next_id(4), stream.next_id(6)) == (make_id(5, 1), make_id(5, 1), make_id(6))
    stream.last_id = make_id(7, (1 << 64) - 1)
    assert stream.next_id(6) == make_id(8)
    stream.last_id = MAX_ID
    assert stream.next_id(6) is None


def test_nodes_are_what_a_redis_server_writes() -> None:
    """The node of XADD 1-1 f v, 2-0 f 12, 2-5 g v, then XDEL 2-0: key and listpack from DUMP of redis-server 7.0.15."""
    stream = StreamValue()
    stream.append(make_id(1, 1), [b"f", b"v"])
    stream.append(make_id(2, 0), [b"f", b"12"])
    stream.append(make_id(2, 5), [b"g", b"v"])
    stream.delete(make_id(2, 0))
    [(key, node)] = stream.dump_nodes()
    assert key.hex() == "00000000000000010000000000000001"
    assert node.hex() == (
        "3800000016000201010101018166020001020100010001817602040103010101dfff020c01040100010101040101018167028176020601ff"
    )


def test_approximate_trimming_drops_whole_nodes_only() -> None:
    stream = filled(350)
    assert stream.trim_to_length(120, whole_nodes=True) == 200
    assert stream.trim_to_length(120, whole_nodes=True) == 0
    assert stream.trim_below(make_id(300), whole_nodes=True) == 0
    assert stream.trim_below(make_id(301), whole_nodes=True, limit=99) == 0
    assert stream.trim_below(make_id(301), whole_nodes=True, limit=100) == 100
    assert len(stream) == 50 and stream.node_count() == 1


def test_entries_up_to_an_id_are_known_only_without_holes() -> None:
    stream = filled(5)
    assert [stream.entries_up_to(make_id(n)) for n in (0, 1, 3, 5, 6)] == [0, 1, -1, 5, -1]
    stream.trim_to_length(3)
    assert [stream.entries_up_to(make_id(n)) for n in (0, 2, 3, 4, 5)] == [2, 2, 3, -1, 5]
    stream.delete(make_id(4))
    assert [stream.entries_up_to(make_id(n)) for n in (0, 3, 5)] == [-1, -1, 5]
    assert stream.has_deleted_since(make_id(4)) and not stream.has_deleted_since(make_id(4, 1))
    stream.trim_to_length(0)
    assert stream.entries_up_to(make_id(1)) == 5 and StreamValue().entries_up_to(7) == 0


def test_memory_is_near_the_data_and_all_given_back() -> None:
    before = used_memory()
    stream = filled(10_000)
    used = used_memory() - before
    assert used < 16 * 10_000, "an entry of one small field costs a few bytes: ID differences, value, length"
    assert stream.memory_usage() == pytest.approx(used, rel=0.1)
    assert stream.memory_usage(5) == pytest.approx(used, rel=0.2)
    while not stream.free_step(10):
        pass
    assert used_memory() == before and len(stream) == 0
