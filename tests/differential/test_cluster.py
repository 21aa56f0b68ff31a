"""Cluster mode on one unmanaged server answers as redis-server 7.0.15's does: transcripts (cluster/*.txt), and random slots, keys and scripts.

Both servers begin with all slots. Ids and ports are their own, so SELF stands for a server's id in what is sent, and both are written alike in what
comes back. Redis calls a cluster up a while after it has got its slots; the tests wait for it and then keep at least one slot in place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import servers
from differential.pair import parse, shown, written

CASES = sorted((Path(__file__).parent / "cluster").glob("*.txt"))
DEFAULTS = {
    "cluster-announce-hostname": "",
    "cluster-announce-ip": "",
    "cluster-preferred-endpoint-type": "ip",
    "cluster-require-full-coverage": "yes",
    "cluster-allow-reads-when-down": "no",
    "cluster-allow-pubsubshard-when-down": "yes",
}
DEADLINE = 60.0


class Side:
    """One of the two servers, with its id and port taken out of what it says."""

    def __init__(self, server: servers.Server, protocol: int) -> None:
        self.server = server
        self.connection = server.connect(protocol=protocol)
        self.id = shown(self.connection.frame("CLUSTER", "MYID")).removeprefix("$ ")

    def ask(self, words: tuple[bytes, ...]) -> str:
        """The reply to a command, as text."""
        reply = self.connection.frame(*(word.replace(b"SELF", self.id.encode()) for word in words))
        if words[0] == b"CLUSTER" and words[1:2] in ((b"RESET",), (b"reset",)):
            self.id = shown(self.connection.frame("CLUSTER", "MYID")).removeprefix("$ ")
        port = self.server.port
        text = shown(reply).replace(self.id, "SELF")
        return text.replace(str(port + 10000), "BUS").replace(str(port), "PORT")

    def begin(self) -> None:
        """All slots, no keys, options as at start; returns when the server calls that up."""
        for words in (("FLUSHALL",), ("CLUSTER", "RESET", "HARD"), ("CLUSTER", "ADDSLOTSRANGE", "0", "16383")):
            self.connection.call(*words)
        self.id = shown(self.connection.frame("CLUSTER", "MYID")).removeprefix("$ ")
        for name, value in DEFAULTS.items():
            self.connection.call("CONFIG", "SET", name, value)
        wait_until(lambda: b"cluster_state:ok" in self.connection.frame("CLUSTER", "INFO").raw())


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[servers.Server, servers.Server]]:
    with (
        servers.redis("--cluster-enabled", "yes", "--cluster-node-timeout", "500") as reference,
        servers.scrubjay("--cluster-enabled", "yes") as subject,
    ):
        yield reference, subject


def compare(sides: tuple[Side, Side], words: tuple[bytes, ...], transcript: list[str]) -> None:
    transcript.append(written(words))
    expected, got = (side.ask(words) for side in sides)
    assert got == expected, "\n".join(transcript)
    if words[:2] == (b"CONFIG", b"SET"):  # redis-server looks at these options ten times a second only
        wait_until(lambda: sides[0].ask((b"CLUSTER", b"INFO")) == sides[1].ask((b"CLUSTER", b"INFO")))


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < deadline, "the servers do not agree on the state of the cluster"
        time.sleep(0.01)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_transcript(case: Path, protocol: int, pair: tuple[servers.Server, servers.Server]) -> None:
    sides = Side(pair[0], protocol), Side(pair[1], protocol)
    for side in sides:
        side.begin()
    transcript: list[str] = []
    try:
        for line in case.read_text().splitlines():
            if not line.startswith("#"):
                compare(sides, parse(line), transcript)
    finally:
        for side in sides:
            side.connection.close()


KEYS = st.sampled_from(["foo", "bar", "{foo}1", "{foo}2", "{bar}1", "baz", "{}x", "{{}}x", ""])
SLOT = st.sampled_from([0, 5, 12182, 5061, 4813, 16383, -1, 16384, "x"])
SCRIPTS = st.sampled_from(
    [
        "return redis.call('get', KEYS[1])",
        "return redis.call('set', ARGV[1], 1)",
        "return redis.call('mget', ARGV[1], 'bar')",
        "return redis.pcall('get', ARGV[1])",
        "#!lua\nreturn {redis.call('get', ARGV[1]), redis.pcall('get', 'bar')}",
        "#!lua flags=allow-cross-slot-keys\nreturn {redis.call('get', ARGV[1]), redis.call('get', 'bar')}",
    ]
)
STEPS = st.one_of(
    st.tuples(st.sampled_from(["GET", "TTL", "TYPE", "LLEN", "INCR"]), KEYS),
    st.tuples(st.sampled_from(["MGET", "DEL", "EXISTS", "TOUCH", "UNLINK", "SUNION", "RENAME", "COPY"]), KEYS, KEYS),
    st.tuples(st.just("MSET"), KEYS, st.just("1"), KEYS, st.just("2")),
    st.tuples(st.just("EVAL"), SCRIPTS, st.just("1"), KEYS, KEYS),
    st.tuples(st.just("SPUBLISH"), KEYS, st.just("m")),
    st.tuples(st.just("XREAD"), st.just("STREAMS"), KEYS, KEYS, st.just("0"), st.just("0")),
    st.tuples(st.just("CLUSTER"), st.sampled_from(["COUNTKEYSINSLOT", "ADDSLOTS", "DELSLOTS"]), SLOT),
    st.tuples(st.just("CLUSTER"), st.sampled_from(["ADDSLOTS", "DELSLOTS", "ADDSLOTSRANGE", "DELSLOTSRANGE"]), SLOT, SLOT),
    st.tuples(st.just("CLUSTER"), st.sampled_from(["KEYSLOT"]), KEYS),
    st.tuples(st.just("CLUSTER"), st.sampled_from(["SLOTS", "NODES", "INFO", "SHARDS", "BUMPEPOCH", "MYID"])),
    st.tuples(st.just("CLUSTER"), st.just("SETSLOT"), SLOT, st.sampled_from(["NODE", "IMPORTING"]), st.sampled_from(["SELF", "x"])),
    st.tuples(st.just("CLUSTER"), st.just("GETKEYSINSLOT"), SLOT, st.sampled_from([1, -1])),
    st.sampled_from([("MULTI",), ("EXEC",), ("DISCARD",), ("READONLY",), ("READWRITE",), ("ASKING",)]),
    st.tuples(
        st.just("CONFIG"), st.just("SET"), st.sampled_from(["cluster-require-full-coverage", "cluster-allow-reads-when-down"]),
        st.sampled_from(["yes", "no"]),
    ),
)  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3])
def test_random_slots_and_keys(protocol: int, pair: tuple[servers.Server, servers.Server]) -> None:
    sides = Side(pair[0], protocol), Side(pair[1], protocol)
    for side in sides:
        side.begin()

    @seed(20240229)
    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, min_size=5, max_size=30))
    def example(steps: list[tuple[object, ...]]) -> None:
        transcript: list[str] = []
        for side in sides:
            for words in (
                ("DISCARD",),
                ("FLUSHALL",),
                ("CLUSTER", "ADDSLOTS", "0"),
                ("CLUSTER", "DELSLOTSRANGE", "0", "9999"),
            ):
                side.connection.frame(*words)
        for step in steps:
            compare(sides, tuple(str(word).encode() for word in step), transcript)

    try:
        example()
    finally:
        for side in sides:
            side.connection.close()
