"""RDB files: SAVE, BGSAVE, save points, and loading at start. Part `engine.persistence`."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core import gates
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.persistence import codecs
from scrubjay_engine.persistence.errors import CorruptData, UnsupportedData
from scrubjay_engine.persistence.files import FileTarget, sync_directory
from scrubjay_engine.persistence.image import Images, common_facts, function_codes
from scrubjay_engine.persistence.loading import Loader
from scrubjay_engine.persistence.rdb_reader import DONE, WANTS_DATA, RdbReader
from scrubjay_engine.persistence.snapshot import Snapshot

if TYPE_CHECKING:
    from scrubjay_engine.replication.primary import Replication
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)
assert codecs.builders

CHUNK = 1 << 18
SLICE = 0.002
RETRY_AFTER_ERROR = 5.0
IN_PROGRESS = CommandError("ERR Background save already in progress")
MISCONF = CommandError(
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are "
    "disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). "
    "Please check the Redis logs for details about the RDB error."
)


class CannotLoad(Exception):
    """The data on disk cannot be used; the process must not serve."""


class Persistence:
    """Saves and loads the RDB file."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.engine = server.engine
        self.config = server.config
        self.images: Images = self.engine.images
        self.last_save = int(time.time())
        self.last_ok = True
        self.last_seconds = -1
        self.saves = 0
        self.scheduled = False
        self.loaded = self.expired = 0
        self.load_started = 0.0
        self.load_total = self.load_done = 0
        self._saving_since: float | None = None
        self._dirty_before = 0
        self._tried_at = 0.0

    @property
    def path(self) -> Path:
        """The RDB file."""
        return Path(self.config.text("dir")) / self.config.text("dbfilename")

    @property
    def exact(self) -> bool:
        """Whether files are written in the form of Redis 7.0 instead of 5.0 (option `rdb-version`)."""
        return self.config.number("rdb-version") >= 10

    @property
    def saving(self) -> bool:
        """Whether a background save runs."""
        return self._saving_since is not None

    @property
    def saving_seconds(self) -> int:
        """How long it has been running; -1 when none does."""
        return -1 if self._saving_since is None else int(time.monotonic() - self._saving_since)

    def points(self) -> list[tuple[int, int]]:
        """Save points: (seconds, changes)."""
        words = self.config.words("save")
        return [(int(words[i]), int(words[i + 1])) for i in range(0, len(words) - 1, 2)]

    def facts(self) -> dict[bytes, bytes]:
        """Aux fields by which a restarted node can go on where it was in its history."""
        replication: Replication = self.engine.replication
        if not replication.active:
            return {}
        return {
            b"repl-stream-db": b"%d" % max(replication.stream.database, 0),
            b"repl-id": replication.history.replid.encode(),
            b"repl-offset": b"%d" % replication.offset,
        }

    # Saving.

    def save(self, exact: bool | None = None) -> None:
        """SAVE: the loop stands still until the file is on disk. Raises OSError."""
        if self.saving or self.images.current is not None:
            raise IN_PROGRESS
        try:
            self.write_file(self.path, bytes, self.exact if exact is None else exact)
        except OSError as error:
            self.last_ok = False
            log.warning("Saving the data failed: %s", error)
            raise
        self._saved(self.engine.keyspace.dirty)

    def write_file(self, path: Path, convert: Callable[[bytes], bytes], exact: bool) -> None:
        """The data as it is now into a file, at once. Raises OSError."""
        snapshot = Snapshot(
            self.engine.keyspace,
            exact=exact,
            compress=self.config.flag("rdbcompression"),
            checksum=self.config.flag("rdbchecksum"),
        )
        scratch = path.with_name(f"temp-{os.getpid()}.rdb")
        snapshot.begin({**common_facts(self.engine), **self.facts()}, function_codes(self.engine))
        try:
            with scratch.open("wb") as file:
                keys = 0
                while snapshot.step(1 if self.images.delay_us else 50_000_000):
                    file.write(convert(snapshot.take()))
                    keys, before = snapshot.keys, keys
                    time.sleep((keys - before) * self.images.delay_us / 1e6)
                file.write(convert(snapshot.take()))
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
            sync_directory(path.parent)
        except BaseException as error:
            snapshot.abort(str(error))
            while snapshot.step(50_000_000):
                pass
            scratch.unlink(missing_ok=True)
            raise

    def save_in_background(self) -> None:
        """BGSAVE. Raises OSError when the file cannot be made, and CommandError while another image is taken."""
        if self.saving or self.images.current is not None:
            raise IN_PROGRESS
        self.scheduled = False
        self._tried_at = time.monotonic()
        self._dirty_before = self.engine.keyspace.dirty
        target = FileTarget(self.path, self.engine.loop, self._background_done)
        self.images.start("BGSAVE", [target], exact=self.exact, facts=self.facts())
        self._saving_since = time.monotonic()
        log.info("Background saving started")

    def _background_done(self, error: str | None) -> None:
        started, self._saving_since = self._saving_since or time.monotonic(), None
        self.last_seconds = int(time.monotonic() - started)
        if error is None:
            log.info("Background saving terminated with success")
            self._saved(self._dirty_before)
        else:
            self.last_ok = False
            log.warning("Background saving error: %s", error)
        self._follow_errors()

    def _saved(self, changes: int) -> None:
        self.engine.keyspace.dirty -= changes
        self.last_save = int(time.time())
        self.last_ok = True
        self.saves += 1
        self._follow_errors()
        log.info("DB saved on disk")

    def _follow_errors(self) -> None:
        """Refuse writes while saving fails, where the options say so."""
        refuse = not self.last_ok and bool(self.points()) and self.config.flag("stop-writes-on-bgsave-error")
        replication: Replication = self.engine.replication
        replication.refuse_writes("rdb", MISCONF if refuse else None)

    def look_at_points(self) -> None:
        """Timer: start a save when a save point is reached, or one was scheduled."""
        if self.images.current is not None or self.saving or self.engine.gates & gates.LOADING:
            return
        now = time.monotonic()
        if not self.last_ok and now - self._tried_at < RETRY_AFTER_ERROR:
            return
        since = int(time.time()) - self.last_save
        dirty = self.engine.keyspace.dirty
        reached = next((point for point in self.points() if dirty >= point[1] and since > point[0]), None)
        if reached is None and not self.scheduled:
            return
        if reached is not None:
            log.info("%d changes in %d seconds. Saving...", reached[1], reached[0])
        try:
            self.save_in_background()
        except OSError as error:
            self.last_ok = False
            self._follow_errors()
            log.warning("Background saving could not begin: %s", error)

    def before_flush(self, flushed: Any) -> None:
        """FLUSHALL: an image of what is gone is of no use."""
        current = self.images.current
        if current is None or current.purpose != "BGSAVE":
            return
        if all(db is flushed or not len(db) for db in self.engine.keyspace.databases):
            current.abort("all data was flushed")
            self.scheduled = bool(self.points())

    # Loading.

    async def load(self) -> None:
        """At start: the RDB file, if there is one. Raises CannotLoad."""
        path = self.path
        if not path.exists():
            return
        started = time.monotonic()
        managed = self.config.flag("managed")
        replica = len(self.config.words("replicaof")) == 2
        before = -1 if managed or replica else int(time.time() * 1000)
        loader = Loader(self.engine.keyspace.databases, expired_before=before)
        await self.load_file(path, loader)
        self.loaded, self.expired = loader.loaded, loader.expired
        self.take_functions(loader)
        self._take_position(loader, replica or managed)
        log.info(
            "Done loading RDB, keys loaded: %d, keys expired: %d, empty keys skipped: %d.",
            loader.loaded,
            loader.expired,
            loader.empty,
        )
        log.info("DB loaded from disk: %.3f seconds", time.monotonic() - started)

    async def load_file(self, path: Path, loader: Loader) -> None:
        """One RDB file, in slices. Raises CannotLoad."""
        try:
            with path.open("rb") as file:
                reader = RdbReader(loader)
                await self.read_rdb(file, reader)
                reader.finish()
        except OSError as error:
            raise CannotLoad(f"Fatal error loading the DB: {error.strerror}. Exiting.") from None
        except (CorruptData, UnsupportedData) as error:
            note = (
                "RDB CRC error. "
                if "checksum" in str(error)
                else "Short read or OOM loading DB. Unrecoverable error, aborting now. "
            )
            raise CannotLoad(f"{note}{path}: {error}") from None

    async def read_rdb(self, file: Any, reader: RdbReader) -> None:
        """Feed a reader from a file until its end or the file's."""
        delay = self.config.number("key-load-delay")
        started = time.monotonic()
        self.load_total, self.load_done = os.fstat(file.fileno()).st_size, 0
        while True:
            status = reader.read(16 if delay else 200)
            if status == WANTS_DATA:
                data = file.read(CHUNK if not delay else 4096)
                if not data:
                    return
                self.load_done += len(data)
                reader.feed(data)
            elif status == DONE:
                return
            if delay:
                await asyncio.sleep(abs(delay) * 16 / 1e6)
            elif time.monotonic() - started > SLICE:
                await asyncio.sleep(0)
                started = time.monotonic()

    async def reload(self, *, flush: bool, save: bool, merge: bool = False) -> None:
        """DEBUG RELOAD: through the file and back. Without `flush` what is there stays; then `merge` lets the file win, else a conflict is CannotLoad."""
        if save:
            self.save(exact=True)
        if flush:
            for db in self.engine.keyspace.databases:
                db.flush()
        loader = Loader(self.engine.keyspace.databases, expired_before=int(time.time() * 1000), replace=merge)
        await self.load_file(self.path, loader)
        self.take_functions(loader, "flush" if flush else "replace" if merge else "append")

    def take_functions(self, loader: Loader, policy: str = "flush") -> None:
        """Load the libraries of a file; `policy` as FUNCTION RESTORE has it. Raises CannotLoad."""
        scripting = self.engine.parts.get("scripting")
        if scripting is not None:
            try:
                scripting.libraries.restore(loader.functions, policy)
            except CommandError as error:
                raise CannotLoad(f"Failed loading a function library: {error}") from None
        elif loader.functions:
            log.warning("the file holds functions, which this build cannot run: they are left out")
        for note in loader.notes:
            log.warning("left out: %s", note)

    def _take_position(self, loader: Loader, replica: bool) -> None:
        """Go on in the history that the file belongs to, so that a restart costs no full synchronization."""
        replid, offset = loader.facts.get(b"repl-id"), loader.facts.get(b"repl-offset")
        if replid is None or offset is None or loader.expired:
            return
        replication: Replication = self.engine.replication
        replication.resume(
            replid.decode(), int(offset), int(loader.facts.get(b"repl-stream-db", b"0")), replica=replica
        )


def load_after_listening(server: Server, load: Callable[[], Awaitable[None]]) -> None:
    """Load once clients can connect: they are answered LOADING meanwhile. A failure ends the process with its reason as the log's last line."""
    engine = server.engine

    async def work() -> None:
        try:
            await load()
        except CannotLoad as error:
            log.error("%s", error)
            logging.shutdown()
            os._exit(1)  # nothing was served and nothing may be saved: an orderly end would only bury the reason
        engine.set_gate(gates.LOADING, False)
        for follow_up in engine.parts.get("after_loading", ()):
            await follow_up()

    async def close_gate() -> None:
        engine.set_gate(gates.LOADING, True)

    async def begin() -> None:
        server.spawn(work(), "loading")

    server.before_listening.append(close_gate)
    server.after_listening.append(begin)
