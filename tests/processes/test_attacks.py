"""What somebody tries who should not get in, or not so far: each row of docs/security.md that has no test of its own elsewhere."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

import resp
import servers

pytestmark = pytest.mark.timeout(90)
PASSWORD = "planted-Xk29-password"
OPEN_COMMANDS = {"auth", "hello", "quit", "reset"}


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """A server with a password, given in a file, and nothing opened for tests."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "secret.conf").write_text(f'requirepass "{PASSWORD}"\n')
    options = [
        "--include",
        str(folder / "secret.conf"),
        "--enable-protected-configs",
        "no",
        "--enable-debug-command",
        "no",
    ]
    with servers.scrubjay(*options, directory=folder) as server:
        yield server


@pytest.fixture
def stranger(guarded: servers.Server) -> Iterator[resp.Connection]:
    with guarded.connect() as connection:
        yield connection


@pytest.fixture
def admin(guarded: servers.Server) -> Iterator[resp.Connection]:
    with guarded.connect() as connection:
        connection.call("AUTH", PASSWORD)
        yield connection


@contextlib.contextmanager
def user(guarded: servers.Server, admin: resp.Connection, name: str, *rules: str) -> Iterator[resp.Connection]:
    """A connection of a new user with these rules."""
    admin.call("ACL", "SETUSER", name, "reset", "on", ">pw", *rules)
    with guarded.connect() as connection:
        connection.call("AUTH", name, "pw")
        yield connection


def every_command(admin: resp.Connection) -> Iterator[list[str]]:
    """Each command, and each subcommand, with as many arguments as it needs."""
    for row in cast(list[list[object]], admin.call("COMMAND")):
        name, arity = cast(bytes, row[0]).decode(), abs(cast(int, row[1]))
        subcommands = cast(list[list[object]], row[9])
        for sub in subcommands:
            words = cast(bytes, sub[0]).decode().split("|")
            yield words + ["1"] * (abs(cast(int, sub[1])) - 2)
        if not subcommands:
            yield [name] + ["1"] * (arity - 1)


def test_nothing_runs_before_authentication(admin: resp.Connection, stranger: resp.Connection) -> None:
    tried = 0
    for words in every_command(admin):
        if words[0] in OPEN_COMMANDS:
            continue
        reply = stranger.frame(*words)
        assert reply.is_error and b"NOAUTH" in cast(bytes, reply.value), words
        tried += 1
    assert tried > 300
    assert stranger.frame("EVAL", "return redis.call('GET', 'a')", 0).is_error
    assert admin.call("DBSIZE") == 0


def test_long_requests_are_refused_before_authentication(guarded: servers.Server) -> None:
    for request, said in (
        (b"*11\r\n", b"unauthenticated multibulk length"),
        (b"*2147483647\r\n", b"unauthenticated multibulk length"),
        (b"*2\r\n$4\r\nAUTH\r\n$16385\r\n", b"unauthenticated bulk length"),
        (b"x" * 70_000, b"too big inline request"),
    ):
        with guarded.connect() as connection:
            connection.send(request)
            reply = connection.read()
            assert reply.is_error and said in cast(bytes, reply.value)
            with pytest.raises((resp.ConnectionClosed, OSError)):
                connection.read()


def test_somebody_who_does_not_read_is_disconnected_before_authentication(
    guarded: servers.Server, admin: resp.Connection
) -> None:
    with socket.create_connection(guarded.address, timeout=30) as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with contextlib.suppress(OSError):
            for _ in range(3000):
                greedy.sendall(b"PING\r\n" * 1000)
        assert "overcoming of output buffer limits" in guarded.log
    assert admin.call("PING") == b"PONG"


def test_somebody_who_never_authenticates_is_disconnected(guarded: servers.Server, admin: resp.Connection) -> None:
    admin.call("CONFIG", "SET", "authentication-timeout", 1)
    with guarded.connect(timeout=60) as slow:
        slow.send(b"*1\r\n$4\r\nPI")  # and never the rest
        with pytest.raises(resp.ConnectionClosed):
            slow.read()
    assert admin.call("PING") == b"PONG"
    admin.call("CONFIG", "SET", "authentication-timeout", 60)


def test_lengths_from_outside_allocate_nothing(admin: resp.Connection, guarded: servers.Server) -> None:
    before = servers.resident_bytes(guarded.pid)
    held = []
    for request in (
        b"*2147483647\r\n",
        b"*1048577\r\n$1\r\n",
        b"*1000000\r\n$3\r\nGET\r\n",
        b"*2\r\n$3\r\nGET\r\n$536870912\r\n",
    ):
        connection = guarded.connect()
        connection.call("AUTH", PASSWORD)
        connection.send(request)
        held.append(connection)
    for words in (
        ("SETRANGE", "k", 536870912, "x"), ("SETBIT", "k", 4294967296, 1), ("LPOP", "none", 2**62), ("SRANDMEMBER", "none", -(2**62)),
        ("BITFIELD", "k", "SET", "u8", "#9223372036854775807", 1), ("LINSERT", "k"), ("XADD", "s", "MAXLEN", "=", -1, "*", "a", "b"),
        ("EVAL", "return string.rep('x', 2^40)", 0), ("EVAL", "return struct.pack('i999999999', 1)", 0), ("RESTORE", "k", 0, b"\x00\xff" * 8),
    ):  # fmt: skip
        admin.frame(*words)
    assert admin.call("PING") == b"PONG"
    assert servers.resident_bytes(guarded.pid) - before < 100 << 20
    for connection in held:
        connection.close()


def test_no_way_round_the_acl(guarded: servers.Server, admin: resp.Connection) -> None:
    admin.call("SET", "secret:1", "s")
    admin.call("SET", "a", "1")
    admin.call("RPUSH", "list", "1")
    admin.call(
        "FUNCTION",
        "LOAD",
        "REPLACE",
        "#!lua name=leak\nredis.register_function('leak', function(k) return redis.call('GET', 'secret:1') end)",
    )
    with user(guarded, admin, "limited", "~a*", "~list", "&news", "+@all", "-@dangerous", "-@admin") as limited:
        for words in (
            ("GET", "secret:1"),
            ("EVAL", "return redis.call('GET', 'secret:1')", 0),
            ("EVAL", "return redis.pcall('GET', 'secret:1')", 0),
            ("EVAL", "return redis.call('CONFIG', 'GET', '*')", 0),
            ("EVAL", "return redis.call('AUTH', 'default', 'x')", 0),
            ("FCALL", "leak", 0),
            ("COPY", "secret:1", "a2"),
            ("RENAME", "secret:1", "a2"),
            ("SORT", "list", "BY", "secret:*", "GET", "secret:*"),
            ("SORT_RO", "list", "BY", "nosort", "GET", "secret:*"),
            ("BITOP", "NOT", "a2", "secret:1"),
            ("OBJECT", "ENCODING", "secret:1"),
            ("MIGRATE", "127.0.0.1", 1, "secret:1", 0, 100),
            ("DEBUG", "OBJECT", "secret:1"),
            ("DUMP", "secret:1"),
            ("MEMORY", "USAGE", "secret:1"),
            ("SUBSCRIBE", "other"),
            ("PSUBSCRIBE", "*"),
            ("PUBLISH", "other", "x"),
            ("MONITOR",),
            ("SLOWLOG", "GET"),
            ("CONFIG", "GET", "requirepass"),
            ("CONFIG", "SET", "requirepass", ""),
            ("ACL", "SETUSER", "limited", "+@all"),
            ("REPLICAOF", "127.0.0.1", 1),
            ("SHUTDOWN",),
            ("KEYS", "*"),
        ):
            reply = limited.frame(*words)
            assert reply.is_error, (words, reply)
            refused = (b"NOPERM", b"can't access", b"can't run", b"can only", b"not allowed from script")
            assert any(text in cast(bytes, reply.value) for text in refused), (words, reply)
        limited.call("MULTI")
        assert limited.frame("GET", "secret:1").is_error
        with pytest.raises(resp.ErrorReply, match="EXECABORT"):
            limited.call("EXEC")
        limited.call("MULTI")
        limited.call("GET", "a")
        admin.call("ACL", "SETUSER", "limited", "resetkeys")  # between queueing and EXEC
        replies = cast(list[object], limited.call("EXEC"))
        assert isinstance(replies[0], resp.ErrorReply) and "NOPERM" in str(replies[0])
    assert admin.call("GET", "secret:1") == b"s"
    assert admin.call("ACL", "LOG")


def test_a_stranger_does_not_become_a_replica(
    guarded: servers.Server, admin: resp.Connection, stranger: resp.Connection
) -> None:
    admin.call("SET", "secret:1", "s")
    for words in (("PSYNC", "?", -1), ("SYNC",), ("REPLCONF", "listening-port", 1)):
        assert cast(bytes, stranger.frame(*words).value).startswith(b"NOAUTH")
    with user(guarded, admin, "app", "~*", "&*", "+@all", "-@dangerous") as app:
        for words in (("PSYNC", "?", -1), ("SYNC",), ("REPLCONF", "listening-port", 1)):
            assert cast(bytes, app.frame(*words).value).startswith(b"NOPERM")


@pytest.mark.parametrize("name", ["dbfilename", "appendfilename", "appenddirname"])
@pytest.mark.parametrize("value", ["../outside", "/etc/cron.d/x", "..", "a\\b"])
def test_no_path_leads_out_of_dir(name: str, value: str, guarded: servers.Server, admin: resp.Connection) -> None:
    with pytest.raises(resp.ErrorReply, match=r"can't set protected config|can't set immutable config|can't be a path"):
        admin.call("CONFIG", "SET", name, value)
    with pytest.raises(servers.StartError, match="can't be a path"), servers.scrubjay(f"--{name}", value):
        pass


def test_the_folder_and_debug_are_closed_by_default(admin: resp.Connection) -> None:
    for words in (("CONFIG", "SET", "dir", "/tmp"), ("CONFIG", "SET", "aclfile", "/etc/passwd"), ("DEBUG", "SLEEP", 0)):
        assert admin.frame(*words).is_error


def test_a_planted_password_is_shown_nowhere(guarded: servers.Server, admin: resp.Connection, tmp_path: Path) -> None:
    planted = "planted-Qq81-other"
    admin.call("CONFIG", "SET", "slowlog-log-slower-than", 0)
    with guarded.connect() as watcher:
        watcher.call("AUTH", PASSWORD)
        watcher.call("MONITOR")
        admin.call("ACL", "SETUSER", "someone", "on", f">{planted}", "+@all")
        admin.call("CONFIG", "SET", "masterauth", planted)
        admin.frame("AUTH", "someone", planted + "x")
        admin.frame("MIGRATE", "127.0.0.1", 1, "none", 0, 100, "AUTH", planted)
        admin.call("PING")
        seen = b""
        while b'"PING"' not in seen:
            seen += cast(bytes, watcher.read().value)
    shown = [seen, repr(admin.call("SLOWLOG", "GET", 100)).encode(), repr(admin.call("ACL", "LOG")).encode()]
    shown += [repr(admin.call("ACL", "LIST")).encode(), repr(admin.call("INFO", "everything")).encode()]
    shown += [repr(admin.call("CLIENT", "LIST")).encode(), guarded.log.encode()]
    shown.append(Path(f"/proc/{guarded.pid}/cmdline").read_bytes())
    admin.call("SAVE")
    shown += [
        file.read_bytes() for file in guarded.directory.rglob("*") if file.is_file() and file.name != "secret.conf"
    ]
    for text in shown:
        assert planted.encode() not in text and PASSWORD.encode() not in text
    admin.call("CONFIG", "SET", "slowlog-log-slower-than", 10000)


def test_a_managed_node_keeps_its_secrets_to_itself(tmp_path: Path) -> None:
    port = servers.free_port()
    with servers.scrubjay("--managed", "yes", "--node-id", "a", "--admin-port", str(port), directory=tmp_path) as node:
        operator = socket.create_connection(("127.0.0.1", port), timeout=30)  # kept: it is the primary's lease
        with operator, operator.makefile("rb") as lines:
            parameters = {"requirepass": PASSWORD, "masterauth": PASSWORD}
            role = {"op": "promote", "epoch": 1, "version": [1, 1], "confirm": [], "ack": []}
            for request in ({"op": "configure", "parameters": parameters}, role, {"op": "probe"}):
                operator.sendall(json.dumps(request).encode() + b"\n")
                answer = lines.readline()
                assert b'"ok":true' in answer and PASSWORD.encode() not in answer
            with node.connect() as connection:
                connection.call("AUTH", PASSWORD)
                shown = cast(list[bytes], connection.call("CONFIG", "GET", "requirepass", "masterauth"))
                assert dict(zip(shown[::2], shown[1::2], strict=True)) == {b"requirepass": b"", b"masterauth": b""}
        assert PASSWORD not in node.log
