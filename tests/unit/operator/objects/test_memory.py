"""maxmemory: never more than the pod has, never zero, and room for the engine itself."""

from hypothesis import given
from hypothesis import strategies as st

from scrubjay_operator.objects.memory import ENGINE_BYTES, maxmemory, replication_backlog

GIB = 2**30


def test_the_reserved_share_is_kept_free() -> None:
    assert maxmemory(10 * GIB, 10) == 9 * GIB
    assert maxmemory(GIB, 25) == 3 * GIB // 4


def test_small_pods_keep_what_the_engine_needs() -> None:
    assert maxmemory(256 * 2**20, 10) == 256 * 2**20 - ENGINE_BYTES
    assert maxmemory(64 * 2**20, 0) == 16 * 2**20


@given(st.integers(1, 2**45), st.integers(0, 80))
def test_bounds(limit: int, percent: int) -> None:
    result = maxmemory(limit, percent)
    assert 1 <= result <= max(1, limit - ENGINE_BYTES)
    assert result == 1 or result <= limit * (100 - percent) // 100


@given(st.integers(64 * 2**20, 2**45), st.integers(0, 79))
def test_more_reserved_is_never_more_memory(limit: int, percent: int) -> None:
    assert maxmemory(limit, percent + 1) <= maxmemory(limit, percent)


def test_backlog_grows_with_the_pod_within_bounds() -> None:
    assert [replication_backlog(limit) for limit in (2**20, 256 * 2**20, 64 * GIB)] == [2**20, 8 * 2**20, 64 * 2**20]
