"""One shard's stream into numbered objects: parts of a fixed size, each with its SHA-256, several on their way at once.

Parts are objects of their own rather than parts of a provider's multipart upload: each is retried by itself, an aborted backup leaves nothing that only a lifecycle
rule would find, and a volume works as a bucket does. At most PARALLEL + 1 parts are in memory.
"""

import hashlib
import threading
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.manifest import File
from scrubjay_operator.backup.progress import Progress
from scrubjay_operator.backup.storage import Storage

PART: Final = 16 * 2**20
PARALLEL: Final = 3


def part_name(folder: str, number: int) -> str:
    """`shard-0/00000.part`"""
    return f"{folder}/{number:05d}.part"


class Stopped(BackupError):
    """The run was told to stop."""

    def __init__(self) -> None:
        super().__init__("Stopped", "the backup was told to stop before it was whole")


def upload(
    storage: Storage,
    folder: str,
    data: Iterable[bytes],
    progress: Progress,
    *,
    part_bytes: int = PART,
    stop: threading.Event | None = None,
) -> tuple[File, ...]:
    """Store all of `data`. Raises BackupError; what was stored by then is the caller's to remove."""
    files: dict[int, File] = {}
    waiting: set[Future[None]] = set()

    def put(number: int, part: bytes) -> None:
        path = part_name(folder, number)
        storage.put(path, part)
        files[number] = File(path=path, bytes=len(part), sha256=hashlib.sha256(part).hexdigest())
        progress.add(len(part))

    with ThreadPoolExecutor(PARALLEL, "upload") as pool:
        try:
            for number, part in enumerate(_parts(data, part_bytes)):
                if stop is not None and stop.is_set():
                    raise Stopped
                waiting.add(pool.submit(put, number, part))
                waiting = _settled(waiting, PARALLEL)
            _settled(waiting, 0)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return tuple(files[number] for number in sorted(files))


def _settled(waiting: set[Future[None]], most: int) -> set[Future[None]]:
    """Wait until at most `most` are on their way; raises what one of them raised."""
    while len(waiting) > most:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
    return waiting


def _parts(data: Iterable[bytes], size: int) -> Iterable[bytes]:
    pending = bytearray()
    for piece in data:
        pending += piece
        while len(pending) >= size:
            yield bytes(pending[:size])
            del pending[:size]
    if pending:
        yield bytes(pending)
