"""TLS with real clients and real servers: who is let in, who is refused and how that is told, new certificates while clients are connected."""

import contextlib
import json
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

import resp
import servers
from authority import Authority, Leaf

pytestmark = pytest.mark.timeout(90)
BIG = 3_000_000


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


@dataclass
class Secured:
    """A server with TLS, the CA of its certificate, and a client's certificate of the same CA."""

    server: servers.Server
    port: int
    http: int
    authority: Authority
    leaf: Leaf
    client: Leaf

    def redis(self, **more: Any) -> redis.Redis:
        given = {"ssl_certfile": str(self.client.cert), "ssl_keyfile": str(self.client.key), **more}
        return redis.Redis(
            host="localhost",
            port=self.port,
            ssl=True,
            ssl_ca_certs=str(self.authority.file),
            socket_timeout=30,
            **given,
        )

    def metrics(self) -> dict[str, float]:
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=10).read().decode()
        lines = [line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("scrubjay_tls_handshakes_total")]
        return {name.partition('"')[2].partition('"')[0]: float(value) for name, value in lines}

    def refused_as(self, reason: str, count: int = 1) -> None:
        until(lambda: self.metrics().get(reason) == count)
        assert f"reason: {reason})" in self.server.log


@contextlib.contextmanager
def secured(folder: Path, *options: str) -> Iterator[Secured]:
    authority, leaf = Authority.with_server(folder / "certificates")
    port, http = servers.free_port(), servers.free_port()
    with servers.scrubjay(*authority.options(leaf, port), "--http-port", str(http), *options) as server:
        yield Secured(server, port, http, authority, leaf, authority.leaf("client"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("tls")) as one:
        yield one


def attempt(secured: Secured, context: ssl.SSLContext) -> bytes:
    """A PING by a client of this context: the answer, or nothing when the server ended the connection."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", secured.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(resp.encode("PING"))
        return connection.recv(100)
    return b""


def context_of(secured: Secured, leaf: Leaf | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(secured.authority.file))
    if leaf is not None:
        context.load_cert_chain(leaf.cert, leaf.key)
    return context


def test_redis_cli_and_redis_py_read_and_write_small_and_big_values(shared: Secured) -> None:
    line = ["redis-cli", "-h", "localhost", "-p", str(shared.port), "--tls", "--cacert", str(shared.authority.file)]
    line += ["--cert", str(shared.client.cert), "--key", str(shared.client.key)]
    assert subprocess.run([*line, "SET", "a", "1"], capture_output=True, check=True).stdout == b"OK\n"
    with shared.redis() as client:
        assert client.get("a") == b"1"
        client.set("big", b"x" * BIG)
        with client.pipeline(transaction=False) as pipe:
            for _ in range(20):
                pipe.get("big")
            assert all(value == b"x" * BIG for value in pipe.execute())
        assert client.info("server")["tcp_port"] == shared.server.port


def test_a_pipeline_longer_than_a_turn_is_answered_whole(shared: Secured) -> None:
    count = 30_000  # several turns of 4096 commands, of which the later ones wait inside OpenSSL and not in the socket
    with (
        socket.create_connection(("127.0.0.1", shared.port), timeout=60) as plain,
        context_of(shared, shared.client).wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(resp.encode("PING") * count)
        received = 0
        while received < count * 7:
            data = connection.recv(65536)
            assert data
            received += len(data)


@pytest.mark.parametrize("spoil", ["none", "stranger", "expired"])
def test_clients_without_a_good_certificate_are_refused_with_a_log_line_and_a_metric(
    tmp_path: Path, spoil: str
) -> None:
    with secured(tmp_path) as one:
        leaf, reason = {
            "none": (None, "no_certificate"),
            "stranger": (Authority(tmp_path / "other").leaf("client"), "untrusted"),
            "expired": (one.authority.leaf("old", first_day=-9, last_day=-2), "expired"),
        }[spoil]
        assert attempt(one, context_of(one, leaf)) == b""
        one.refused_as(reason)
        assert attempt(one, context_of(one, one.client)) == b"+PONG\r\n"


def client_hello(version: bytes) -> bytes:
    """The first words of a client that speaks nothing newer than this version: OpenSSL of today would not say them (RFC 4346, 7.4.1.2)."""
    body = version + bytes(32) + b"\x00" + b"\x00\x04\xc0\x13\x00\x2f" + b"\x01\x00"
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def test_plain_text_old_protocols_and_clients_that_distrust_us(tmp_path: Path) -> None:
    with secured(tmp_path, "--tls-auth-clients", "no") as one:
        with resp.Connection(("127.0.0.1", one.port)) as plain_text, pytest.raises((resp.ConnectionClosed, OSError)):
            plain_text.call("PING")
        one.refused_as("plaintext")
        with socket.create_connection(("127.0.0.1", one.port), timeout=30) as old:
            old.sendall(client_hello(b"\x03\x02"))
            assert old.recv(100)[:7] == b"\x15\x03\x02\x00\x02\x02\x46"  # a fatal alert: protocol version
        one.refused_as("protocol")
        distrustful = ssl.create_default_context(cafile=str(Authority(tmp_path / "other").file))
        assert attempt(one, distrustful) == b""
        one.refused_as("peer_refused")
        with socket.create_connection(("127.0.0.1", one.port), timeout=30) as plain:
            context = context_of(one)
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                context.wrap_socket(plain, server_hostname="elsewhere.example")
        assert attempt(one, context_of(one)) == b"+PONG\r\n"


def test_a_handshake_that_does_not_come_to_an_end_is_ended(tmp_path: Path) -> None:
    with secured(tmp_path, "--tls-handshake-timeout", "1") as one:
        with socket.create_connection(("127.0.0.1", one.port), timeout=30) as slow:
            slow.sendall(b"\x16\x03\x01")
            assert slow.recv(100) == b""
        one.refused_as("timeout")


def test_new_certificates_are_used_at_once_and_nobody_is_disconnected(tmp_path: Path) -> None:
    with secured(tmp_path) as one, one.redis() as before, one.server.connect() as plain:
        before.set("a", "1")
        serial = serial_seen(one)
        one.authority.leaf("server")  # the same files, another certificate, as when a Secret is renewed
        assert serial_seen(one) == serial
        before.config_set("tls-cert-file", str(one.leaf.cert))
        assert serial_seen(one) != serial
        assert before.get("a") == b"1" and before.client_id() == before.client_id()
        with pytest.raises(resp.ErrorReply, match="Unable to update TLS configuration"):
            plain.call("CONFIG", "SET", "tls-key-file", "/nonexistent")
        assert "Failed to load private key: /nonexistent" in one.server.log
        other = Authority(tmp_path / "other")
        plain.call("CONFIG", "SET", "tls-ca-cert-file", str(other.file))
        assert before.get("a") == b"1"
        assert attempt(one, context_of(one, one.client)) == b""
        assert attempt(one, context_of(one, other.leaf("client"))) == b"+PONG\r\n"


def serial_seen(one: Secured) -> object:
    with (
        socket.create_connection(("127.0.0.1", one.port), timeout=30) as plain,
        context_of(one, one.client).wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        found = connection.getpeercert()
        assert found is not None
        return found["serialNumber"]


def test_replaced_files_are_found(tmp_path: Path) -> None:
    with secured(tmp_path, "--tls-auto-reload-interval", "1") as one, one.redis() as before:
        before.ping()
        serial = serial_seen(one)
        one.authority.leaf("server")
        until(lambda: serial_seen(one) != serial)
        assert before.ping()


def test_the_port_is_opened_moved_and_closed_live(tmp_path: Path) -> None:
    authority, leaf = Authority.with_server(tmp_path / "certificates")
    with servers.scrubjay() as server, server.connect() as plain:
        first, second = servers.free_port(), servers.free_port()
        with pytest.raises(resp.ErrorReply, match="Unable to update TLS configuration"):
            plain.call("CONFIG", "SET", "tls-port", first)
        assert plain.call("CONFIG", "GET", "tls-port") == [b"tls-port", b"0"]
        files = [
            "tls-cert-file",
            str(leaf.cert),
            "tls-key-file",
            str(leaf.key),
            "tls-ca-cert-file",
            str(authority.file),
        ]
        plain.call("CONFIG", "SET", "tls-port", first, *files, "tls-auth-clients", "optional")
        one = Secured(server, first, 0, authority, leaf, authority.leaf("client"))
        assert attempt(one, context_of(one)) == attempt(one, context_of(one, one.client)) == b"+PONG\r\n"
        plain.call("CONFIG", "SET", "tls-port", second)
        assert attempt(one, context_of(one)) == b""
        one.port = second
        assert attempt(one, context_of(one)) == b"+PONG\r\n"
        plain.call("CONFIG", "SET", "tls-port", 0)
        assert attempt(one, context_of(one)) == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_unless_that_is_switched_off(tmp_path: Path, version: ssl.TLSVersion) -> None:
    def second_is_resumed(one: Secured) -> bool | None:
        context = context_of(one, one.client)
        context.maximum_version = version
        session = None
        for _ in range(2):
            with (
                socket.create_connection(("127.0.0.1", one.port), timeout=30) as plain,
                context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
            ):
                connection.sendall(resp.encode("PING"))
                assert connection.recv(100) == b"+PONG\r\n"
                session, resumed = connection.session, connection.session_reused
        return resumed

    with secured(tmp_path) as one:
        assert second_is_resumed(one)
        with one.server.connect() as plain:
            plain.call("CONFIG", "SET", "tls-session-caching", "no")
        assert not second_is_resumed(one)


def test_a_certificate_names_the_user(tmp_path: Path) -> None:
    with (
        secured(tmp_path, "--tls-auth-clients-user", "cn", "--requirepass", "secret") as one,
        one.server.connect() as plain,
    ):
        plain.call("AUTH", "secret")
        plain.call("ACL", "SETUSER", "client", "on", "~c:*", "+@all")
        with one.redis() as known:
            assert known.acl_whoami() in ("client", b"client")
            with pytest.raises(redis.exceptions.NoPermissionError):
                known.set("other", "1")
        unknown = one.authority.leaf("unknown", alternatives=("spiffe://cluster/reader", "reader.example"))
        with (
            one.redis(ssl_certfile=str(unknown.cert), ssl_keyfile=str(unknown.key)) as stranger,
            pytest.raises(redis.exceptions.AuthenticationError),
        ):
            stranger.ping()
        plain.call(
            "ACL", "SETUSER", "spiffe://cluster/reader", "on", "allkeys", "+@read", "+acl|whoami", "+client", "+hello"
        )
        plain.call("CONFIG", "SET", "tls-auth-clients-user", "san")
        with one.redis(ssl_certfile=str(unknown.cert), ssl_keyfile=str(unknown.key), protocol=3) as reader:
            assert reader.execute_command("ACL", "WHOAMI") == b"spiffe://cluster/reader"


PAIRS = [("scrubjay", "scrubjay"), ("scrubjay", "redis"), ("redis", "scrubjay")]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_replication_over_tls_in_both_roles(tmp_path: Path, first: str, second: str) -> None:
    authority, leaf = Authority.with_server(tmp_path)
    one_port, two_port = servers.free_port(), servers.free_port()
    fast = ["--tls-replication", "yes", "--repl-diskless-sync-delay", "0"]
    with (
        servers.KINDS[first](*authority.options(leaf, one_port), *fast) as primary,
        servers.KINDS[second](*authority.options(leaf, two_port), *fast) as replica,
        primary.connect() as one,
        replica.connect() as two,
    ):
        one.call("SET", "before", b"x" * BIG)
        two.call("REPLICAOF", "localhost", one_port)
        until(lambda: resp.info(two, "replication")["master_link_status"] == "up")
        one.pipeline([("SET", f"k:{number}", b"v" * 100) for number in range(20_000)])
        assert one.call("WAIT", 1, 30_000) == 1
        assert two.call("DBSIZE") == 20_001 and two.call("STRLEN", "before") == BIG
        assert f"port={two_port}" in resp.info(one, "replication")["slave0"]


def test_a_replica_does_not_follow_a_primary_of_another_authority(tmp_path: Path) -> None:
    authority, leaf = Authority.with_server(tmp_path / "one")
    other, false_leaf = Authority.with_server(tmp_path / "two")
    port = servers.free_port()
    with (
        servers.scrubjay(*other.options(false_leaf, port), "--tls-auth-clients", "no"),
        servers.scrubjay(*authority.options(leaf, servers.free_port()), "--tls-replication", "yes") as replica,
        replica.connect() as connection,
    ):
        connection.call("REPLICAOF", "localhost", port)
        until(lambda: "the TLS handshake failed" in replica.log and "certificate verify failed" in replica.log)
        assert resp.info(connection, "replication")["master_link_status"] == "down"


def test_nodes_know_each_other_by_certificates_of_their_own(tmp_path: Path) -> None:
    authority, leaf = Authority.with_server(tmp_path / "nodes")
    files = ["--node-tls-cert-file", str(leaf.cert), "--node-tls-key-file", str(leaf.key)]
    files += [
        "--node-tls-ca-cert-file",
        str(authority.file),
        "--requirepass",
        "secret",
        "--repl-diskless-sync-delay",
        "0",
    ]
    node_port, admin, https, http = (servers.free_port() for _ in range(4))
    ports = ["--node-tls-port", str(node_port), "--admin-port", str(admin), "--https-port", str(https)]
    ports += ["--http-port", str(http), "--http-metrics", "no"]
    with servers.scrubjay(*files, *ports) as primary, servers.scrubjay(*files) as replica, replica.connect() as two:
        two.call("AUTH", "secret")
        two.call("REPLICAOF", "localhost", node_port)  # no masterauth: the certificate is enough
        until(lambda: resp.info(two, "replication")["master_link_status"] == "up")
        context = ssl.create_default_context(cafile=str(authority.file))
        context.load_cert_chain(leaf.cert, leaf.key)
        with (
            socket.create_connection(("127.0.0.1", admin), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as operator,
        ):
            operator.sendall(b'{"id":1,"op":"probe"}\n')
            with operator.makefile("rb") as lines:
                assert json.loads(lines.readline())["ok"]
                authority.leaf("server")
                operator.sendall(
                    json.dumps(
                        {"id": 2, "op": "configure", "parameters": {"node-tls-cert-file": str(leaf.cert)}}
                    ).encode()
                    + b"\n"
                )
                assert json.loads(lines.readline())["applied"] == ["node-tls-cert-file"]
        with urllib.request.urlopen(f"https://localhost:{https}/metrics", context=context, timeout=30) as page:
            assert b"redis_up 1" in page.read()
        for port in (admin, https, node_port):
            assert rejected(port, authority)
        assert urllib.request.urlopen(f"http://127.0.0.1:{http}/healthz", timeout=30).status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=30)
        assert primary.process.poll() is None


def rejected(port: int, authority: Authority) -> bool:
    """Whether somebody without a certificate of the nodes' CA is turned away there."""
    context = ssl.create_default_context(cafile=str(authority.file))
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b'{"id":1,"op":"probe"}\r\n\r\n')
        return connection.recv(100) == b""
    return True


def test_a_server_without_usable_certificates_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(servers.StartError, match=r"Failed to configure TLS.* No tls-cert-file configured!"),
        servers.scrubjay("--tls-port", str(servers.free_port())),
    ):
        pass
