"""A cache is as good as what it keeps: hit rates of LRU and LFU on a Zipf trace beside Redis' and Valkey's.

Every server gets room for the same number of keys, so that ours does not win by its smaller entries.
"""

from __future__ import annotations

import itertools
import random

import pytest

import resp
import servers

KEYS = 12_000
ROOM = 1500
READS = 60_000
VALUE = "x" * 200
CHANCE = 0.01  # samples are random: two runs of one server differ by less


def trace() -> list[int]:
    """Ranks drawn with a probability of 1 / rank."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, KEYS + 1)))
    return random.Random(5).choices(range(KEYS), cum_weights=weights, k=READS)


def hit_rate(kind: str, policy: str, reads: list[int]) -> float:
    """Of the second half of the trace; what is missed is stored then."""
    with servers.KINDS[kind]() as server, server.connect() as connection:
        connection.pipeline([("SET", f"key:{index:08d}", VALUE) for index in range(ROOM)])
        room = int(resp.info(connection, "memory")["used_memory"])
        connection.call("FLUSHALL", "SYNC")
        connection.call("CONFIG", "SET", "maxmemory-policy", policy)
        connection.call("CONFIG", "SET", "maxmemory", room)
        hits = 0
        for first in range(0, READS, 50):
            names = [f"key:{index:08d}" for index in reads[first : first + 50]]
            replies = connection.pipeline([("GET", name) for name in names])
            missed = {name for name, reply in zip(names, replies, strict=True) if reply.value is None}
            if first >= READS // 2:
                hits += sum(reply.value is not None for reply in replies)
            connection.pipeline([("SET", name, VALUE) for name in sorted(missed)])
        return hits / (READS - READS // 2)


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu"])
def test_hit_rate_is_at_least_that_of_the_others(policy: str) -> None:
    reads = trace()
    rates = {kind: hit_rate(kind, policy, reads) for kind in ("scrubjay", "redis", "valkey")}
    print(f"{policy}: " + ", ".join(f"{kind} {rate:.3f}" for kind, rate in rates.items()))
    assert rates["scrubjay"] >= max(rates.values()) - CHANCE, rates
