"""Cluster mode on one server as its users meet it: redis-cli --cluster, a cluster client, restarts, and who may change the topology."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import resp
import servers

CLUSTER = ("--cluster-enabled", "yes")


@pytest.fixture(scope="module")
def node() -> Iterator[servers.Server]:
    with servers.scrubjay(*CLUSTER) as server:
        with server.connect() as connection:
            connection.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        yield server


@pytest.mark.parametrize("words", [("check",), ("info",), ("call", "ping")])
def test_redis_cli_works_on_it(words: tuple[str, ...], node: servers.Server) -> None:
    address = f"127.0.0.1:{node.port}"
    command = ["redis-cli", "--cluster", words[0], address, *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"check": "All 16384 slots covered", "info": "16384 slots", "call": "PONG"}[words[0]] in done.stdout


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_cluster_client_works_on_it(protocol: int, node: servers.Server) -> None:
    with redis.RedisCluster(host="127.0.0.1", port=node.port, protocol=protocol, decode_responses=True) as client:
        for number in range(50):
            client.set(f"key:{number}", number)
        assert [client.get(f"key:{number}") for number in range(50)] == [str(number) for number in range(50)]
        assert client.mget_nonatomic("key:1", "key:2") == ["1", "2"]
        assert client.cluster_info()["cluster_state"] == "ok"


def test_slots_id_and_data_are_there_after_a_restart(tmp_path: Path) -> None:
    with (
        servers.scrubjay(*CLUSTER, "--appendonly", "yes", directory=tmp_path) as server,
        server.connect() as connection,
    ):
        connection.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        connection.call("SET", "foo", "1")
        before = connection.call("CLUSTER", "MYID")
        server.kill()
    with (
        servers.scrubjay(*CLUSTER, "--appendonly", "yes", directory=tmp_path) as server,
        server.connect() as connection,
    ):
        assert connection.call("CLUSTER", "MYID") == before
        assert connection.call("GET", "foo") == b"1"
        slot = connection.call("CLUSTER", "KEYSLOT", "foo")
        assert isinstance(slot, int)
        assert connection.call("CLUSTER", "GETKEYSINSLOT", slot, 10) == [b"foo"]


def test_a_server_whose_slots_were_lost_serves_the_slots_of_its_data(tmp_path: Path) -> None:
    with (
        servers.scrubjay(*CLUSTER, "--appendonly", "yes", directory=tmp_path) as server,
        server.connect() as connection,
    ):
        connection.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        connection.call("SET", "foo", "1")
    (tmp_path / "nodes.conf").unlink()
    with (
        servers.scrubjay(*CLUSTER, "--appendonly", "yes", directory=tmp_path) as server,
        server.connect() as connection,
    ):
        slot = connection.call("CLUSTER", "KEYSLOT", "foo")
        served = connection.call("CLUSTER", "SLOTS")
        assert isinstance(served, list) and [row[:2] for row in served if isinstance(row, list)] == [[slot, slot]]


def test_nodes_do_not_meet_without_a_bus(node: servers.Server) -> None:
    with node.connect() as connection, pytest.raises(resp.ErrorReply, match="under the operator"):
        connection.call("CLUSTER", "MEET", "127.0.0.1", "7000")


def test_a_waiting_client_is_told_when_its_slot_goes(node: servers.Server) -> None:
    with node.connect() as waiting, node.connect() as other:
        slot = other.call("CLUSTER", "KEYSLOT", "list")
        assert isinstance(slot, int)
        waiting.send(resp.encode("BLPOP", "list", "0"))
        while b"blocked_clients:1" not in other.frame("INFO", "clients").raw():
            pass
        other.call("CLUSTER", "DELSLOTS", slot)
        answer = waiting.read()
        other.call("CLUSTER", "ADDSLOTS", slot)
        assert answer.value == b"CLUSTERDOWN The cluster is down"
