"""kill -9 at random moments, and disks that fill up: what was acknowledged is there afterwards, and nothing is half there.

The short form runs with every test; `make crash` kills 200 times (SCRUBJAY_CRASHES).
"""

import contextlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import resp
import servers

CRASHES = int(os.environ.get("SCRUBJAY_CRASHES", "6"))
pytestmark = pytest.mark.timeout(90 + 20 * CRASHES)
AOF = ("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
KEYS = 2000
DISTURBANCES: list[list[tuple[resp.Argument, ...]]] = [
    [],
    [("BGREWRITEAOF",)],
    [("BGSAVE",)],
    [("BGREWRITEAOF",), ("BGSAVE", "SCHEDULE")],
]


class Writer:
    """Counts up the value of each key in turn, in pipelines, and knows which writes were acknowledged."""

    def __init__(self, first: int) -> None:
        self.acknowledged = first  # number of the last write that was answered
        self.sent = first

    def run(self, server: servers.Server, dice: random.Random) -> None:
        """Writes until the server is gone."""
        with contextlib.suppress(OSError, resp.ConnectionClosed), server.connect() as connection:
            while True:
                size = dice.choice([1, 1, 7, 40])
                batch = range(self.sent + 1, self.sent + size + 1)
                connection.send(b"".join(resp.encode("SET", f"key:{i % KEYS}", i) for i in batch))
                self.sent += size
                for number in batch:
                    frame = connection.read()
                    assert not frame.is_error, frame
                    self.acknowledged = number
                if dice.random() < 0.01:
                    for command in dice.choice(DISTURBANCES):
                        connection.frame(*command)

    def check(self, connection: resp.Connection) -> None:
        """Every key holds its last acknowledged value, or one sent later; and no write is there without all before it."""
        numbers = [int(f.value or 0) for f in connection.pipeline([("GET", f"key:{i}") for i in range(KEYS)])]  # type: ignore[arg-type]
        newest = max(numbers)
        assert self.acknowledged <= newest <= self.sent
        first = max(newest - KEYS + 1, 1)
        assert {number for number in numbers if number} == set(range(first, newest + 1))
        self.acknowledged = self.sent = newest


def test_no_acknowledged_write_is_lost_by_kill_9(tmp_path: Path) -> None:
    """Generation after generation on the same files, so that what a crash left is in the way of the next; some die while they load."""
    dice = random.Random(os.environ.get("SCRUBJAY_SEED", "1"))
    writer = Writer(0)
    for _ in range(CRASHES):
        with servers.scrubjay(*AOF, "--appendfsync", "always", directory=tmp_path) as server:
            with server.connect() as connection:
                writer.check(connection)
            killer = threading.Timer(0.05 + dice.random() * 0.4, server.kill)
            killer.start()
            writer.run(server, dice)
            killer.join()
        if dice.random() < 0.3:
            _die_while_loading(server, dice.random() * 0.5)
    assert writer.acknowledged > 0
    with servers.scrubjay(*AOF, directory=tmp_path) as server, server.connect() as connection:
        writer.check(connection)


def _die_while_loading(server: servers.Server, seconds: float) -> None:
    process = subprocess.Popen(
        server.command, cwd=server.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)  # whatever it is doing then
    process.kill()
    process.wait()


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system of its own with that much room."""
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=False).returncode:
        pytest.skip("mounting a small tmpfs takes root, which this machine does not give")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def test_a_full_disk_gives_errors_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(1 << 20))
        wanted: dict[bytes, bytes] = {}
        with servers.scrubjay(*AOF, directory=disk) as server, server.connect() as connection:
            for i in range(10_000):
                key, value = b"key:%d" % (i % 50), os.urandom(600)
                reply = connection.frame("SET", key, value)
                if reply.is_error:
                    break
                wanted[key] = value
            assert reply.value is not None and bytes(reply.value).startswith(b"MISCONF"), reply  # type: ignore[arg-type]
            # The write that found the disk full was made, and answered like Redis does with everysec: it is written once there is room.
            with pytest.raises(resp.ErrorReply):
                connection.call("SAVE")
            connection.call("BGREWRITEAOF")
            assert connection.call("GET", b"key:0") == wanted[b"key:0"]
            _until(lambda: resp.info(connection, "persistence")["aof_last_bgrewrite_status"] == "err")
            ballast.unlink()
            _until(lambda: not connection.frame("SET", "after", "1").is_error)
            wanted[b"after"] = b"1"
            _until(lambda: resp.info(connection, "persistence")["aof_last_write_status"] == "ok")
            server.kill()
        with servers.scrubjay(*AOF, directory=disk) as server, server.connect() as connection:
            found = {key: connection.call("GET", key) for key in wanted}
            assert found == wanted
            assert connection.call("DBSIZE") == len(wanted)


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
