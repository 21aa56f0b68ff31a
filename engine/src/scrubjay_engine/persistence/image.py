"""Taking images: one snapshot at a time, in slices on the loop, for any number of consumers.

A consumer is a file being saved, a replica, or a backup stream. All consumers of an image get the same bytes; the walk waits while one of them is full. A consumer
that fails leaves, the others go on; without consumers the image is given up.
Called by persistence/saving and replication/primary.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from scrubjay_engine.persistence.rdb_writer import RdbWriter
from scrubjay_engine.persistence.snapshot import Snapshot
from scrubjay_engine.values.memory import used_memory

if TYPE_CHECKING:
    from scrubjay_engine.core.engine import Engine
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

SLICE_NS = 500_000
WAIT = 0.002
LONGEST_NAP = 0.02


class Consumer(Protocol):
    """Somebody who takes an image."""

    def write(self, data: bytes) -> None:
        """The next bytes."""

    def full(self) -> bool:
        """Whether to wait before more comes."""

    def gone(self) -> bool:
        """Whether it wants nothing any more."""

    def finished(self) -> None:
        """The image is whole."""

    def failed(self, reason: str) -> None:
        """The image will not be whole."""


class Image:
    """One running image."""

    def __init__(self, purpose: str, snapshot: Snapshot, consumers: list[Consumer]) -> None:
        self.purpose = purpose
        self.snapshot = snapshot
        self.consumers = consumers
        self.started = time.monotonic()
        self.written = 0

    def abort(self, reason: str) -> None:
        """Give it up; the consumers are told when the walk has ended."""
        self.snapshot.abort(reason)


class Images:
    """The one place that starts snapshots (part `images`)."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._engine: Engine = server.engine
        self.current: Image | None = None
        self.delay_us = 0  # rdb-key-save-delay: tests slow a snapshot down with it
        self.copied: dict[
            str, int
        ] = {}  # by purpose: bytes that the last image of that kind had to copy before they were overwritten
        self._idle: list[Callable[[], None]] = []

    def when_idle(self, work: Callable[[], None]) -> None:
        """Call `work` once no image is being taken: at the next turn, or when the present one ends."""
        self._idle.append(work)
        if self.current is None:
            self._engine.loop.call_soon(self._next)

    def start(
        self, purpose: str, consumers: list[Consumer], *, exact: bool = True, facts: dict[bytes, bytes] | None = None
    ) -> Image:
        """Fix the point in time now and begin. RuntimeError while another image is being taken."""
        config = self._engine.config
        snapshot = Snapshot(
            self._engine.keyspace,
            exact=exact,
            compress=config.flag("rdbcompression"),
            checksum=config.flag("rdbchecksum"),
            access=config.text("maxmemory-policy")
            not in ("noeviction", "volatile-ttl", "volatile-random", "allkeys-random"),
        )
        snapshot.begin({**common_facts(self._engine), **(facts or {})}, function_codes(self._engine))
        image = self.current = Image(purpose, snapshot, consumers)
        self._server.spawn(self._run(image), f"image for {purpose}")
        return image

    async def _run(self, image: Image) -> None:
        snapshot = image.snapshot
        keys = 0
        try:
            while snapshot.step(1 if self.delay_us else SLICE_NS):
                await self._hand_out(image)
                keys, before = snapshot.keys, keys
                await self._linger(image, keys - before)
            await self._hand_out(image)
        except asyncio.CancelledError:
            self._tell(image, "the server is ending")
            raise
        except Exception as error:
            snapshot.abort(f"{type(error).__name__}: {error}")
            while snapshot.step(SLICE_NS):
                pass
            self._tell(image, snapshot.reason)
            raise
        finally:
            self.current = None
            self.copied[image.purpose] = snapshot.copied
        self._tell(image, snapshot.reason)
        self._next()

    async def _linger(self, image: Image, keys: int) -> None:
        """Let others have their turn; with `rdb-key-save-delay`, wait for each key, until the image is given up or the delay taken away."""
        await asyncio.sleep(0)
        until = time.monotonic() + keys * self.delay_us / 1e6
        while self.delay_us and not image.snapshot.aborted and time.monotonic() < until:  # noqa: ASYNC110 (three things to look at)
            await asyncio.sleep(max(min(until - time.monotonic(), LONGEST_NAP), 0))

    async def _hand_out(self, image: Image) -> None:
        data = image.snapshot.take()
        image.written += len(data)
        for consumer in list(image.consumers):
            if consumer.gone():
                image.consumers.remove(consumer)
            elif data:
                consumer.write(data)
        if not image.consumers and not image.snapshot.aborted:
            image.abort("nobody wants it any more")
        while self._must_wait(image):  # noqa: ASYNC110 (sockets and files do not say when they have room)
            await asyncio.sleep(WAIT)

    @staticmethod
    def _must_wait(image: Image) -> bool:
        return not image.snapshot.aborted and any(
            consumer.full() and not consumer.gone() for consumer in image.consumers
        )

    @staticmethod
    def _tell(image: Image, reason: str | None) -> None:
        for consumer in image.consumers:
            if reason is None:
                consumer.finished()
            else:
                consumer.failed(reason)

    def _next(self) -> None:
        while self._idle and self.current is None:
            self._idle.pop(0)()


def image_without_data(engine: Engine, facts: dict[bytes, bytes], *, functions: bool) -> bytes:
    """A whole file without any key, with the function libraries or (`functions` False) without them too."""
    writer = RdbWriter(engine.config.flag("rdbcompression"), engine.config.flag("rdbchecksum"))
    codes = function_codes(engine) if functions else []
    writer.header(10 if codes else 9)
    for name, value in {**common_facts(engine), **facts}.items():
        writer.aux(name, value)
    for code in codes:
        writer.function(code)
    writer.eof()
    return writer.take()


def common_facts(engine: Engine) -> dict[bytes, bytes]:
    """The aux fields of every file."""
    return {
        b"redis-ver": b"7.0.15",
        b"redis-bits": b"64",
        b"ctime": b"%d" % time.time(),
        b"used-mem": b"%d" % used_memory(),
    }


def function_codes(engine: Engine) -> list[bytes]:
    """The sources of all function libraries."""
    scripting = engine.parts.get("scripting")
    return [] if scripting is None else list(scripting.libraries.codes())
