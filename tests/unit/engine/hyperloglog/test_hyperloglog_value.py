"""HyperLogLog values: Redis' layout byte for byte, estimates within the promised error, dense and sparse alike."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubjay_engine.values import hyperloglog as hll
from scrubjay_engine.values.hyperloglog_selftest import check_estimates, check_registers

LIMIT = 3000
elements = st.lists(st.binary(max_size=24), max_size=60)


def filled(items: list[bytes], limit: int = LIMIT) -> bytes:
    return hll.add(hll.EMPTY, items, limit) or hll.EMPTY


def murmur64a(data: bytes, seed: int = 0xADC83B19) -> int:
    """The textbook form of the hash, a byte at a time."""
    m, mask = 0xC6A4A7935BD1E995, (1 << 64) - 1
    h = seed ^ (len(data) * m & mask)
    for at in range(0, len(data) - len(data) % 8, 8):
        k = int.from_bytes(data[at : at + 8], "little") * m & mask
        h = (h ^ ((k ^ (k >> 47)) * m & mask)) * m & mask
    if tail := data[len(data) - len(data) % 8 :]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ (h >> 47)) * m & mask
    return h ^ (h >> 47)


def expected_registers(items: list[bytes]) -> list[int]:
    registers = [0] * 16384
    for item in items:
        h = murmur64a(item)
        rest = (h >> 14) | (1 << 50)
        rank = (rest & -rest).bit_length()
        registers[h & 16383] = max(registers[h & 16383], rank)
    return registers


def test_a_new_value_is_what_redis_creates() -> None:
    assert hll.EMPTY.hex() == "48594c4c01000000" + "00" * 8 + "7fff"
    assert hll.describe_runs(hll.EMPTY) == "Z:16384"
    assert hll.count(hll.EMPTY) == 0


def test_bytes_that_a_redis_server_wrote() -> None:
    """PFADD h a b c d e f g on redis-server 7.0.15, then GET h."""
    value = filled([b"a", b"b", b"c", b"d", b"e", b"f", b"g"])
    assert value[16:].hex() == "466d80560c80443c84388050b184498c80426d80425a"
    assert hll.count(value) == 7


@given(elements)
def test_registers_hold_the_highest_rank_seen(items: list[bytes]) -> None:
    assert hll.registers_of(filled(items)) == expected_registers(items)


@given(elements, st.sampled_from([0, 20, 40, 3000]))
def test_sparse_and_dense_agree_at_every_limit(items: list[bytes], limit: int) -> None:
    value = filled(items, limit)
    assert hll.to_dense(value) == hll.to_dense(filled(items))
    assert hll.count(value) == hll.count(hll.to_dense(value))
    if hll.encoding(value) == "sparse":
        assert len(value) <= max(limit, len(hll.EMPTY))


@given(elements, elements)
def test_merging_is_adding_all(first: list[bytes], second: list[bytes]) -> None:
    merged = hll.merge(filled(first), [filled(second)], LIMIT)
    assert hll.registers_of(merged) == expected_registers(first + second)
    assert hll.union_count([filled(first), filled(second)]) == hll.count(merged)


def test_a_value_turns_dense_at_the_limit_and_stays_exact() -> None:
    rng = random.Random(1)
    value, seen = hll.EMPTY, []
    for _ in range(300):
        seen.append(rng.randbytes(8))
        value = hll.add(value, [seen[-1]], 100) or value
    assert hll.encoding(value) == "dense" and len(value) == 12304
    assert hll.registers_of(value) == expected_registers(seen)


def test_cached_count_is_stale_after_a_change_and_kept_otherwise() -> None:
    value = hll.with_cached_count(filled([b"a"]), 1)
    assert hll.cached_count(value) == 1
    assert hll.add(value, [b"a"], LIMIT) is None
    changed = hll.add(value, [b"b"], LIMIT)
    assert changed is not None and hll.cached_count(changed) is None


@pytest.mark.parametrize("runs", [b"", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x80", b"\x40", b"\xff" * 9000])
def test_corrupt_runs_are_refused(runs: bytes) -> None:
    value = hll.EMPTY[:16] + runs
    for use in (lambda: hll.count(value), lambda: hll.to_dense(value), lambda: hll.union_count([value])):
        with pytest.raises(hll.CorruptSketch):
            use()


@pytest.mark.parametrize("data", [b"", b"HYLL", b"HYLX" + bytes(20), b"HYLL\x02" + bytes(20), b"HYLL" + bytes(20)])
def test_other_strings_are_not_sketches(data: bytes) -> None:
    assert not hll.is_sketch(data)


@settings(max_examples=300)
@given(st.binary(max_size=64), elements)
def test_hostile_runs_never_do_more_than_be_refused(runs: bytes, items: list[bytes]) -> None:
    value = hll.EMPTY[:16] + runs
    try:
        hll.add(value, items, LIMIT)
        hll.merge(value, [filled(items)], LIMIT)
    except hll.CorruptSketch:
        pass
    hll.describe_runs(value)


def test_self_test_passes() -> None:
    check_registers(random.Random(3), rounds=20)
    check_estimates(random.Random(3), LIMIT, elements=200_000)
