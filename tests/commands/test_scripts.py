"""Scripts over a socket: what the 7.0.15 suite does not look at, or only where it starts servers itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

import resp
import servers

OK = resp.Frame(b"+", b"OK")


def text(frame: resp.Frame) -> str:
    """An error's (or a line's) text."""
    assert isinstance(frame.value, bytes)
    return frame.value.decode()


class Running:
    """A pipeline under way on a connection of its own."""

    def __init__(self, connection: resp.Connection, *commands: tuple[str, ...]) -> None:
        self.replies: list[resp.Frame] = []
        self._thread = threading.Thread(target=lambda: self.replies.extend(connection.pipeline(list(commands))))
        self._thread.start()

    def wait(self) -> list[resp.Frame]:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.replies


def wait_for_busy(connection: resp.Connection) -> None:
    deadline = time.monotonic() + 10
    while not text(found := connection.frame("PING")).startswith("BUSY"):
        assert time.monotonic() < deadline, f"the script is not late: {found!r}"
        time.sleep(0.01)


@pytest.fixture
def caller(engine: servers.Server) -> Iterator[resp.Connection]:
    """A connection for scripts that are soon late."""
    with engine.connect() as connection:
        connection.call("CONFIG", "SET", "busy-reply-threshold", "5")
        yield connection


def test_others_are_told_and_can_end_it(engine: servers.Server, caller: resp.Connection) -> None:
    running = Running(caller, ("EVAL", "while true do end", "0"))
    # A connection that is made while the script runs.
    with engine.connect() as other:
        wait_for_busy(other)
        assert text(other.frame("FUNCTION", "KILL")).startswith("BUSY")
        assert text(other.frame("SHUTDOWN")).startswith("BUSY")
        assert other.frame("SCRIPT", "KILL") == OK
        assert text(running.wait()[0]).startswith("ERR Script killed by user with SCRIPT KILL")
        assert text(other.frame("PING")) == "PONG"
        assert text(other.frame("SCRIPT", "KILL")).startswith("NOTBUSY")


def test_what_follows_a_late_script_in_a_pipeline_is_kept(engine: servers.Server, caller: resp.Connection) -> None:
    code = "for i = 1, 20000000 do end return 'done'"
    running = Running(caller, ("EVAL", code, "0"), ("SET", "after", "x" * 1000), ("GET", "after"))
    with engine.connect() as other:
        wait_for_busy(other)
        other.pipeline([("ECHO", "y" * 2000)] * 50)
    assert running.wait() == [resp.Frame(b"$", b"done"), OK, resp.Frame(b"$", b"x" * 1000)]


def test_a_script_that_wrote_can_only_be_waited_for(engine: servers.Server, caller: resp.Connection) -> None:
    code = "redis.call('set', 'k', 'v') for i = 1, 20000000 do end return 'done'"
    running = Running(caller, ("EVAL", code, "0"))
    with engine.connect() as other:
        wait_for_busy(other)
        assert text(other.frame("SCRIPT", "KILL")).startswith("UNKILLABLE")
        assert running.wait() == [resp.Frame(b"$", b"done")]
        assert other.call("GET", "k") == b"v"


def test_time_stands_still(connection: resp.Connection) -> None:
    code = "redis.call('set', 'k', 'v', 'px', 1) for i = 1, 1000000 do end return redis.call('exists', 'k')"
    assert connection.call("EVAL", code, "0") == 1
    assert connection.call("EXISTS", "k") == 0


def test_errors_are_counted_once(connection: resp.Connection) -> None:
    connection.call("CONFIG", "RESETSTAT")
    connection.call("SET", "k", "text")
    failed = connection.frame("EVAL", "return redis.call('incr', 'k')", "0")
    assert text(failed).startswith("ERR value is not an integer or out of range script: ")
    assert resp.info(connection, "errorstats")["errorstat_ERR"] == "count=1"
    commands = resp.info(connection, "commandstats")
    assert "failed_calls=1" in commands["cmdstat_eval"]
    assert "failed_calls=1" in commands["cmdstat_incr"]


def test_libraries_survive_a_reload_of_the_data(connection: resp.Connection) -> None:
    connection.call("FUNCTION", "FLUSH")
    code = "#!lua name=kept\nredis.register_function('answer', function() return 42 end)"
    assert connection.call("FUNCTION", "LOAD", code) == b"kept"
    assert connection.frame("DEBUG", "RELOAD") == OK
    assert connection.call("FCALL", "answer", "0") == 42


def test_a_real_redis_reads_our_functions_and_we_read_its(connection: resp.Connection) -> None:
    code = "#!lua name=moved\nredis.register_function('where', function() return 'there' end)"
    connection.call("FUNCTION", "FLUSH")
    connection.call("FUNCTION", "LOAD", code)
    ours = connection.call("FUNCTION", "DUMP")
    assert isinstance(ours, bytes)
    with servers.redis() as redis, redis.connect() as other:
        assert other.frame("FUNCTION", "RESTORE", ours) == OK
        assert other.call("FCALL", "where", "0") == b"there"
        theirs = other.call("FUNCTION", "DUMP")
        assert isinstance(theirs, bytes)
    assert connection.frame("FUNCTION", "RESTORE", theirs, "FLUSH") == OK
    assert connection.call("FCALL", "where", "0") == b"there"


def test_effects_reach_a_replica_as_one_transaction_and_where_the_script_says(connection: resp.Connection) -> None:
    """Read from the replication stream, as a replica would get it."""
    stream = connection
    with resp.Connection(stream.socket.getpeername()[:2]) as writer:
        stream.send(b"SYNC\r\n")
        header = stream._line()
        while not header.startswith(b"$"):
            header = stream._line()
        stream._exactly(int(header[1:]))
        writer.call(
            "EVAL",
            "redis.call('set', 'a', 1) redis.set_repl(redis.REPL_NONE) redis.call('set', 'b', 2)"
            " redis.set_repl(redis.REPL_AOF) redis.call('set', 'c', 3)"
            " redis.set_repl(redis.REPL_REPLICA) redis.call('incr', 'a')",
            "0",
        )
        writer.call("SET", "last", "1")
        seen: list[object] = []
        while not seen or seen[-1] != [b"SET", b"last", b"1"]:
            seen.append(stream.read().plain())
    commands = [command for command in seen if command != [b"PING"]]
    assert commands == [
        [b"SELECT", b"0"],
        [b"MULTI"],
        [b"set", b"a", b"1"],
        [b"incr", b"a"],
        [b"EXEC"],
        [b"SET", b"last", b"1"],
    ]
