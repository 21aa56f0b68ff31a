"""Leases, fail-safe, hand-over and acknowledgements between real processes: who may answer a write, and who may not any more."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import resp
from managed import TTL_MS, Node, grant, refusal, start, until

pytestmark = pytest.mark.timeout(120)
Pair = tuple[Node, Node]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    """A primary of epoch 1 and its replica, in the primary's confirm set, with a lease; `acknowledgements` as asked for."""
    with ExitStack() as stack:

        def make(acknowledgements: int = 0) -> Pair:
            a, b = (start(stack, tmp_path / uid, uid) for uid in ("a", "b"))
            assert a.operator.ask("promote", epoch=1, version=[1, 1], confirm=[], ack=[])["role"] == "primary"
            b.operator.ask("follow", epoch=1, version=[1, 1], primary=a.address)
            until(lambda: b.operator.ask("probe")["link"] == "up")
            grant(a, 1)
            sets = {"confirm": [b.peer], "acknowledgements": acknowledgements}
            a.operator.ask("sets", epoch=1, version=[1, 2], ack=[], **sets)
            until(lambda: a.operator.ask("probe")["confirm"] == ["b"])
            if acknowledgements:
                assert a.operator.ask("sets", epoch=1, version=[1, 3], ack=["b"], **sets)["ack"] == ["b"]
            grant(a, 1)
            return a, b

        yield make


def refused(node: Node) -> bool:
    """Is a write refused for want of a lease?"""
    try:
        with node.server.connect(timeout=10) as connection:
            connection.call("SET", "probe", "x")
    except resp.ErrorReply as error:
        return "READONLY" in str(error)
    except (OSError, resp.ConnectionClosed):
        return True
    return False


def read(connection: resp.Connection) -> resp.Plain:
    """The next reply; an error is raised."""
    found = connection.read().plain()
    if isinstance(found, resp.ErrorReply):
        raise found
    return found


def test_a_frozen_primary_acknowledges_nothing_when_it_wakes(pair: Callable[..., Pair]) -> None:
    a, b = pair()
    with a.server.connect(timeout=20) as connection:
        assert connection.call("SET", "before", "1") == b"OK"
        until(lambda: b.operator.ask("probe")["offset"] == a.operator.ask("probe")["offset"])
        frozen = time.monotonic()
        os.kill(a.server.pid, signal.SIGSTOP)
        connection.send(resp.encode("SET", "after", "1"))
        until(lambda: time.monotonic() > frozen + TTL_MS / 1000)
        assert b.operator.ask("promise", epoch=2)["promise"] == 2
        assert b.operator.ask("promote", epoch=2, version=[1, 4], confirm=[], ack=[])["role"] == "primary"
        os.kill(a.server.pid, signal.SIGCONT)
        with pytest.raises((resp.ErrorReply, resp.ConnectionClosed, ConnectionError)):
            read(connection)
    assert refused(a)
    assert a.operator.ask("follow", epoch=2, version=[1, 5], primary=b.address)["role"] == "replica"
    until(lambda: a.operator.ask("probe")["link"] == "up")
    with b.server.connect() as connection:
        assert connection.call("GET", "before") == b"1"
        assert connection.call("GET", "after") is None


def test_without_the_operator_all_replicas_keep_a_primary_serving_and_one_missing_stops_it(
    pair: Callable[..., Pair],
) -> None:
    a, b = pair()
    lonely = time.monotonic()
    with a.server.connect() as connection:
        while time.monotonic() < lonely + 2 * TTL_MS / 1000:
            assert connection.call("SET", "k", "v") == b"OK"
            time.sleep(0.05)
    b.server.kill()
    until(lambda: refused(a))


def test_a_replica_that_promised_a_newer_epoch_lets_the_old_primary_run_out(pair: Callable[..., Pair]) -> None:
    a, b = pair()
    b.operator.ask("promise", epoch=2)
    until(lambda: refused(a))
    assert refusal(b.operator.ask("confirm", epoch=1)) == "PROMISED"
    assert b.operator.ask("probe")["link"] != "up"


def test_a_lease_that_is_renewed_in_time_keeps_clients_and_sends_what_waited(pair: Callable[..., Pair]) -> None:
    """A command that takes longer than the lease: its reply waits for the next grant, and no client is lost."""
    a, b = pair()
    os.kill(b.server.pid, signal.SIGSTOP)  # no fail-safe
    with a.server.connect(timeout=30) as connection:
        connection.call("CLIENT", "SETNAME", "kept")
        connection.send(resp.encode("DEBUG", "SLEEP", "3.5"))
        grant(a, 1)  # is read after the sleep, and answered with a reading from then
        grant(a, 1)
        assert read(connection) == b"OK"
        assert connection.call("CLIENT", "GETNAME") == b"kept"
    os.kill(b.server.pid, signal.SIGCONT)


def test_a_hand_over_loses_nothing_and_the_old_primary_closes_its_clients(pair: Callable[..., Pair]) -> None:
    a, b = pair()
    acknowledged: list[int] = []
    stop = threading.Event()

    def write() -> None:
        number, nodes = 0, [a, b]
        while not stop.is_set():
            try:
                with nodes[0].server.connect(timeout=10) as connection:
                    while not stop.is_set():
                        number += 1
                        if connection.call("SET", f"k{number}", "v") == b"OK":
                            acknowledged.append(number)
            except (resp.ErrorReply, resp.ConnectionClosed, OSError):
                nodes.reverse()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: len(acknowledged) > 500)
        grant(a, 1)
        a.operator.ask("handover", epoch=2, version=[1, 4], successor="b", withinMs=5000)
        until(lambda: a.operator.ask("probe")["role"] == "waiting")
        state = a.operator.ask("probe")
        assert state["handover"] == {"epoch": 2, "state": "done"} and state["promise"] == 2
        assert b.operator.ask("probe")["offset"] == state["offset"]
        b.operator.ask("promise", epoch=2)
        assert b.operator.ask("promote", epoch=2, version=[1, 5], confirm=[], ack=[])["role"] == "primary"
        a.operator.ask("follow", epoch=2, version=[1, 5], primary=b.address)
        mark = len(acknowledged)
        until(lambda: len(acknowledged) > mark + 200)
    finally:
        stop.set()
        writer.join()
    with b.server.connect() as connection:
        missing = [number for number in acknowledged if connection.call("GET", f"k{number}") is None]
    assert missing == []
    assert "Successful partial resynchronization" in a.server.log


def test_a_hand_over_to_one_that_does_not_catch_up_is_off_and_writes_go_on(pair: Callable[..., Pair]) -> None:
    a, b = pair()
    os.kill(b.server.pid, signal.SIGSTOP)
    with a.server.connect() as connection:
        connection.call("SET", "k", "v")
        a.operator.ask("handover", epoch=2, version=[1, 4], successor="b", withinMs=300)
        grant(a, 1, 30000)
        assert connection.call("SET", "k", "w") == b"OK"
        assert a.operator.ask("probe")["handover"] == {"epoch": 2, "state": "failed"}
    os.kill(b.server.pid, signal.SIGCONT)


def test_replies_of_writes_wait_for_replicas_in_order_and_not_for_ever(pair: Callable[..., Pair]) -> None:
    a, b = pair(acknowledgements=1)
    grant(a, 1, 60000)
    with a.server.connect(timeout=30) as connection, b.server.connect() as other:
        for number in range(100):
            assert connection.call("SET", f"k{number}", "v") == b"OK"
            assert other.call("GET", f"k{number}") == b"v"
        os.kill(b.server.pid, signal.SIGSTOP)
        for words in (["GET", "k1"], ["SET", "x", "1"], ["GET", "k2"], ["INCR", "y"]):
            connection.send(resp.encode(*words))
        with a.server.connect() as reader:  # others are served meanwhile
            assert reader.call("GET", "k3") == b"v"
        assert read(connection) == b"v"
        with pytest.raises(resp.ErrorReply, match="NOREPLICAS The write was executed here"):
            read(connection)
        assert read(connection) == b"v"
        with pytest.raises(resp.ErrorReply, match="it may exist or not after a failover"):
            read(connection)
        connection.send(resp.encode("SET", "z", "1"))
        connection.send(resp.encode("GET", "z"))
        os.kill(b.server.pid, signal.SIGCONT)
        assert (read(connection), read(connection)) == (b"OK", b"1")
