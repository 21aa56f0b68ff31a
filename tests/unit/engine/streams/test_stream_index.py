"""The sorted map of stream IDs against a dict, with its invariants checked after every step."""

from hypothesis import given, settings
from hypothesis import strategies as st

from scrubjay_engine.values.stream_index import CheckedIndex

ids = st.integers(0, 300) | st.integers(0, (1 << 128) - 1)
steps = st.lists(st.tuples(st.sampled_from(["insert", "insert", "remove"]), ids), max_size=60)


@given(steps, ids)
def test_behaves_as_a_sorted_dict(changes: list[tuple[str, int]], probe: int) -> None:
    index, model = CheckedIndex(), dict[int, int]()
    for turn, (change, number) in enumerate(changes, 1):
        if change == "insert":
            assert index.insert(number, turn) == (number not in model)
            model.setdefault(number, turn)
        else:
            assert index.remove(number) == (model.pop(number, None) is not None)
        index.check()
    assert len(index) == len(model)
    assert index.at_least(probe) == sorted(item for item in model.items() if item[0] >= probe)
    assert index.at_most(probe) == sorted((item for item in model.items() if item[0] <= probe), reverse=True)


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_many_ids_in_any_order_come_and_go(rng: object) -> None:
    numbers = list(range(0, 3000, 3))
    rng.shuffle(numbers)  # type: ignore[attr-defined]
    index = CheckedIndex()
    for number in numbers:
        assert index.insert(number, number + 1)
    index.check()
    assert index.at_least(0) == [(number, number + 1) for number in range(0, 3000, 3)]
    for number in numbers[:900]:
        assert index.remove(number)
        assert not index.remove(number)
    index.check()
    assert [number for number, _ in index.at_most(1500)] == sorted(
        (n for n in numbers[900:] if n <= 1500), reverse=True
    )
