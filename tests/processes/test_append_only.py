"""The append-only file with real processes: kill -9, torn tails, rewrites under load, and files that redis-server and we take from each other."""

import os
import random
import subprocess
import threading
import time
from pathlib import Path

import pytest

import resp
import sample_data
import servers

pytestmark = pytest.mark.timeout(90)
AOF = ("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
Contents = dict[tuple[int, bytes], object]


def wait_for_rewrite(connection: resp.Connection) -> None:
    deadline = time.monotonic() + 20
    while True:
        facts = resp.info(connection, "persistence")
        if facts["aof_rewrite_in_progress"] == "0" and facts["aof_rewrite_scheduled"] == "0":
            assert facts["aof_last_bgrewrite_status"] == "ok"
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def restart(directory: Path, *options: str) -> Contents:
    with servers.scrubjay(*AOF, *options, directory=directory) as server, server.connect() as connection:
        return sample_data.contents(connection)


def strings(connection: resp.Connection, count: int, mark: str) -> None:
    for frame in connection.pipeline([("SET", f"key:{i}", f"{mark}:{i}") for i in range(count)]):
        assert not frame.is_error


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_what_was_acknowledged_is_there_after_kill_9(policy: str, tmp_path: Path) -> None:
    with servers.scrubjay(*AOF, "--appendfsync", policy, directory=tmp_path) as server, server.connect() as connection:
        strings(connection, 500, "v")
        connection.call("SELECT", 3)
        connection.call("INCR", "n")
        connection.call("SELECT", 0)
        before = sample_data.contents(connection)
        server.kill()  # the machine lives on, so that even unsynced writes are in the page cache
    assert restart(tmp_path) == before


@pytest.mark.parametrize("seed", range(3))
def test_every_acknowledged_write_survives_kill_9_during_rewrites(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    acknowledged = -1
    with (
        servers.scrubjay(*AOF, "--appendfsync", "always", directory=tmp_path) as server,
        server.connect() as connection,
    ):
        strings(connection, 3000, "old")
        connection.call("CONFIG", "SET", "rdb-key-save-delay", "20")
        killer = threading.Timer(0.2 + dice.random() * 0.5, server.kill)
        killer.start()
        try:
            for i in range(100_000):
                if i % 50 == 0:
                    connection.frame("BGREWRITEAOF")
                connection.call("SET", f"key:{i % 3000}", f"new:{i}")
                acknowledged = i
        except (OSError, resp.ConnectionClosed):
            pass
        killer.join()
    assert acknowledged > 0
    with servers.scrubjay(*AOF, directory=tmp_path) as server, server.connect() as connection:
        assert connection.call("DBSIZE") == 3000
        first = max(0, acknowledged - 2999)
        got = connection.pipeline([("GET", f"key:{i % 3000}") for i in range(first, acknowledged + 1)])
        for i, frame in enumerate(got, first):
            # one more may have been written whose reply was not seen any more
            assert frame.value == b"new:%d" % i or frame.value == b"new:%d" % (i + 3000), i


def test_a_rewrite_under_load_keeps_everything_and_shrinks_the_file(tmp_path: Path) -> None:
    with servers.scrubjay(*AOF, directory=tmp_path) as server, server.connect() as connection:
        for round_ in range(5):
            strings(connection, 2000, f"round{round_}")
        size = int(resp.info(connection, "persistence")["aof_current_size"])
        connection.call("BGREWRITEAOF")
        strings(connection, 1000, "meanwhile")
        wait_for_rewrite(connection)
        assert int(resp.info(connection, "persistence")["aof_current_size"]) < size
        before = sample_data.contents(connection)
        deadline = time.monotonic() + 10
        while len(names := sorted(os.listdir(tmp_path / "appendonlydir"))) != 3:
            assert time.monotonic() < deadline, names
            time.sleep(0.02)
        assert names == ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]
        check = subprocess.run(
            [servers.find("redis-check-aof"), str(tmp_path / "appendonlydir" / "appendonly.aof.manifest")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert check.returncode == 0 and "All AOF files and manifest are valid" in check.stdout, check.stdout
        server.kill()
    assert restart(tmp_path) == before


def test_a_torn_tail_is_cut_off_and_damage_is_refused(tmp_path: Path) -> None:
    with servers.scrubjay(*AOF, directory=tmp_path) as server, server.connect() as connection:
        strings(connection, 10, "v")
        before = sample_data.contents(connection)
        server.kill()
    increment = tmp_path / "appendonlydir" / "appendonly.aof.1.incr.aof"
    whole = increment.read_bytes()
    increment.write_bytes(whole + b"*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$4\r\nto")
    with pytest.raises(servers.StartError, match="Unexpected end of file"):
        restart(tmp_path, "--aof-load-truncated", "no")
    assert restart(tmp_path) == before
    assert increment.read_bytes() == whole
    increment.write_bytes(whole + b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$1\r\nx\r\n")
    assert restart(tmp_path) == before
    increment.write_bytes(whole[:36] + b"!!!!" + whole[40:])
    with pytest.raises(servers.StartError, match="Bad file format"):
        restart(tmp_path)


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_redis_takes_our_files_and_we_take_its(preamble: str, tmp_path: Path) -> None:
    options = (*AOF, "--aof-use-rdb-preamble", preamble)
    with servers.redis(*options, directory=tmp_path) as server, server.connect() as connection:
        sample_data.fill(connection)
        before = sample_data.contents(connection)
        connection.call("BGREWRITEAOF")
        wait_for_rewrite(connection)
        connection.call("SET", "after", "rewrite")
        before[0, b"after"] = (-1, b"rewrite")
    with servers.scrubjay(*options, directory=tmp_path) as server, server.connect() as connection:
        connection.call("BGREWRITEAOF")
        wait_for_rewrite(connection)
        connection.call("SET", "after", "us")
        before[0, b"after"] = (-1, b"us")
    with servers.redis(*options, directory=tmp_path) as server, server.connect() as connection:
        assert sample_data.contents(connection) == before


def test_it_can_be_switched_on_and_off_while_running(tmp_path: Path) -> None:
    with servers.scrubjay(directory=tmp_path) as server, server.connect() as connection:
        strings(connection, 100, "v")
        connection.call("CONFIG", "SET", "appendonly", "yes")
        strings(connection, 50, "w")
        wait_for_rewrite(connection)
        strings(connection, 20, "x")
        before = sample_data.contents(connection)
        server.kill()
    assert restart(tmp_path) == before
