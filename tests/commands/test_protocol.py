"""The wire: pieces, pipelines, long arguments, nonsense. Raw sockets against a real engine."""

from __future__ import annotations

import socket

import pytest

import resp
import servers


def exchange(server: servers.Server, data: bytes, expected: int) -> bytes:
    """Sends bytes and reads until that many came or the peer closed."""
    with socket.create_connection(server.address, timeout=20) as peer:
        peer.sendall(data)
        got = b""
        while len(got) < expected:
            piece = peer.recv(65536)
            if not piece:
                break
            got += piece
    return got


def until_closed(server: servers.Server, data: bytes) -> bytes:
    with socket.create_connection(server.address, timeout=20) as peer:
        peer.sendall(data)
        got = b""
        while piece := peer.recv(65536):
            got += piece
    return got


def test_a_command_may_arrive_byte_by_byte(engine: servers.Server) -> None:
    with socket.create_connection(engine.address, timeout=20) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\nxyz\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n":
            peer.sendall(bytes([byte]))
        got = b""
        while len(got) < len(b"+OK\r\n$3\r\nxyz\r\n"):
            got += peer.recv(100)
    assert got == b"+OK\r\n$3\r\nxyz\r\n"


def test_a_pipeline_is_answered_in_order(engine: servers.Server) -> None:
    count = 20_000
    data = b"".join(resp.encode("ECHO", str(i)) for i in range(count))
    expected = b"".join(b"$%d\r\n%d\r\n" % (len(str(i)), i) for i in range(count))
    with socket.create_connection(engine.address, timeout=30) as peer:
        peer.settimeout(30)
        # Send without reading: the server must go on taking input while its replies wait.
        import threading

        sender = threading.Thread(target=peer.sendall, args=(data,))
        sender.start()
        got = b""
        while len(got) < len(expected):
            got += peer.recv(1 << 16)
        sender.join()
    assert got == expected


@pytest.mark.parametrize("size", [0, 1, 44, 45, 65535, 65536, 65537, 1 << 20, 20 << 20])
def test_values_of_any_size_come_back_whole(connection: resp.Connection, size: int) -> None:
    value = bytes(i % 251 for i in range(min(size, 1000))) * (size // 1000 + 1)
    value = value[:size]
    assert connection.call("SET", "k", value) == b"OK"
    assert connection.call("GET", "k") == value
    assert connection.call("STRLEN", "k") == size


@pytest.mark.parametrize(
    ("request_bytes", "reply"),
    [
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", b"-ERR Protocol error: expected '$', got 'f'\r\n"),
        (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*3000000000\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n$-10\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$2000000000\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b'set x "unbalanced\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"A" * 70_000, b"-ERR Protocol error: too big inline request\r\n"),
    ],
)
def test_nonsense_is_answered_and_the_connection_closed(
    engine: servers.Server, request_bytes: bytes, reply: bytes
) -> None:
    assert until_closed(engine, request_bytes) == reply


@pytest.mark.parametrize("request_bytes", [b"*-10\r\n", b"*0\r\n", b"\r\n", b"   \r\n"])
def test_empty_requests_are_ignored(engine: servers.Server, request_bytes: bytes) -> None:
    assert exchange(engine, request_bytes + b"PING\r\n", 7) == b"+PONG\r\n"


def test_inline_commands(engine: servers.Server) -> None:
    assert exchange(engine, b'SET "a key" \'a value\'\r\nGET "a key"\n', 18) == b"+OK\r\n$7\r\na value\r\n"


def test_errors_leave_the_connection_alive(connection: resp.Connection) -> None:
    with pytest.raises(resp.ErrorReply, match="unknown command 'NONSENSE', with args beginning with: 'a' 'b' "):
        connection.call("NONSENSE", "a", "b")
    with pytest.raises(resp.ErrorReply, match="wrong number of arguments for 'get' command"):
        connection.call("GET")
    assert connection.call("PING") == b"PONG"


def test_a_long_command_in_pieces(connection: resp.Connection) -> None:
    pairs = [str(i) for i in range(40_000)]
    assert connection.call("MSET", *pairs) == b"OK"
    assert connection.call("DBSIZE") == 20_000
    assert connection.frame("MGET", *pairs[::2]).children[1].value == b"3"


def test_a_reader_who_does_not_read_gets_everything_later(engine: servers.Server) -> None:
    with engine.connect() as writer:
        writer.call("SET", "big", b"x" * 1_000_000)
    with socket.create_connection(engine.address, timeout=20) as peer:
        peer.sendall(resp.encode("GET", "big") * 30)
        with engine.connect() as other:
            assert other.call("PING") == b"PONG"
        expected, got = 30 * (1_000_000 + len(b"$1000000\r\n\r\n")), 0
        while got < expected:
            got += len(peer.recv(1 << 20))
    assert got == expected
