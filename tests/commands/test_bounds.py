"""What the server may cost: its count of memory against the kernel's, idle connections, readers that do not read."""

from __future__ import annotations

import contextlib
import resource
import socket
import time

import pytest

import resp
import servers

MIB = 1 << 20
FREE = MIB  # what the process may have had free of its own before it grew


def used_memory(connection: resp.Connection) -> int:
    return int(resp.info(connection, "memory")["used_memory"])


def load(connection: resp.Connection, commands: list[tuple[resp.Argument, ...]]) -> None:
    for first in range(0, len(commands), 2000):
        assert not any(reply.is_error for reply in connection.pipeline(commands[first : first + 2000]))


# Sizes at which no table is in the middle of growing: the array it grows into counts from the start, its pages come one by one.
DATA: dict[str, list[tuple[resp.Argument, ...]]] = {
    "strings": [("SET", f"key:{index:012d}", "x" * (index % 200)) for index in range(60_000)],
    "long strings": [("SET", f"key:{index}", "x" * 5000) for index in range(3000)],
    "small hashes": [("HSET", f"h:{index}", *(f"f{i}" for i in range(20))) for index in range(40_000)],
    "one large hash": [("HSET", "h", f"field:{index}", f"value:{index}") for index in range(60_000)],
    "lists": [("RPUSH", f"l:{index}", *range(20)) for index in range(40_000)],
    "one large sorted set": [("ZADD", "z", index, f"member:{index}") for index in range(60_000)],
    "a stream": [("XADD", "x", "*", "field", "x" * 50) for _ in range(60_000)],
}


@pytest.mark.parametrize("kind", DATA)
def test_used_memory_is_what_the_process_grows_by(kind: str) -> None:
    with servers.scrubjay() as server, server.connect() as connection:
        load(connection, DATA[kind][:500])
        connection.call("FLUSHALL", "SYNC")
        resident, counted = servers.resident_bytes(server.pid), used_memory(connection)
        load(connection, DATA[kind])
        grown = servers.resident_bytes(server.pid) - resident
        said = used_memory(connection) - counted
        assert abs(said - grown) <= 0.1 * grown + FREE, f"used_memory grew by {said}, the process by {grown}"


def test_an_idle_connection_costs_less_than_ten_kib() -> None:
    count = 3000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 500)), hard))
    try:
        with servers.scrubjay("--maxclients", "5000") as server, contextlib.ExitStack() as stack:
            probe = stack.enter_context(server.connect())
            before = servers.resident_bytes(server.pid)
            opened = [stack.enter_context(socket.create_connection(server.address)) for _ in range(count)]
            for each in opened:
                each.sendall(resp.encode("PING"))
            for each in opened:
                assert each.recv(16) == b"+PONG\r\n"
            assert int(resp.info(probe, "clients")["connected_clients"]) == count + 1
            assert (servers.resident_bytes(server.pid) - before) / count < 10 * 1024
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def wait_until_closed(reader: socket.socket) -> None:
    """Read to the end; what was in the kernel's buffers still comes."""
    reader.settimeout(60)
    with contextlib.suppress(ConnectionError):
        while reader.recv(1 << 20):
            pass


def test_a_reader_that_does_not_read_is_cut_off() -> None:
    with servers.scrubjay("--client-output-buffer-limit", "normal 8mb 0 0") as server, server.connect() as connection:
        connection.call("SET", "big", "x" * MIB)
        before = servers.resident_bytes(server.pid)
        with socket.create_connection(server.address) as reader:
            with contextlib.suppress(ConnectionError):
                reader.sendall(resp.encode("GET", "big") * 500)
            deadline = time.monotonic() + 60
            while int(resp.info(connection, "clients")["connected_clients"]) > 1:
                assert time.monotonic() < deadline
            assert servers.resident_bytes(server.pid) - before < 32 * MIB
            wait_until_closed(reader)


def test_who_has_not_logged_in_may_not_leave_much_unread() -> None:
    with servers.scrubjay("--requirepass", "secret") as server, server.connect() as connection:
        connection.call("AUTH", "secret")
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(server.address)
            reader.settimeout(60)
            with pytest.raises(ConnectionError):
                for _ in range(100_000):
                    reader.sendall(resp.encode("GET", "x") * 1000)
        assert connection.call("PING") == b"PONG"
