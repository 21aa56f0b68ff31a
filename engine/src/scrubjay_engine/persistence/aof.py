"""The append-only file: every write on disk in the order it was made, as Redis 7 keeps it (a base, increments, a manifest). Part `engine.aof`.

Order that makes it safe:
1. What a turn of the loop wrote is in the file before its replies are sent (`before_send`); with `appendfsync always` on disk, too.
2. A rewrite opens a new increment at the very moment at which the image's point in time is fixed, and names it in the manifest before anything goes there: base
   and all increments named are the data at any moment, so that a crash during a rewrite loses nothing.
3. The new base takes its name when it is whole and on disk; then the manifest names it instead of what it stands for; only then old files go.
4. Switched on while running, writes are collected in a scratch file until there is a base for them: the manifest never names increments without their base.
5. A new file begins empty, even where a crash left one of its name that no manifest knew.

A write that fails leaves no half command behind: the file is cut back to what was whole. Until the rest is written, writes are refused (MISCONF); with `always` the
process ends, as Redis does: it could not keep its promise any more.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.persistence.files import FileTarget, disk
from scrubjay_engine.persistence.manifest import Manifest, Part
from scrubjay_engine.persistence.resp_image import RespImage

if TYPE_CHECKING:
    from scrubjay_engine.persistence.image import Images
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds a running fsync may hold back the next write, as in Redis
SCRATCH = "temp-"  # before the name of the increment that waits for the first base
FAILURES = 3  # automatic rewrites that fail in a row before they are spaced out


class AppendOnly:
    """Writes the append-only file and rewrites it."""

    # As a sink: the append-only file (redis.set_repl).
    kind = 1

    def __init__(self, server: Server) -> None:
        self.server = server
        self.engine = server.engine
        self.config = server.config
        self.images: Images = self.engine.images
        self.manifest = Manifest(self.config.text("appendfilename"))
        self.on = False
        self.rewriting_since: float | None = None
        self.scheduled = False
        self.first_rewrite = False  # switched on while running, and the base is not there yet
        self.last_rewrite_ok = self.last_write_ok = True
        self.last_rewrite_seconds = -1
        self.base_size = self.size = self.rewrites = self.delayed = 0
        self._file = -1
        self._buffer = bytearray()
        self._database = -1
        self._second = 0
        self._kept: tuple[Part, ...] = ()
        self._unsynced = False
        self._syncing: Future[None] | None = None
        self._sync_wanted = 0.0
        self._planned = False
        self._failures = 0
        self._not_before = 0.0
        self._retry_at = 0.0

    @property
    def wanted(self) -> bool:
        """Switched on, whether or not the first base is there yet."""
        return self.on or self.first_rewrite

    @property
    def directory(self) -> Path:
        """Where the files lie."""
        return Path(self.config.text("dir")) / self.config.text("appenddirname")

    # On and off.

    def open_at_start(self, manifest: Manifest) -> None:
        """After loading: go on with the last increment, or begin the first set with a base of what there is."""
        self.manifest = manifest
        self.directory.mkdir(parents=True, exist_ok=True)
        if manifest.base is None and not manifest.increments:
            self._write_first_base()
        if not self.manifest.increments:
            self.manifest = self.manifest.with_increment(self.manifest.next_increment())
            self.manifest.save(self.directory)
        self._open(self.manifest.increments[-1].name)
        self.remove_history()
        self._start()
        self._measure()

    def _write_first_base(self) -> None:
        base = self.manifest.next_base("rdb" if self.config.flag("aof-use-rdb-preamble") else "aof")
        log.info("Creating AOF base file %s on server start", base.name)
        persistence = self.engine.persistence
        persistence.write_file(
            self.directory / base.name, bytes if base.name.endswith("rdb") else self._as_commands(), True
        )
        self.manifest = self.manifest.rewritten(base, ())

    def _as_commands(self) -> Callable[[bytes], bytes]:
        """The base in the form of commands."""
        second = self.engine.keyspace.now_ms // 1000 if self.config.flag("aof-timestamp-enabled") else 0
        return RespImage(second).convert

    def _start(self) -> None:
        self.on = True
        self._database = -1
        self.engine.add_sink(self)
        self.engine.before_send = self.before_send

    def turn_on(self) -> None:
        """CONFIG SET appendonly yes: a rewrite makes the base, and writes are collected from its point in time on."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._failures = 0
        self.first_rewrite = True
        if self._abort_rewrite("AOF was switched on: a new one begins") or self.rewriting_since is not None:
            self.scheduled = True
        else:
            self.rewrite()
        if self.scheduled:
            log.warning(
                "AOF was enabled but there is already a background operation. An AOF background was scheduled to start when possible."
            )

    def turn_off(self) -> None:
        """CONFIG SET appendonly no: what is buffered is written, and the files stay as they are."""
        if self._abort_rewrite("appendonly was switched off"):
            log.info("Killing the running AOF rewrite (it has no child process)")
        waited, self.first_rewrite = self.first_rewrite, False
        self.scheduled = False
        if self.on:
            self.close()
        if waited:
            self._remove_scratch()

    def _abort_rewrite(self, reason: str) -> bool:
        current = self.images.current
        if current is None or current.purpose != "AOF rewrite":
            return False
        current.abort(reason)
        return True

    def _remove_scratch(self) -> None:
        path = self.directory / self._scratch
        if path.exists():
            log.info("Removing the temp incr aof file %s in the background", path.name)
            disk.submit(path.unlink, True)

    @property
    def _scratch(self) -> str:
        return f"{SCRATCH}{self.manifest.prefix}.incr"

    def close(self) -> None:
        """Write and sync what there is, and stop."""
        if not self.on:
            return
        self.flush()
        self.on = False
        self.engine.remove_sink(self)
        self.engine.before_send = None
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def _open(self, name: str, *, new: bool = False) -> None:
        self._adopt(self._opened(name, new=new))

    def _opened(self, name: str, *, new: bool) -> int:
        fresh = os.O_TRUNC if new else 0
        return os.open(self.directory / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | fresh, 0o644)

    def _adopt(self, file: int) -> None:
        """From now on writes go there."""
        if self._file >= 0:
            disk.submit(_sync_and_close, self._file)
        self._file = file
        self._second = 0
        self._database = -1

    def _measure(self) -> None:
        self.base_size = self.size = 0
        for part in (self.manifest.base, *self.manifest.increments):
            if part is not None and (self.directory / part.name).exists():
                self.size += (self.directory / part.name).stat().st_size
        self.base_size = self.size

    # Writing.

    def feed(self, database: int, command: bytes) -> None:
        """A write command (the engine's sink)."""
        if self.config.flag("aof-timestamp-enabled"):
            second = self.engine.keyspace.now_ms // 1000
            if second > self._second:
                self._second = second
                self._buffer += b"#TS:%d\r\n" % second
        if database != self._database:
            number = b"%d" % database
            self._buffer += b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%b\r\n" % (len(number), number)
            self._database = database
        self._buffer += command
        if not self._planned:
            self._planned = True
            self.engine.loop.call_soon(self._planned_flush)

    def _planned_flush(self) -> None:
        """For writes of no client's turn: timers, the primary's stream."""
        self._planned = False
        if self.on and self._buffer:
            self.flush()

    def before_send(self) -> None:
        """Replies are about to be sent."""
        if self._buffer:
            self.flush()

    def flush(self) -> None:
        """Write the buffer; with `always` sync it, too."""
        if self._file < 0 or not self._buffer:
            return
        always = self.config.text("appendfsync") == "always"
        written = self._write()
        self.size += written
        del self._buffer[:written]
        if self._buffer:
            return
        if not self.last_write_ok:
            self.last_write_ok = True
            self.engine.replication.refuse_writes("aof", None)
            log.warning("AOF write error looks solved. The server can write again.")
        if always:
            try:
                os.fdatasync(self._file)
            except OSError as error:
                self._fatal(error)
        else:
            self._unsynced = True

    def _write(self) -> int:
        total = len(self._buffer)
        try:
            written = os.write(self._file, self._buffer)
        except OSError as error:
            self._failed(error)
            return 0
        if written == total:
            return total
        try:  # a short write: all or nothing, so that no half command stays
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            written = 0
        except OSError:
            log.warning("The append only file ends within a command and could not be cut back")
        self._failed(OSError(28, "No space left on device"))
        return written

    def _failed(self, error: OSError) -> None:
        if self.config.text("appendfsync") == "always":
            self._fatal(error)
        if self.last_write_ok:
            log.warning("Error writing to the AOF file: %s", error.strerror)
        self.last_write_ok = False
        self.engine.replication.refuse_writes(
            "aof", CommandError(f"MISCONF Errors writing to the AOF file: {error.strerror}")
        )

    @staticmethod
    def _fatal(error: OSError) -> None:
        log.error(
            "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting... (%s)", error.strerror
        )
        logging.shutdown()
        os._exit(1)  # replies for what could not be written must not go out

    def each_tick(self) -> None:
        """Timer, ten times a second: sync once a second, try failed writes again, look whether to rewrite."""
        if not self.on:
            if self.scheduled and self.images.current is None and time.monotonic() >= self._retry_at:
                self.rewrite()
            return
        if self._buffer:
            self.flush()
        now = time.monotonic()
        if self._unsynced and self.config.text("appendfsync") == "everysec" and now - self._sync_wanted >= 1:
            if self._syncing is not None and not self._syncing.done():
                self.delayed += 1
            else:
                self._sync_wanted, self._unsynced = now, False
                self._syncing = disk.submit(os.fdatasync, self._file)
        self._look_at_growth(now)

    def _look_at_growth(self, now: float) -> None:
        if self.images.current is not None or self.rewriting_since is not None:
            return
        percent = self.config.number("auto-aof-rewrite-percentage")
        grown = percent and self.size > self.config.number("auto-aof-rewrite-min-size")
        if (
            grown
            and (self.size - max(self.base_size, 1)) * 100 // max(self.base_size, 1) >= percent
            and now >= self._not_before
        ):
            log.info(
                "Starting automatic rewriting of AOF on %d%% growth", self.size * 100 // max(self.base_size, 1) - 100
            )
            self.rewrite()
        elif self.scheduled:
            self.rewrite()

    # Rewriting.

    def rewrite(self) -> None:
        """Begin a rewrite, or as soon as no image is being taken."""
        if self.rewriting_since is not None:
            return
        if self.images.current is not None:
            self.scheduled = True
            return
        self.scheduled = False
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._begin_rewrite()
        except OSError as error:
            self._rewritten(None, str(error))

    def _begin_rewrite(self) -> None:
        preamble = self.config.flag("aof-use-rdb-preamble")
        base = self.manifest.next_base("rdb" if preamble else "aof")
        if self.on:
            self.flush()
        target = FileTarget(
            self.directory / base.name,
            self.engine.loop,
            lambda error: self._rewritten(base, error),
            None if preamble else self._as_commands(),
        )
        self._kept = ()
        try:
            if self.on and not self.first_rewrite:
                self._add_increment()
            elif self.first_rewrite:
                self._open(self._scratch, new=True)
        except OSError as error:
            target.failed(str(error))
            return
        self.images.start("AOF rewrite", [target])
        if self.first_rewrite and not self.on:
            self._start()
        self.rewriting_since = time.monotonic()
        log.info("Background append only file rewriting started")

    def _add_increment(self) -> None:
        """Rule 2. Raises OSError, and then nothing has changed."""
        increment = self.manifest.next_increment()
        file = self._opened(increment.name, new=True)
        manifest = self.manifest.with_increment(increment)
        try:
            manifest.save(self.directory)
        except OSError:
            os.close(file)
            raise
        self._adopt(file)
        self.manifest = manifest
        self._kept = (increment,)

    def _rewritten(self, base: Part | None, error: str | None) -> None:
        started, self.rewriting_since = self.rewriting_since or time.monotonic(), None
        self.last_rewrite_seconds = int(time.monotonic() - started)
        if base is not None and error is None:
            try:
                self._take_base(base)
            except OSError as failure:
                error = str(failure)
        self.last_rewrite_ok = error is None
        if error is not None:
            self._rewrite_failed(error)

    def _take_base(self, base: Part) -> None:
        """Rule 3. Raises OSError."""
        kept = self.manifest.increments[self.manifest.increments.index(self._kept[0]) :] if self._kept else ()
        if self.first_rewrite and self.on:
            self.flush()
            increment = self.manifest.next_increment()
            (self.directory / self._scratch).replace(self.directory / increment.name)
            kept = (increment,)
            self.first_rewrite = False
        self._failures, self._not_before = 0, 0.0
        self.rewrites += 1
        self.manifest = self.manifest.rewritten(base, kept)
        self.manifest.save(self.directory)
        self.remove_history()
        self._measure()
        log.info("Background AOF rewrite finished successfully")

    def _rewrite_failed(self, error: str) -> None:
        log.warning("Background AOF rewrite failed: %s", error)
        self._failures += 1
        if self._failures >= FAILURES:
            minutes = 2 ** min(self._failures - FAILURES, 6)
            self._not_before = time.monotonic() + 60 * minutes
            log.warning(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes",
                minutes,
            )
        if self.first_rewrite:
            if self.on:
                self.close()
            self._remove_scratch()
            self.scheduled = True
            self._retry_at = time.monotonic() + 1

    def remove_history(self) -> None:
        """Let go of the files that newer ones stand for, unless `aof-disable-auto-gc` keeps them."""
        if not self.manifest.history or self.config.flag("aof-disable-auto-gc"):
            return
        for part in self.manifest.history:
            disk.submit((self.directory / part.name).unlink, True)
        self.manifest = self.manifest.forgotten()
        self.manifest.save(self.directory)

    def data_replaced(self) -> None:
        """A full synchronization replaced all data: the files keep the old data until there is a base of the new."""
        if self.wanted:
            self.turn_off()
            self.turn_on()

    def rows(self) -> list[tuple[str, Any]]:
        """The AOF's part of INFO persistence."""
        rewriting = self.rewriting_since is not None
        rows = [
            ("aof_enabled", int(self.wanted)),
            ("aof_rewrite_in_progress", int(rewriting)),
            ("aof_rewrite_scheduled", int(self.scheduled)),
            ("aof_last_rewrite_time_sec", self.last_rewrite_seconds),
            (
                "aof_current_rewrite_time_sec",
                int(time.monotonic() - self.rewriting_since) if self.rewriting_since is not None else -1,
            ),
            ("aof_last_bgrewrite_status", "ok" if self.last_rewrite_ok else "err"),
            ("aof_rewrites", self.rewrites),
            ("aof_rewrites_consecutive_failures", self._failures),
            ("aof_last_write_status", "ok" if self.last_write_ok else "err"),
            ("aof_last_cow_size", self.images.copied.get("AOF rewrite", 0)),
            ("module_fork_in_progress", 0),
            ("module_fork_last_cow_size", 0),
        ]
        if not self.on:
            return rows
        pending = int(self._syncing is not None and not self._syncing.done())
        return [
            *rows,
            ("aof_current_size", self.size),
            ("aof_base_size", self.base_size),
            ("aof_pending_rewrite", 0),
            ("aof_buffer_length", len(self._buffer)),
            ("aof_pending_bio_fsync", pending),
            ("aof_delayed_fsync", self.delayed),
        ]


def _sync_and_close(file: int) -> None:
    try:
        os.fsync(file)
    finally:
        os.close(file)
