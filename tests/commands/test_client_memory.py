"""What clients may take together: `maxmemory-clients` closes who has most as soon as it is too much, and CLIENT LIST shows who has what."""

from __future__ import annotations

import contextlib
import time

import pytest

import resp
import servers

LIMIT = 200_000
GROWTH = {
    "watched keys": ("WATCH", "{}"),
    "patterns": ("PSUBSCRIBE", "{}"),
    "channels": ("SUBSCRIBE", "{}"),
    "sharded channels": ("SSUBSCRIBE", "{}"),
    "tracking prefixes": ("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "{:08}"),
    "queued commands": ("SET", "key", "value-{:08}"),
}


def fields(connection: resp.Connection, name: str) -> dict[str, str] | None:
    """What CLIENT LIST says of the client of that name."""
    listing = connection.call("CLIENT", "LIST")
    assert isinstance(listing, bytes)
    rows = [dict(word.split("=", 1) for word in line.split(" ")) for line in listing.decode().splitlines()]
    return next((row for row in rows if row["name"] == name), None)


@pytest.mark.parametrize("what", GROWTH)
def test_a_client_that_takes_too_much_is_closed_at_once(engine: servers.Server, what: str) -> None:
    with engine.connect() as control, engine.connect(protocol=3) as greedy:
        control.call("CLIENT", "NO-EVICT", "ON")
        control.call("CONFIG", "SET", "maxmemory-clients", LIMIT)
        try:
            if what == "queued commands":
                greedy.call("MULTI")
            with pytest.raises((resp.ConnectionClosed, OSError)):
                for number in range(LIMIT):
                    greedy.call(*(word.format(number) for word in GROWTH[what]))
        finally:
            control.call("CONFIG", "SET", "maxmemory-clients", 0)


def test_what_was_let_go_of_does_not_count(connection: resp.Connection) -> None:
    connection.call("CLIENT", "SETNAME", "me")

    def taken() -> int:
        found = fields(connection, "me")
        assert found is not None
        return int(found["tot-mem"])

    before = taken()
    connection.call("WATCH", *(f"key:{number}" for number in range(1000)))
    assert taken() > before + 33_000
    connection.call("UNWATCH")
    assert taken() == before


def test_the_arguments_that_have_come_are_not_in_the_query_buffer_any_more(engine: servers.Server) -> None:
    with engine.connect() as control, engine.connect() as slow:
        slow.call("CLIENT", "SETNAME", "slow")
        slow.send(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100000\r\n" + b"v" * 100000)
        deadline = time.monotonic() + 60
        while (found := fields(control, "slow")) is None or found["qbuf"] != "100000":
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        assert found["argv-mem"] == str(len("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100000\r\n"))
        assert 100_000 <= int(found["tot-mem"]) < 110_000
        slow.send(b"\r\n")
        assert slow.read().plain() in ("OK", b"OK")


def test_a_reply_over_the_limit_is_not_sent_however_it_was_built(engine: servers.Server) -> None:
    with engine.connect() as control, engine.connect() as one:
        one.call("MSET", *(word for number in range(1000) for word in (f"{number}" + "x" * 100, "1")))
        control.call("CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0")
        try:
            with pytest.raises((resp.ConnectionClosed, OSError)):
                one.call("KEYS", "*")
            with engine.connect() as two, pytest.raises((resp.ConnectionClosed, OSError)):
                control.call("HSET", "hash", "a", "b")
                two.call("HRANDFIELD", "hash", -999999999)
        finally:
            control.call("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")


def test_messages_about_evicted_keys_evict_no_more_keys(engine: servers.Server) -> None:
    """Ten clients are told of every long key that goes, which takes more than the key gave."""
    with contextlib.ExitStack() as stack:
        control = stack.enter_context(engine.connect())
        readers = [stack.enter_context(engine.connect(protocol=3)) for _ in range(10)]
        names = [f"{number}" + "x" * 1000 for number in range(300)]
        control.call("MSET", *(word for name in names for word in (name, "1")))
        for reader in readers:
            reader.call("CLIENT", "TRACKING", "ON")
            reader.call("MGET", *names)
        control.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        used = int(resp.info(control, "memory")["used_memory"])
        try:
            control.call("CONFIG", "SET", "maxmemory", used - 40_000)
            control.call("SET", "one more", "1")
            left = control.call("DBSIZE")
        finally:
            control.call("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")
        assert isinstance(left, int)
        assert 200 < left < 301
