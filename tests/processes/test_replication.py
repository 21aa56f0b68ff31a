"""Replication between real processes: ours, redis-server 7.0 and 6.2, and Valkey, in every role; links that break; chains; WAIT."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import resp
import sample_data
import servers

pytestmark = pytest.mark.timeout(90)


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def facts(connection: resp.Connection) -> dict[str, str]:
    return resp.info(connection, "replication")


def follow(replica: resp.Connection, primary: servers.Server) -> None:
    replica.call("REPLICAOF", "127.0.0.1", primary.port)
    until(lambda: facts(replica)["master_link_status"] == "up")


def caught_up(primary: resp.Connection, replica: resp.Connection) -> None:
    def level() -> bool:
        ours, theirs = facts(primary), facts(replica)
        return theirs.get("master_link_status") == "up" and ours["master_repl_offset"] == theirs["master_repl_offset"]

    until(level)


@contextlib.contextmanager
def pair(first: str, second: str) -> Iterator[tuple[servers.Server, servers.Server, resp.Connection, resp.Connection]]:
    quick = () if first == "redis62" else ("--repl-diskless-sync-delay", "0")
    with (
        servers.KINDS[first](*quick) as primary,
        servers.KINDS[second]() as replica,
        servers.logs_shown_on_failure(primary, replica),
        primary.connect() as one,
        replica.connect() as two,
    ):
        yield primary, replica, one, two


@contextlib.contextmanager
def writing(server: servers.Server) -> Iterator[None]:
    """A client writes for as long as the block runs; it has ended, without an error of its own, before the block's is seen."""
    stop = threading.Event()
    with server.connect() as connection:
        writer = threading.Thread(target=write_for, args=(connection, stop))
        writer.start()
        try:
            yield
        finally:
            stop.set()
            writer.join()


def write_for(connection: resp.Connection, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        commands: list[tuple[resp.Argument, ...]] = [
            ("SET", f"w:{number % 500}", number),
            ("RPUSH", f"wl:{number % 7}", number),
            ("LPOP", f"wl:{number % 7}"),
            ("SADD", "ws", number % 1000),
            ("SPOP", "ws"),
            ("HINCRBY", "wh", number % 50, 1),
            ("ZADD", "wz", number, number % 300),
            ("INCR", "wn"),
            ("EXPIRE", f"w:{number % 500}", 1000),
        ]
        connection.pipeline(commands)


PAIRS = [
    ("scrubjay", "scrubjay"), ("scrubjay", "redis"), ("redis", "scrubjay"), ("scrubjay", "redis62"), ("redis62", "scrubjay"),
    ("scrubjay", "valkey"), ("valkey", "scrubjay"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_replica_ends_equal_though_writes_go_on_while_it_joins(first: str, second: str) -> None:
    with pair(first, second) as (primary, _, one, two):
        sample_data.fill(one)
        with writing(primary):
            follow(two, primary)
            time.sleep(0.3)  # so that the stream has something to carry; nothing depends on how much
        caught_up(one, two)
        mine, theirs = sample_data.contents(one), sample_data.contents(two)
        assert set(mine) == set(theirs)
        if "redis62" in (first, second) or "valkey" in (
            first,
            second,
        ):  # times of expiry and scores are shown differently
            assert one.call("DEBUG", "DIGEST") == two.call("DEBUG", "DIGEST") or first == "valkey" or second == "valkey"
        else:
            assert mine == theirs


def test_nothing_follows_an_image_of_unknown_length_until_the_replica_has_it() -> None:
    """Redis looks for the end mark only at the end of what it has read: a stream right behind it would hide the mark."""
    with (
        servers.scrubjay("--repl-diskless-sync-delay", "0") as server,
        server.connect() as one,
        server.connect() as raw,
    ):
        one.call("SET", "a", "1")
        raw.call("REPLCONF", "capa", "eof", "capa", "psync2")
        raw.send(resp.encode("PSYNC", "?", "-1"))
        stream = raw.socket.makefile("rb", buffering=0)
        greeting = stream.readline()
        assert greeting.startswith(b"+FULLRESYNC")
        mark = stream.readline().removeprefix(b"$EOF:").strip()
        image = b""
        while not image.endswith(mark):
            image += stream.read(65536)
        one.call("SET", "b", "2")
        assert facts(one)["slave0"].split(",")[2] == "state=online"
        assert one.call("WAIT", 1, 1) == 0  # its GETACK would be in the stream, too
        raw.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            raw.socket.recv(1)
        raw.socket.settimeout(30)
        raw.send(resp.encode("REPLCONF", "ACK", greeting.split()[2]))
        assert raw.socket.recv(1) == b"*"
        stream.close()  # else the server would wait for this replica when it ends


@pytest.mark.parametrize("diskless", ["yes", "no"])
@pytest.mark.parametrize("wanted", ["functions", ""])
def test_an_image_of_functions_only_has_no_keys(diskless: str, wanted: str) -> None:
    """REPLCONF rdb-filter-only, as `redis-cli --functions-rdb` sends it; without any word nothing but the file's frame is wanted."""
    with servers.scrubjay("--repl-diskless-sync", diskless) as server, server.connect() as one, server.connect() as raw:
        one.call("SET", "a-key", "1")
        one.call("FUNCTION", "LOAD", "#!lua name=lib1\nredis.register_function('f', function() return 1 end)")
        raw.call("REPLCONF", "rdb-only", "1")
        raw.call("REPLCONF", "rdb-filter-only", wanted)
        if diskless == "yes":
            raw.call("REPLCONF", "capa", "eof")
        raw.send(resp.encode("SYNC"))
        with raw.socket.makefile("rb", buffering=0) as stream:
            frame = stream.readline().strip()
            end = frame.removeprefix(b"$EOF:") if diskless == "yes" else b""
            size = len(end) or int(frame[1:])
            image = b""
            while len(image) < size or not image.endswith(end):
                image += stream.read(65536)
        assert image.startswith(b"REDIS")
        assert (b"#!lua name=lib1" in image) == (wanted == "functions")
        assert b"a-key" not in image


def test_a_broken_link_is_taken_up_again_where_it_broke() -> None:
    with pair("scrubjay", "scrubjay") as (primary, replica, one, two):
        one.call("SET", "a", "1")
        follow(two, primary)
        full = resp.info(one, "stats")["sync_full"]
        two.call("DEBUG", "POPULATE", 0)
        one.call("SET", "b", "2")
        caught_up(one, two)
        two.call("REPLICAOF", "127.0.0.1", servers.free_port())
        one.call("SELECT", 5)
        one.call("SET", "c", "3")
        one.call("SELECT", 0)
        two.call("REPLICAOF", "127.0.0.1", primary.port)
        caught_up(one, two)
        stats = resp.info(one, "stats")
        assert stats["sync_full"] == full and stats["sync_partial_ok"] == "1"
        two.call("SELECT", 5)
        assert two.call("GET", "c") == b"3"
        assert "Successful partial resynchronization" in replica.log


def test_a_sibling_continues_with_the_promoted_replica() -> None:
    with contextlib.ExitStack() as stack:
        primary, left, right = (
            stack.enter_context(servers.scrubjay("--repl-diskless-sync-delay", "0")) for _ in range(3)
        )
        one, two, three = (stack.enter_context(server.connect()) for server in (primary, left, right))
        one.call("SET", "a", "1")
        follow(two, primary)
        follow(three, primary)
        one.call("SET", "b", "2")
        caught_up(one, two)
        caught_up(one, three)
        primary.kill()
        two.call("REPLICAOF", "NO", "ONE")
        two.call("SET", "c", "3")
        follow(three, left)
        caught_up(two, three)
        assert three.call("GET", "c") == b"3"
        assert resp.info(two, "stats")["sync_full"] == "0"
        assert facts(two)["master_replid"] == facts(three)["master_replid"]


def test_a_chain_carries_everything_to_its_end() -> None:
    with contextlib.ExitStack() as stack:
        first, middle, last = (
            stack.enter_context(servers.scrubjay("--repl-diskless-sync-delay", "0")) for _ in range(3)
        )
        one, two, three = (stack.enter_context(server.connect()) for server in (first, middle, last))
        sample_data.fill(one)
        follow(two, first)
        one.call("SELECT", 3)
        one.call("SET", "before", "x")
        caught_up(one, two)
        follow(three, middle)
        one.call("SET", "after", "y")
        caught_up(one, three)
        assert sample_data.contents(three) == sample_data.contents(one)


def test_wait_and_min_replicas_count_what_replicas_confirm() -> None:
    with pair("scrubjay", "scrubjay") as (primary, replica, one, two):
        one.call("CONFIG", "SET", "min-replicas-to-write", "1")
        with pytest.raises(resp.ErrorReply, match="NOREPLICAS"):
            one.call("SET", "a", "1")
        follow(two, primary)
        until(lambda: not one.frame("SET", "a", "1").is_error)
        assert one.call("WAIT", 1, 5000) == 1
        assert one.call("WAIT", 2, 50) == 1
        replica.kill()
        until(lambda: one.frame("SET", "a", "1").is_error)


def test_the_old_data_is_served_until_the_new_set_is_complete() -> None:
    with pair("scrubjay", "scrubjay") as (primary, _, one, two):
        for i in range(0, 20000, 1000):
            one.pipeline([("SET", f"new:{j}", "x" * 100) for j in range(i, i + 1000)])
        one.call("CONFIG", "SET", "rdb-key-save-delay", "20")
        two.call("CONFIG", "SET", "repl-diskless-load", "swapdb")
        two.call("SET", "old", "1")
        two.call("REPLICAOF", "127.0.0.1", primary.port)
        until(lambda: facts(two)["master_sync_in_progress"] == "1")
        assert two.call("GET", "old") == b"1" and two.call("DBSIZE") == 1
        until(lambda: facts(two)["master_link_status"] == "up")
        assert two.call("GET", "old") is None and two.call("DBSIZE") == 20000


def test_redis_cli_takes_our_rdb_and_our_stream() -> None:
    import subprocess
    import tempfile
    from pathlib import Path

    with servers.scrubjay() as server, server.connect() as connection, tempfile.TemporaryDirectory() as folder:
        sample_data.fill(connection)
        path = Path(folder) / "copy.rdb"
        subprocess.run(
            [servers.find("redis-cli"), "-p", str(server.port), "--rdb", str(path)],
            check=True,
            capture_output=True,
            timeout=30,
        )
        check = subprocess.run(
            [servers.find("redis-check-rdb"), str(path)], capture_output=True, text=True, check=False
        )
        assert "RDB looks OK!" in check.stdout


@pytest.mark.parametrize(("first", "second"), [("scrubjay", "scrubjay"), ("scrubjay", "redis"), ("redis", "scrubjay")])
def test_failover_swaps_the_roles_without_losing_a_write(first: str, second: str) -> None:
    with pair(first, second) as (primary, replica, one, two):
        follow(two, primary)
        until(lambda: "state=online" in facts(one)["slave0"])
        with writing(primary):
            assert one.call("FAILOVER", "TO", "127.0.0.1", replica.port, "TIMEOUT", 30000) == b"OK"
            until(lambda: facts(one)["master_failover_state"] == "no-failover")
        assert facts(one)["role"] == "slave" and facts(two)["role"] == "master"
        caught_up(two, one)
        assert resp.info(two, "stats")["sync_full"] == "0"
        assert sample_data.contents(one) == sample_data.contents(two)
        with pytest.raises(resp.ErrorReply, match="READONLY"):
            one.call("SET", "a", "1")
        with pytest.raises(resp.ErrorReply, match="not valid when server is a replica"):
            one.call("FAILOVER")


def test_a_failover_that_nobody_can_take_is_given_up() -> None:
    with pair("scrubjay", "scrubjay") as (primary, replica, one, two):
        with pytest.raises(resp.ErrorReply, match="requires connected replicas"):
            one.call("FAILOVER")
        follow(two, primary)
        until(lambda: "state=online" in facts(one)["slave0"])
        replica.process.send_signal(signal.SIGSTOP)
        try:
            one.call("SET", "a", "1")
            one.call("FAILOVER", "TO", "127.0.0.1", replica.port, "TIMEOUT", 200)
            with pytest.raises(resp.ErrorReply, match="not allowed while failing over"):
                one.call("REPLICAOF", "NO", "ONE")
            assert one.call("SET", "a", "2") == b"OK"  # held back until the time is over
            assert facts(one)["master_failover_state"] == "no-failover"
            one.call("FAILOVER", "TIMEOUT", 60000)
            one.call("FAILOVER", "ABORT")
            assert one.call("SET", "a", "3") == b"OK"
        finally:
            replica.process.send_signal(signal.SIGCONT)
        caught_up(one, two)
        assert two.call("GET", "a") == b"3" and facts(two)["role"] == "slave"


def test_a_read_only_replica_takes_what_changes_no_data_of_the_primary() -> None:
    with pair("scrubjay", "scrubjay") as (primary, _, one, two):
        one.call("PFADD", "h", *"abcdefg")
        follow(two, primary)
        assert two.call("PFCOUNT", "h") == 7
        assert two.call("PUBLISH", "channel", "message") == 0
        with pytest.raises(resp.ErrorReply, match="READONLY"):
            two.call("SET", "a", "1")
