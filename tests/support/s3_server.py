"""A real S3 server for tests: versitygw, built from its Go module, over a folder; and a wire to it that can be cut, slowed down or worn out.

Also for a second look at what lies in it: `Bucket.folder` is the folder that holds the objects as files.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from localkube import programs
from servers import StartError, free_port

ACCESS, SECRET = "scrubjay-test", "scrubjay-test-secret"
START_S = 30.0


@dataclass(frozen=True)
class S3Server:
    """A running server. `environment` is what the backup program needs to reach it."""

    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, port: int | None = None) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1",  # nobody is to be asked for other credentials
        }

    def make_bucket(self, name: str) -> Path:
        """A bucket is a folder of the server's."""
        folder = self.folder / name
        folder.mkdir()
        return folder


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """versitygw over `folder`, on loopback."""
    program = programs.tool("versitygw")
    store, accounts = folder / "store", folder / "accounts"
    store.mkdir(parents=True)
    accounts.mkdir()
    port = free_port()
    words = [str(program), "--port", f"127.0.0.1:{port}", "--access", ACCESS, "--secret", SECRET, "--iam-dir"]
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(
            [*words, str(accounts), "posix", "--nometa", str(store)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(folder)},
        )
    try:
        _wait(port, process, folder / "s3.log")
        yield S3Server(port, store)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise StartError(f"versitygw did not start:\n{log.read_text()[-2000:]}")


class Wire:
    """A TCP relay in front of a server. `cut_after`: bytes from the client after which it is dead; `pause`: seconds between pieces of
    64 KiB."""

    def __init__(self, target: int, *, cut_after: int | None = None, pause: float = 0.0) -> None:
        self._target, self._left, self._pause = target, cut_after, pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.dead = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._accepting.join(10)

    def cut(self) -> None:
        """From now on nobody is answered and nobody is let in."""
        self.dead.set()
        with self._lock:
            ends = [*self._open, self._listener]
            self._open.clear()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        threads = []
        while not self.dead.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                break
            with self._lock:
                self._open |= {client, server}
            threads.append(threading.Thread(target=self._relay, args=(client, server), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(10)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while not self.dead.is_set():
                ready, _, _ = select.select((client, server), (), (), 1.0)
                for end in ready:
                    data = end.recv(64 * 1024)
                    if not data or (end is client and self._worn_out(data)):
                        return
                    (server if end is client else client).sendall(data)
                    if self._pause:
                        self.dead.wait(self._pause)
        except (OSError, ValueError):
            return
        finally:
            with self._lock:
                self._open -= {client, server}
            client.close()
            server.close()

    def _worn_out(self, data: bytes) -> bool:
        if self._left is None:
            return False
        self._left -= len(data)
        if self._left < 0:
            threading.Thread(target=self.cut, daemon=True).start()
            return True
        return False
