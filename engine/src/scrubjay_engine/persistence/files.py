"""Files being written: an image goes to a scratch file by a thread of its own and takes its name only when it is whole and on disk."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

log = logging.getLogger(__name__)

FULL = 8 * 1024 * 1024
disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")


def sync_directory(path: Path) -> None:
    """Make renames and new names in a directory survive a power loss."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(file: IO[bytes], scratch: Path, target: Path) -> None:
    """What was written becomes `target`, durably, in one step."""
    file.flush()
    os.fsync(file.fileno())
    file.close()
    scratch.replace(target)
    sync_directory(target.parent)


class FileTarget:
    """A Consumer (persistence/image) that saves to a file. `done(error)` is called on the loop at the end, with None when all went well."""

    def __init__(
        self,
        target: Path,
        loop: Any,
        done: Callable[[str | None], None],
        convert: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.target = target
        self.size = 0
        self._scratch = target.with_name(f"temp-{os.getpid()}-{target.name}")
        self._loop = loop
        self._done = done
        self._convert = convert
        self._error: str | None = None
        self._waiting = 0
        self._file = self._scratch.open("wb", buffering=0)

    def write(self, data: bytes) -> None:
        if self._convert is not None:
            data = self._convert(data)
        self.size += len(data)
        self._waiting += len(data)
        disk.submit(self._write, data).add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._written, len(data))
        )

    def _write(self, data: bytes) -> None:
        """In the disk's thread. The first error ends all: a file with a hole must not get its name."""
        if self._error is None:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError as error:
                self._error = f"{error.strerror}"

    def _written(self, size: int) -> None:
        self._waiting -= size

    def full(self) -> bool:
        return self._waiting > FULL

    def gone(self) -> bool:
        return self._error is not None

    def finished(self) -> None:
        disk.submit(self._publish).add_done_callback(
            lambda future: self._loop.call_soon_threadsafe(self._published, future)
        )

    def _publish(self) -> None:
        if self._error is not None:
            raise OSError(self._error)
        publish(self._file, self._scratch, self.target)

    def _published(self, future: Future[None]) -> None:
        error = future.exception()
        if error is not None:
            self._error = self._error or str(error)
            self._remove()
        self._done(self._error)

    def failed(self, reason: str) -> None:
        disk.submit(self._file.close)
        self._remove()
        self._done(self._error or reason)

    def _remove(self) -> None:
        self._scratch.unlink(missing_ok=True)
