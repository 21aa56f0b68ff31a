"""The memcached ports with real clients and real sockets: pymemcache (text), pylibmc (libmemcached, binary), Redis clients on the same keys,
auto discovery, logins, limits, UDP, and bytes that are no memcached."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pylibmc
import pytest
from pymemcache.client.base import Client

import servers

PROGRAM = (sys.executable, "-m", "scrubjay_engine.memcached")


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[servers.Server, int]]:
    """A server with a Redis and a memcached port; the latter's number."""
    port = servers.free_port()
    options = ("--memcached-port", str(port), "--memcached-udp-port", str(port), "--memcached-extended", "no_modern")
    with servers.scrubjay(*options) as server:
        yield server, port


@pytest.fixture
def text(both: tuple[servers.Server, int]) -> Iterator[Client]:
    with contextlib.closing(connect(both[1])) as client:
        client.flush_all()
        yield client


def connect(port: int) -> Client:
    """A pymemcache client that waits for every answer."""
    return Client(("127.0.0.1", port), timeout=20, connect_timeout=20, default_noreply=False)


def talk(port: int, data: bytes, until: bytes) -> bytes:
    """Sends bytes and reads until the answer ends so."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        answer = b""
        while not answer.endswith(until):
            more = connection.recv(65536)
            assert more, f"hung up after {answer!r}"
            answer += more
    return answer


def test_pymemcache(text: Client) -> None:
    assert text.set("a", "1") and text.get("a") == b"1"
    assert not text.add("a", "2") and text.replace("a", "3") and text.append("a", "4") and text.get("a") == b"34"
    assert text.incr("a", 6) == 40 and text.decr("a", 50) == 0
    text.set_many({"x": b"1", "y": b"2"})
    assert text.get_many(["x", "y", "z"]) == {"x": b"1", "y": b"2"}
    value, cas = text.gets("x")
    assert value == b"1" and text.cas("x", b"5", cas) and text.cas("x", b"6", cas) is False
    assert text.touch("x", 100) and text.get("x") == b"5"
    assert text.delete("x") and text.get("x") is None
    assert text.stats()[b"curr_items"] >= 1 and text.version() == b"1.6.18"


def test_pylibmc_binary(both: tuple[servers.Server, int]) -> None:
    client = pylibmc.Client([f"127.0.0.1:{both[1]}"], binary=True, behaviors={"cas": True, "tcp_nodelay": True})
    client.flush_all()
    assert client.set("a", {"an": "object"}) and client.get("a") == {"an": "object"}
    assert client.set_multi({f"k{i}": i for i in range(100)}) == []
    assert client.get_multi([f"k{i}" for i in range(110)]) == {f"k{i}": i for i in range(100)}
    client.set("n", "10")
    assert client.incr("n", 5) == 15 and client.decr("n", 20) == 0
    value, cas = client.gets("k1")
    assert value == 1 and client.cas("k1", 2, cas)
    assert not client.add("a", 1) and client.replace("a", 1) and client.delete("a") and client.get("a") is None
    assert client.set("big", b"x" * 500_000) and client.get("big") == b"x" * 500_000


def test_keys_are_shared_with_redis_clients(both: tuple[servers.Server, int], text: Client) -> None:
    server, port = both
    with server.connect() as redis:
        talk(port, b"set from:mc 77 100 5\r\nhello\r\n", b"STORED\r\n")
        assert redis.call("GET", "from:mc") == b"hello" and redis.call("TTL", "from:mc") in range(40, 101)
        redis.call("SET", "from:redis", "12")
        assert text.get("from:redis") == b"12" and text.incr("from:redis", 1) == 13
        assert redis.call("INCR", "from:redis") == 14
        redis.call("RPUSH", "list", "a")
        assert text.get("list") is None and text.add("list", "x") is False
        # flags stay while the value is changed in place, and are gone with the value they described
        redis.call("APPEND", "from:mc", "!")
        assert talk(port, b"get from:mc\r\n", b"END\r\n") == b"VALUE from:mc 77 6\r\nhello!\r\nEND\r\n"
        redis.call("SET", "from:mc", "new")
        assert talk(port, b"get from:mc\r\n", b"END\r\n") == b"VALUE from:mc 0 3\r\nnew\r\nEND\r\n"


def test_a_redis_change_spoils_a_cas(both: tuple[servers.Server, int], text: Client) -> None:
    for command in (("INCR", "n"), ("SET", "n", "5"), ("APPEND", "n", "1"), ("SETRANGE", "n", "0", "7")):
        text.set("n", "1")
        _, cas = text.gets("n")
        with both[0].connect() as redis:
            redis.call(*command)
        assert text.cas("n", b"mine", cas) is False, command
        _, cas = text.gets("n")
        assert text.cas("n", b"mine", cas) is True, command


def test_flush_all_and_flushall_empty_the_same(both: tuple[servers.Server, int], text: Client) -> None:
    with both[0].connect() as redis:
        redis.call("SET", "a", "1")
        text.flush_all()
        assert redis.call("DBSIZE") == 0
        text.set("b", "1")
        redis.call("FLUSHALL")
        assert text.get("b") is None


def test_watch_sees_memcached_writes(both: tuple[servers.Server, int], text: Client) -> None:
    with both[0].connect() as redis:
        redis.call("WATCH", "w")
        text.set("w", "1")
        redis.call("MULTI")
        redis.call("PING")
        assert redis.call("EXEC") is None


def test_discovery_lists_the_nodes_it_is_told(both: tuple[servers.Server, int]) -> None:
    server, port = both
    assert talk(port, b"config get cluster\r\n", b"\r\n") == b"ERROR\r\n"
    assert talk(port, b"get AmazonElastiCache:cluster\r\n", b"END\r\n") == b"END\r\n"
    with server.connect() as redis:
        redis.call("CONFIG", "SET", "memcached-cluster", "12 a.example|10.0.0.1|11211 b.example|10.0.0.2|11211")
    data = b"12\na.example|10.0.0.1|11211 b.example|10.0.0.2|11211\n"
    size = len(data)
    answer = talk(port, b"config get cluster\r\n", b"END\r\n")
    assert answer == b"CONFIG cluster 0 %d\r\n%s\r\nEND\r\n" % (size, data)
    answer = talk(port, b"get AmazonElastiCache:cluster\r\n", b"END\r\n")
    assert answer == b"VALUE AmazonElastiCache:cluster 0 %d\r\n%s\r\nEND\r\n" % (size, data)
    with server.connect() as redis:
        redis.call("CONFIG", "SET", "memcached-cluster", "")


def test_udp_answers_in_pieces(both: tuple[servers.Server, int], text: Client) -> None:
    text.set("big", b"y" * 5000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(struct.pack(">HHHH", 7, 0, 1, 0) + b"get big\r\n", ("127.0.0.1", both[1]))
        pieces: dict[int, bytes] = {}
        count = 1
        while len(pieces) < count:
            datagram = client.recv(65536)
            request, number, count, zero = struct.unpack(">HHHH", datagram[:8])
            assert (request, zero) == (7, 0) and len(datagram) <= 1400
            pieces[number] = datagram[8:]
    whole = b"".join(pieces[number] for number in sorted(pieces))
    assert whole == b"VALUE big 0 5000\r\n" + b"y" * 5000 + b"\r\nEND\r\n"


def test_metrics_have_the_exporters_names() -> None:
    port, http = servers.free_port(), servers.free_port()
    with servers.scrubjay("--memcached-port", str(port), "--http-port", str(http)):
        talk(port, b"set a 0 0 1\r\n1\r\nget a b\r\n", b"END\r\n")
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=20) as page:
            text = page.read().decode()
    assert "memcached_current_items 1\n" in text
    assert 'memcached_commands_total{command="get",status="hit"} 1' in text
    assert 'memcached_commands_total{command="get",status="miss"} 1' in text


def test_logins_of_both_protocols(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("jay:acorn\nfinch:seed\n")
    with servers.memcached("-Y", str(users), program=PROGRAM, ready=answers) as server:
        assert talk(server.port, b"get a\r\n", b"\r\n") == b"CLIENT_ERROR unauthenticated\r\n"
        wrong = b"set auth 0 0 9\r\njay seeds\r\n"
        assert talk(server.port, wrong, b"\r\n") == b"CLIENT_ERROR authentication failure\r\n"
        right = b"set auth 0 0 9\r\njay acorn\r\nget a\r\n"
        assert talk(server.port, right, b"END\r\n") == b"STORED\r\nEND\r\n"
    with servers.memcached("-S", "-B", "binary", "-Y", str(users), program=PROGRAM, ready=answers) as server:
        assert sasl(server.port, b"\0jay\0seed")[6:8] == b"\0\x20"
        answer = sasl(server.port, b"\0jay\0acorn")
        assert answer[6:8] == b"\0\0" and b"Authenticated" in answer and answer.endswith(b"1.6.18")


def test_protected_mode_serves_loopback_only() -> None:
    port = servers.free_port()
    own = next((address for address in own_addresses() if not address.startswith("127.")), None)
    if own is None:
        pytest.skip("this host has no address but loopback")
    with servers.scrubjay("--bind", "0.0.0.0", "--memcached-port", str(port)):
        assert talk(port, b"version\r\n", b"\r\n") == b"VERSION 1.6.18\r\n"
        with socket.create_connection((own, port), timeout=20) as stranger:
            assert stranger.recv(200).startswith(b"SERVER_ERROR protected mode")


def own_addresses() -> list[str]:
    """This host's IPv4 address, as a socket towards elsewhere would use it (nothing is sent)."""
    found = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        found.append(str(probe.getsockname()[0]))
    return found


def sasl(port: int, response: bytes) -> bytes:
    """SASL PLAIN and a version request over the binary protocol: all that is answered before the server hangs up."""
    login = struct.pack(">BBHBBHIIQ", 0x80, 0x21, 5, 0, 0, 0, 5 + len(response), 0, 0) + b"PLAIN" + response
    version, leave = (struct.pack(">BBHBBHIIQ", 0x80, code, 0, 0, 0, 0, 0, 0, 0) for code in (0x0B, 0x17))
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(login + version + leave)
        while more := connection.recv(65536):
            answer += more
    return answer


def answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError:
        return False
    return True


def test_contents_flags_and_cas_survive_a_restart(tmp_path: Path) -> None:
    port = servers.free_port()
    options = ("--memcached-port", str(port), "--dir", str(tmp_path))
    with servers.scrubjay(*options, directory=tmp_path) as server:
        talk(port, b"set a 77 0 5\r\nhello\r\nset b 0 1000 1\r\n7\r\n", b"STORED\r\nSTORED\r\n")
        before = talk(port, b"gets a b\r\n", b"END\r\n")
        with server.connect() as redis:
            redis.call("SAVE")
    with servers.scrubjay(*options, directory=tmp_path) as server:
        assert talk(port, b"gets a b\r\n", b"END\r\n") == before
        talk(port, b"set c 0 0 0\r\n\r\n", b"STORED\r\n")
        assert int(talk(port, b"gets c\r\n", b"END\r\n").split()[4]) > 2
    with servers.redis("--dir", str(tmp_path), directory=tmp_path) as real, real.connect() as redis:
        assert redis.call("GET", "a") == b"hello" and redis.call("GET", "b") == b"7"  # Redis reads the file as well


def test_full_memory_evicts_and_never_refuses() -> None:
    with (
        servers.memcached("-m", "8", program=PROGRAM) as server,
        contextlib.closing(connect(server.port)) as client,
    ):
        for at in range(3000):
            assert client.set(f"key{at}", b"x" * 10_000)
        stats = client.stats()
        assert stats[b"evictions"] > 1000 and stats[b"store_no_memory"] == 0
        assert client.get("key2999") == b"x" * 10_000


def test_what_is_no_memcached_never_ends_the_server(both: tuple[servers.Server, int]) -> None:
    """10,000 random lines and frames, on many connections: the server answers or hangs up, and serves on."""
    _, port = both
    dice = random.Random(11)
    starts = [
        b"set k 0 0 ",
        b"mg ",
        b"ms k ",
        b"ma k ",
        b"get ",
        b"cas k 1 2 3 ",
        b"\x80",
        b"\x80\x01\x00\x05\x08",
        b"",
    ]
    for _ in range(100):
        noise = b"".join(
            dice.choice(starts) + dice.randbytes(dice.randrange(30)) + dice.choice([b"\r\n", b"\n", b""])
            for _ in range(100)
        )
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            try:
                connection.sendall(noise)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass
    assert talk(port, b"version\r\n", b"\r\n") == b"VERSION 1.6.18\r\n"
    assert "this is a bug" not in both[0].log
