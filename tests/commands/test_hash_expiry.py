"""Hash fields that expire, over a socket: Redis 7.4's and Valkey 9's commands, which the 7.0.15 suite does not know."""

import time

import pytest

import resp
import servers


def wait_until(connection: resp.Connection, command: tuple[str, ...], wanted: resp.Plain) -> None:
    deadline = time.monotonic() + 10
    while (found := connection.call(*command)) != wanted:
        assert time.monotonic() < deadline, f"{command} still answers {found!r}"
        time.sleep(0.01)


def test_times_are_set_shown_and_taken_away(connection: resp.Connection) -> None:
    connection.call("HSET", "h", "a", "1", "b", "2")
    assert connection.call("HEXPIRE", "h", "100", "FIELDS", "2", "a", "missing") == [1, -2]
    assert connection.call("HTTL", "h", "FIELDS", "3", "a", "b", "missing") == [100, -1, -2]
    assert connection.call("HPEXPIREAT", "h", "99999999999999", "FIELDS", "1", "b") == [1]
    assert connection.call("HPEXPIRETIME", "h", "FIELDS", "1", "b") == [99999999999999]
    assert connection.call("HEXPIRETIME", "h", "FIELDS", "1", "b") == [100000000000]
    assert connection.call("HPERSIST", "h", "FIELDS", "3", "a", "a", "missing") == [1, -1, -2]
    assert connection.call("HTTL", "nokey", "FIELDS", "1", "a") == [-2]
    assert connection.call("OBJECT", "ENCODING", "h") == b"hashtable"


def test_conditions(connection: resp.Connection) -> None:
    connection.call("HSET", "h", "a", "1", "b", "2")
    connection.call("HPEXPIREAT", "h", "50000000000000", "FIELDS", "1", "a")
    answers = {}
    for condition in ("NX", "XX", "GT", "LT"):
        for when in ("40000000000000", "60000000000000"):
            connection.call("HPEXPIREAT", "h", "50000000000000", "FIELDS", "1", "a")
            connection.call("HPERSIST", "h", "FIELDS", "1", "b")
            answers[condition, when[0]] = connection.call("HPEXPIREAT", "h", when, condition, "FIELDS", "2", "a", "b")
    assert answers == {
        ("NX", "4"): [0, 1],
        ("NX", "6"): [0, 1],
        ("XX", "4"): [1, 0],
        ("XX", "6"): [1, 0],
        ("GT", "4"): [0, 0],
        ("GT", "6"): [1, 0],
        ("LT", "4"): [1, 1],
        ("LT", "6"): [0, 1],
    }


def test_a_time_that_is_past_deletes(connection: resp.Connection) -> None:
    connection.call("HSET", "h", "a", "1", "b", "2")
    assert connection.call("HEXPIREAT", "h", "1", "FIELDS", "1", "a") == [2]
    assert connection.call("HGETALL", "h") == [b"b", b"2"]
    assert connection.call("HEXPIRE", "h", "0", "FIELDS", "1", "b") == [2]
    assert connection.call("EXISTS", "h") == 0


def test_fields_go_in_their_time_and_the_key_with_the_last(connection: resp.Connection) -> None:
    connection.call("HSET", "h", "short", "1", "long", "2", "ever", "3")
    connection.call("HPEXPIRE", "h", "20", "FIELDS", "1", "short")
    connection.call("HPEXPIRE", "h", "60000", "FIELDS", "1", "long")
    wait_until(connection, ("HGET", "h", "short"), None)
    assert connection.call("HLEN", "h") == 2
    assert connection.call("HGETALL", "h") in ([b"long", b"2", b"ever", b"3"], [b"ever", b"3", b"long", b"2"])
    connection.call("HSET", "one", "only", "1")
    connection.call("HPEXPIRE", "one", "20", "FIELDS", "1", "only")
    wait_until(connection, ("HLEN", "one"), 0)
    assert connection.call("EXISTS", "one") == 0


def test_fields_go_without_being_asked_for(connection: resp.Connection) -> None:
    for number in range(500):
        connection.call("HSET", f"h{number}", "a", "1")
        connection.call("HPEXPIRE", f"h{number}", "30", "FIELDS", "1", "a")
    wait_until(connection, ("DBSIZE",), 0)


@pytest.mark.parametrize("command", [("HSET", "h", "a", "9"), ("HGETDEL", "h", "FIELDS", "1", "a"), ("HDEL", "h", "a")])
def test_overwriting_and_deleting_drop_the_time(connection: resp.Connection, command: tuple[str, ...]) -> None:
    connection.call("HSET", "h", "a", "1", "b", "2")
    connection.call("HEXPIRE", "h", "100", "FIELDS", "1", "a")
    connection.call(*command)
    connection.call("HSETNX", "h", "a", "10")
    assert connection.call("HTTL", "h", "FIELDS", "1", "a") == [-1]


def test_counting_keeps_the_time(connection: resp.Connection) -> None:
    connection.call("HSET", "h", "a", "1")
    connection.call("HEXPIRE", "h", "100", "FIELDS", "1", "a")
    assert connection.call("HINCRBY", "h", "a", "4") == 5
    assert connection.call("HINCRBYFLOAT", "h", "a", "0.5") == b"5.5"
    assert connection.call("HTTL", "h", "FIELDS", "1", "a") == [100]


def test_get_and_set_with_a_time(connection: resp.Connection) -> None:
    assert connection.call("HSETEX", "h", "EX", "100", "FIELDS", "2", "a", "1", "b", "2") == 1
    assert connection.call("HTTL", "h", "FIELDS", "2", "a", "b") == [100, 100]
    assert connection.call("HSETEX", "h", "FNX", "FIELDS", "2", "c", "3", "a", "9") == 0
    assert connection.call("HSETEX", "h", "FXX", "KEEPTTL", "FIELDS", "1", "a", "7") == 1
    assert connection.call("HGETEX", "h", "FIELDS", "3", "a", "c", "b") == [b"7", None, b"2"]
    assert connection.call("HTTL", "h", "FIELDS", "2", "a", "b") == [100, 100]
    assert connection.call("HGETEX", "h", "PERSIST", "FIELDS", "1", "a") == [b"7"]
    assert connection.call("HGETEX", "h", "PX", "900000", "FIELDS", "1", "b") == [b"2"]
    assert connection.call("HTTL", "h", "FIELDS", "2", "a", "b") == [-1, 900]
    assert connection.call("HGETDEL", "h", "FIELDS", "3", "a", "b", "c") == [b"7", b"2", None]
    assert connection.call("EXISTS", "h") == 0
    assert connection.call("HGETDEL", "h", "FIELDS", "1", "a") == [None]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (
            ("HEXPIRE", "h", "10", "FELDS", "1", "a"),
            "ERR Mandatory keyword FIELDS is missing or not at the right position",
        ),
        (("HEXPIRE", "h", "10", "FIELDS", "0", "a"), "ERR Parameter `numFields` should be greater than 0"),
        (
            ("HEXPIRE", "h", "10", "FIELDS", "2", "a"),
            "ERR The `numfields` parameter must match the number of arguments",
        ),
        (("HEXPIRE", "h", "-1", "FIELDS", "1", "a"), "ERR invalid expire time, must be >= 0"),
        (("HEXPIRE", "h", "9223372036854775807", "FIELDS", "1", "a"), "ERR invalid expire time in 'hexpire' command"),
        (("HEXPIRE", "h", "x", "FIELDS", "1", "a"), "ERR value is not an integer or out of range"),
        (("HGETEX", "h", "EX", "1", "PERSIST", "FIELDS", "1", "a"), "ERR syntax error"),
        (("HSETEX", "h", "FNX", "FXX", "FIELDS", "1", "a", "1"), "ERR syntax error"),
        (("HTTL", "s", "FIELDS", "1", "a"), "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ],
)
def test_refusals(connection: resp.Connection, command: tuple[str, ...], error: str) -> None:
    connection.call("SET", "s", "string")
    connection.call("HSET", "h", "a", "1")
    with pytest.raises(resp.ErrorReply) as refusal:
        connection.call(*command)
    assert str(refusal.value) == error


def test_a_replica_gets_absolute_times_and_deletions(engine: servers.Server, connection: resp.Connection) -> None:
    with servers.scrubjay("--replicaof", f"127.0.0.1 {engine.port}") as replica, replica.connect() as follower:
        connection.call("HSET", "h", "a", "1", "b", "2", "c", "3")
        connection.call("HEXPIRE", "h", "1000", "FIELDS", "1", "a")
        connection.call("HPEXPIRE", "h", "30", "FIELDS", "1", "b")
        times = connection.call("HPEXPIRETIME", "h", "FIELDS", "1", "a")
        wait_until(follower, ("HPEXPIRETIME", "h", "FIELDS", "1", "a"), times)
        wait_until(follower, ("HLEN", "h"), 2)
        wait_until(connection, ("HLEN", "h"), 2)
        assert follower.call("HMGET", "h", "a", "b", "c") == [b"1", None, b"3"]


def test_fields_go_wherever_their_hash_was_moved(connection: resp.Connection) -> None:
    moves: list[tuple[tuple[resp.Argument, ...], ...]] = [
        (("RENAME", "h", "target"),),
        (("COPY", "h", "target"), ("DEL", "h")),
        (("COPY", "h", "target", "DB", "1"), ("DEL", "h"), ("SWAPDB", "0", "1")),
        (("MOVE", "h", "1"), ("SWAPDB", "0", "1"), ("RENAME", "h", "target")),
        (("RENAME", "h", "target"), ("DEBUG", "RELOAD")),
    ]
    for commands in moves:
        connection.call("FLUSHALL")
        connection.call("HSET", "h", "short", "1", "ever", "2")
        connection.call("HPEXPIRE", "h", "100", "FIELDS", "1", "short")
        for command in commands:
            connection.call(*command)
        # DIGEST-VALUE takes what is there: nobody but the timer looks at the hash
        connection.call("HSET", "wanted", "ever", "2")
        wait_until(connection, ("DEBUG", "DIGEST-VALUE", "target"), connection.call("DEBUG", "DIGEST-VALUE", "wanted"))
    connection.call("HSET", "h", "short", "1", "ever", "2")
    connection.call("HPEXPIRE", "h", "200", "FIELDS", "1", "short")
    payload = connection.call("DUMP", "h")
    assert isinstance(payload, bytes)
    connection.call("DEL", "h")
    connection.call("RESTORE", "again", 0, payload)
    wait_until(connection, ("DEBUG", "DIGEST-VALUE", "again"), connection.call("DEBUG", "DIGEST-VALUE", "wanted"))
