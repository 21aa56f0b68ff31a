"""A backup, or any RDB, given to a node over replication: the node follows us once, has the data, and is then made primary by whoever ordered it.

Restoring in this way needs no disk, no restart and no path of its own through the engine: what a replica does with its primary's image is what is done here.
Before anybody may connect everything has been read once, decrypted and compared: a backup that is damaged, incomplete or sealed with another key is given to nobody.
"""

import contextlib
import hashlib
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from scrubjay_operator.backup import rdb, read
from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.progress import Progress
from scrubjay_operator.backup.storage import Storage

log = logging.getLogger(__name__)

PING: Final = b"*1\r\n$4\r\nPING\r\n"
PING_S: Final = 5.0
LONGEST_REQUEST: Final = 64 * 1024
PIECE: Final = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Offer:
    """An RDB that can be read again and again: its size in bytes, and what is known of the data."""

    size: int
    pieces: Callable[[], Iterator[bytes]]
    keys: int | None = None
    used_memory: int | None = None


def from_backup(storage: Storage, shard: str, key: bytes | None) -> Offer:
    """A shard of a backup. Raises BackupError when there is no such backup, or the key is another one."""
    manifest = read.open_backup(storage)
    read.need_key(manifest, key)
    found = next((each for each in manifest.shards if each.name == shard), None)
    if found is None:
        names = ", ".join(each.name for each in manifest.shards)
        raise BackupError("NoShard", f"backup {manifest.name} has no {shard}, only {names}")
    return Offer(
        found.rdb_bytes,
        lambda: read.rdb(found, manifest, storage, key),
        keys=found.keys,
        used_memory=found.used_memory,
    )


def from_rdb(storage: Storage, path: str) -> Offer:
    """A file as it is, made by Redis, Valkey or us."""
    size = storage.sizes().get(path)
    if size is None:
        raise BackupError("NotFound", f"there is no {path} in {storage.url}")

    def pieces() -> Iterator[bytes]:
        for start in range(0, size, PIECE):
            yield storage.get_range(path, start, min(PIECE, size - start))

    facts = rdb.facts(next(pieces(), b""))
    memory, keys = facts.get("used-mem", ""), facts.get("scrubjay-keys", "")
    return Offer(size, pieces, int(keys) if keys.isdigit() else None, int(memory) if memory.isdigit() else None)


def verify(offer: Offer, memory: int | None, progress: Progress) -> None:
    """Read all of it once. Raises BackupError for what must not be loaded, or would not fit into `memory` bytes."""
    if memory is not None and offer.used_memory is not None and offer.used_memory > memory:
        raise BackupError(
            "TooLittleMemory",
            f"the data took {offer.used_memory} bytes of memory and the new cluster has {memory} for data: raise resources.limits.memory",
        )
    progress.enter("Verifying")
    watch, digest = rdb.Watch(), hashlib.sha256()
    for piece in offer.pieces():
        watch.feed(piece)
        digest.update(piece)
        progress.add(len(piece))
        progress.reach(50 * watch.size / max(offer.size, 1))
    watch.finish()
    if watch.size != offer.size:
        raise BackupError("Damaged", f"the RDB has {watch.size} bytes and should have {offer.size}")


class RestoreServer:
    """Answers PSYNC with the RDB, to one node after the other, until told to stop."""

    def __init__(self, offer: Offer, progress: Progress, host: str = "", port: int = 0) -> None:
        self._offer, self._progress = offer, progress
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() and not host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, dualstack_ipv6=family == socket.AF_INET6)
        self.port = int(self._listener.getsockname()[1])
        self.given = threading.Event()

    def serve(self, stop: threading.Event) -> None:
        """Until `stop`. Raises BackupError when what was verified cannot be read any more."""
        self._listener.settimeout(0.5)
        with self._listener:
            while not stop.is_set():
                try:
                    connection, address = self._listener.accept()
                except TimeoutError:
                    self._progress.tell()
                    continue
                log.info("a node connects from %s", address[0])
                with connection:
                    connection.settimeout(120.0)
                    with contextlib.suppress(OSError):
                        self._one(connection, stop)

    def _one(self, connection: socket.socket, stop: threading.Event) -> None:
        requests = _requests(connection)
        for words in requests:
            name = words[0].lower() if words else b""
            if name == b"ping":
                connection.sendall(b"+PONG\r\n")
            elif name in (b"psync", b"sync"):
                self._give(connection)
                self._keep(connection, stop)
                return
            elif name in (b"auth", b"replconf", b"select", b"client"):
                connection.sendall(b"+OK\r\n")
            else:
                connection.sendall(b"-ERR this is a backup being restored: it only knows replication\r\n")

    def _give(self, connection: socket.socket) -> None:
        self._progress.enter("Loading")
        replid = secrets.token_hex(20).encode()
        connection.sendall(b"+FULLRESYNC %b 0\r\n$%d\r\n" % (replid, self._offer.size))
        sent = 0
        for piece in self._offer.pieces():
            connection.sendall(piece)
            sent += len(piece)
            self._progress.reach(50 + 49 * sent / max(self._offer.size, 1))
            self._progress.tell()
        self.given.set()
        self._progress.enter("Loaded")

    def _keep(self, connection: socket.socket, stop: threading.Event) -> None:
        """Stay connected while the node has not been promoted: a replica without a link is not in sync."""
        connection.settimeout(PING_S)
        while not stop.is_set():
            try:
                if not connection.recv(LONGEST_REQUEST):
                    return
            except TimeoutError:
                connection.sendall(PING)


def _requests(connection: socket.socket) -> Iterator[list[bytes]]:
    """RESP commands, as a replica sends them."""
    data = b""
    while True:
        words, data = _parse(data)
        if words is not None:
            yield words
            continue
        more = connection.recv(LONGEST_REQUEST)
        if not more or len(data) > LONGEST_REQUEST:
            return
        data += more


def _parse(data: bytes) -> tuple[list[bytes] | None, bytes]:
    if not data.startswith(b"*"):
        line, found, rest = data.partition(b"\n")
        return (line.split(), rest) if found else (None, data)
    head, found, rest = data.partition(b"\r\n")
    if not found:
        return None, data
    words = []
    for _ in range(int(head[1:])):
        size, found, rest = rest.partition(b"\r\n")
        if not found or len(rest) < int(size[1:]) + 2:
            return None, data
        words.append(rest[: int(size[1:])])
        rest = rest[int(size[1:]) + 2 :]
    return words, rest
