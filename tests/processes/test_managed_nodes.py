"""Managed mode over the admin port, with real processes: roles only by order, orders only forward, what is promised survives kill -9."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import resp
from managed import Node, grant, refusal, start, until

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Callable[[str], Node]]:
    with ExitStack() as stack:
        yield lambda uid: start(stack, tmp_path / uid, uid)


def test_a_node_serves_nothing_before_it_has_a_role(nodes: Callable[[str], Node]) -> None:
    node = nodes("a")
    state = node.operator.ask("probe", term=1)
    assert state["ok"] and state["role"] == "waiting" and state["node"]["uid"] == "a" and not state["hasData"]
    with (
        node.server.connect() as connection,
        pytest.raises(resp.ErrorReply, match="LOADING Scrubjay has not been given a role"),
    ):
        connection.call("SET", "k", "v")


def test_a_replica_follows_and_takes_over(nodes: Callable[[str], Node]) -> None:
    a, b = nodes("a"), nodes("b")
    assert a.operator.ask("promote", epoch=1, version=[1, 1], confirm=[], ack=[])["role"] == "primary"
    assert b.operator.ask("follow", epoch=1, version=[1, 1], primary=a.address)["role"] == "replica"
    until(lambda: b.operator.ask("probe")["link"] == "up")
    with a.server.connect() as connection:
        connection.call("SET", "k", "v")
    until(lambda: b.operator.ask("probe")["offset"] == a.operator.ask("probe")["offset"] > 0)
    replicas = a.operator.ask("probe")["replicas"]
    assert [(replica["uid"], replica["port"], replica["state"]) for replica in replicas] == [
        ("b", b.server.port, "online")
    ]
    a.server.kill()
    assert b.operator.ask("promote", epoch=2, version=[1, 2], confirm=[], ack=[])["role"] == "primary"
    with b.server.connect() as connection:
        assert connection.call("GET", "k") == b"v"
        connection.call("SET", "k", "w")


def test_a_former_primary_continues_partially_as_replica(nodes: Callable[[str], Node]) -> None:
    a, b = nodes("a"), nodes("b")
    a.operator.ask("promote", epoch=1, version=[1, 1], confirm=[], ack=[])
    b.operator.ask("follow", epoch=1, version=[1, 1], primary=a.address)
    until(lambda: b.operator.ask("probe")["link"] == "up")
    with a.server.connect() as connection:
        connection.call("SET", "k", "v")
        until(lambda: b.operator.ask("probe")["offset"] == a.operator.ask("probe")["offset"])
        b.operator.ask("promote", epoch=2, version=[1, 2], confirm=[], ack=[])
        a.operator.ask("follow", epoch=2, version=[1, 2], primary=b.address)
        with pytest.raises((resp.ConnectionClosed, ConnectionError)):  # a demoted node keeps no client
            for _ in range(100):
                connection.call("PING")
                time.sleep(0.01)
    until(lambda: a.operator.ask("probe")["link"] == "up")
    with b.server.connect() as connection:
        connection.call("SET", "k", "w")
    with a.server.connect() as connection:
        until(lambda: connection.call("GET", "k") == b"w")
    assert "Successful partial resynchronization" in a.server.log


def test_older_orders_are_refused_and_a_repeated_one_changes_nothing(nodes: Callable[[str], Node]) -> None:
    a = nodes("a")
    assert a.operator.ask("promote", epoch=3, version=[2, 5], confirm=[], ack=[])["epoch"] == 3
    assert a.operator.ask("promote", epoch=3, version=[2, 5], confirm=[], ack=[])["ok"]
    assert refusal(a.operator.ask("promote", epoch=2, version=[2, 6], confirm=[], ack=[])) == "STALE"
    assert refusal(a.operator.ask("promote", epoch=4, version=[1, 9], confirm=[], ack=[])) == "STALE"
    assert (
        refusal(a.operator.ask("follow", epoch=3, version=[2, 7], primary={"uid": "b", "host": "h", "port": 1}))
        == "ROLE"
    )
    assert refusal(a.operator.ask("probe", term=1)) == "STALE"
    assert a.operator.ask("promise", epoch=7)["promise"] == 7
    assert refusal(a.operator.ask("promote", epoch=6, version=[2, 8], confirm=[], ack=[])) == "STALE"


def test_a_killed_primary_waits_and_keeps_its_promise(nodes: Callable[[str], Node], tmp_path: Path) -> None:
    a = nodes("a")
    a.operator.ask("promote", epoch=4, version=[1, 1], confirm=[], ack=[])
    a.operator.ask("promise", epoch=6)
    before = a.operator.ask("probe")
    a.server.kill()
    again = nodes("a")
    state = again.operator.ask("probe")
    assert state["role"] == "waiting" and state["epoch"] == 4 and state["promise"] == 6
    assert state["node"]["boot"] != before["node"]["boot"]
    assert refusal(again.operator.ask("promote", epoch=5, version=[1, 2], confirm=[], ack=[])) == "STALE"
    assert again.operator.ask("promote", epoch=6, version=[1, 2], confirm=[], ack=[])["role"] == "primary"


def test_a_primary_with_a_confirm_set_needs_a_lease(nodes: Callable[[str], Node]) -> None:
    a = nodes("a")
    a.operator.ask("promote", epoch=1, version=[1, 1], confirm=[{"uid": "b", "host": "127.0.0.1", "port": 1}], ack=[])
    with a.server.connect() as connection, pytest.raises(resp.ErrorReply, match="READONLY The lease of this primary"):
        connection.call("SET", "k", "v")
    assert grant(a, 1, 60000)["lease"]["remainingMs"] > 0
    with a.server.connect() as connection:
        assert connection.call("SET", "k", "v") == b"OK"
    ahead = a.operator.ask("probe")["clock"] + 10**9
    assert refusal(a.operator.ask("probe", term=1, grant={"epoch": 1, "reading": ahead, "ttlMs": 1})) == "BAD"
    assert refusal(a.operator.ask("probe", term=1, grant={"epoch": 2, "reading": 1, "ttlMs": 1})) == "ROLE"


def test_options_are_set_live_or_named_for_a_restart(nodes: Callable[[str], Node]) -> None:
    a = nodes("a")
    answer = a.operator.ask("configure", parameters={"maxmemory": "100mb", "databases": "4"})
    assert answer["applied"] == ["maxmemory"] and answer["restart"] == ["databases"] == answer["restartNeeded"]
    assert answer["maxmemory"] == 100 * 1024 * 1024
    assert refusal(a.operator.ask("configure", parameters={"maxmemory": "lots"})) == "CONFIG"
    assert refusal(a.operator.ask("configure", parameters={"no-such": "1"})) == "CONFIG"


def test_nonsense_is_refused_by_name_and_the_connection_lives(nodes: Callable[[str], Node]) -> None:
    a = nodes("a")
    assert "JSON" in a.operator.raw(b"{nonsense\n")["error"]["message"]
    assert "op" in a.operator.raw(b'{"id": 1}\n')["error"]["message"]
    answer = a.operator.ask("promote", epoch="x", version=[1, 1])
    assert refusal(answer) == "BAD" and "epoch" in answer["error"]["message"]
    assert a.operator.ask("probe")["ok"]
