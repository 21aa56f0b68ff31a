"""Who is served when several clients wait, and with what: rounds of waiting clients on ours and on redis-server 7.0.15.

`make differential`'s long form is `SCRUBJAY_ROUNDS=2000 pytest tests/differential/test_blocking.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import resp
import servers
from differential.blocking import Round, play
from differential.grammar import OPTIONS

ROUNDS = int(os.environ.get("SCRUBJAY_ROUNDS", "40"))
LIST = st.sampled_from(["l1", "l2", "l3"])
ZSET = st.sampled_from(["z1", "z2"])
STREAM = st.sampled_from(["s1", "s2"])
ANY = st.one_of(LIST, ZSET, STREAM)
SIDE = st.sampled_from(["LEFT", "RIGHT"])
ELEMENT = st.sampled_from(["a", "b", "c"])


def words(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts))


WAITING = st.one_of(
    words("BLPOP", LIST, "0"),
    words("BRPOP", LIST, LIST, "0"),
    words("BLMOVE", LIST, LIST, SIDE, SIDE, "0"),
    words("BRPOPLPUSH", LIST, ANY, "0"),
    words("BLMPOP", "0", "2", LIST, LIST, SIDE, "COUNT", st.sampled_from(["1", "2", "5"])),
    words("BZPOPMIN", ZSET, ZSET, "0"),
    words("BZPOPMAX", ZSET, "0"),
    words("BZMPOP", "0", "1", ZSET, st.sampled_from(["MIN", "MAX"]), "COUNT", "2"),
    words("XREAD", "BLOCK", "0", "STREAMS", STREAM, st.sampled_from(["$", "0", "3-0"])),
    words("XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", STREAM, STREAM, "$", "$"),
    words("XREADGROUP", "GROUP", "g", st.sampled_from(["ann", "bob"]), "BLOCK", "0", "STREAMS", STREAM, ">"),
    words("XREADGROUP", "GROUP", "g", "ann", "COUNT", "1", "NOACK", "BLOCK", "0", "STREAMS", STREAM, ">"),
)
WRITING = st.one_of(
    words(st.sampled_from(["RPUSH", "LPUSH"]), ANY, ELEMENT),
    words(st.sampled_from(["RPUSH", "LPUSH"]), LIST, ELEMENT, ELEMENT),
    words("RPUSH", LIST, ELEMENT, ELEMENT, ELEMENT),
    words("ZADD", ZSET, st.sampled_from(["1", "2"]), ELEMENT),
    words("ZADD", ANY, "1", ELEMENT, "2", "d"),
    words("XADD", STREAM, st.sampled_from(["4-0", "5-0", "6-1"]), "f", ELEMENT),
    words("LMOVE", LIST, LIST, SIDE, SIDE),
    words("RENAME", ANY, ANY),
    words("COPY", ANY, ANY, "REPLACE"),
    words("DEL", ANY),
    words("SET", ANY, "x"),
    words("LPOP", LIST),
    words("SADD", ANY, ELEMENT),
    words("ZUNIONSTORE", ZSET, "1", ZSET),
    words("SORT", LIST, "ALPHA", "STORE", LIST),
    words("XGROUP", st.sampled_from(["CREATE"]), STREAM, "g", st.sampled_from(["$", "0"]), "MKSTREAM"),
    words("XGROUP", "DESTROY", STREAM, "g"),
    words("EVAL", "redis.call('rpush', KEYS[1], 'a', 'b') return redis.call('lpop', KEYS[1])", "1", LIST),
    words("EVAL", "redis.call('del', KEYS[1]) return redis.call('rpush', KEYS[1], 'a')", "1", ANY),
    words("SWAPDB", "0", "1"),
    words("FLUSHDB"),
)
ROUND = st.builds(
    Round,
    before=st.lists(WRITING.filter(lambda step: step[0] != "SWAPDB"), max_size=2),
    waiting=st.lists(WAITING, min_size=1, max_size=4),
    writing=st.lists(WRITING, min_size=1, max_size=4),
    atomic=st.booleans(),
)


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[resp.Address, resp.Address]]:
    with servers.redis(*OPTIONS) as reference, servers.scrubjay(*OPTIONS) as subject:
        yield reference.address, subject.address


@pytest.mark.timeout(600 + ROUNDS)
@pytest.mark.parametrize("protocol", [2, 3])
def test_waiting_clients(protocol: int, addresses: tuple[resp.Address, resp.Address]) -> None:
    @seed(20240229)
    @settings(max_examples=ROUNDS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(ROUND)
    def example(game: Round) -> None:
        play(game, addresses, protocol)

    example()
