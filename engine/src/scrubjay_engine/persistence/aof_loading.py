"""Loading the append-only file: the parts that the manifest names, in order, through the commands themselves.

Only the last file may be torn, and only with `aof-load-truncated yes` is its tail cut off: at the end of the last whole command, or before the MULTI that has no EXEC.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core import gates
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.dispatch import execute_list, find_command
from scrubjay_engine.persistence.aof import AppendOnly
from scrubjay_engine.persistence.aof_reader import AofReader, BadFormat, TornTail
from scrubjay_engine.persistence.errors import CorruptData, UnsupportedData
from scrubjay_engine.persistence.loading import Loader
from scrubjay_engine.persistence.manifest import BadManifest, Manifest, Part, read_manifest
from scrubjay_engine.persistence.rdb_reader import RdbReader
from scrubjay_engine.persistence.saving import CannotLoad, Persistence

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

SLICE = 0.002
ADVICE = (
    "You can: 1) Make a backup of your AOF file, then use redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the "
    "'aof-load-truncated' configuration option to yes and restart the server."
)


class AofLoader:
    """Loads the set of files once."""

    def __init__(self, server: Server, aof: AppendOnly, persistence: Persistence) -> None:
        self.server = server
        self.engine = server.engine
        self.config = server.config
        self.aof = aof
        self.persistence = persistence
        self.commands = 0

    async def at_start(self) -> None:
        """Load what is there, and open the file for writing. Raises CannotLoad."""
        manifest = self.find()
        if manifest.base is not None or manifest.increments:
            started = time.monotonic()
            await self.load(manifest)
            log.info("DB loaded from append only file: %.3f seconds", time.monotonic() - started)
        try:
            self.aof.open_at_start(manifest)
        except OSError as error:
            raise CannotLoad(f"Fatal error: can't open the append only file for writing: {error.strerror}") from None

    def find(self) -> Manifest:
        """The manifest; a single file of a Redis before 7 is taken over as base. Raises CannotLoad."""
        prefix = self.config.text("appendfilename")
        try:
            found = read_manifest(self.aof.directory, prefix)
        except BadManifest as error:
            raise CannotLoad(str(error)) from None
        old = Path(self.config.text("dir")) / prefix
        if found is not None:
            if (
                found.base is not None
                and found.base.name == prefix
                and old.exists()
                and not (self.aof.directory / prefix).exists()
            ):
                old.rename(self.aof.directory / prefix)  # an upgrade that was interrupted
            return found
        if not old.is_file():
            return Manifest(prefix)
        log.info("Migrating the old AOF file %s into the AOF directory %s", old, self.aof.directory)
        manifest = Manifest(prefix, base=Part(prefix, 1, "b"))
        self.aof.directory.mkdir(parents=True, exist_ok=True)
        manifest.save(self.aof.directory)
        old.rename(self.aof.directory / prefix)
        return manifest

    async def load(self, manifest: Manifest) -> None:
        """All parts in order. Raises CannotLoad."""
        parts = [part for part in (manifest.base, *manifest.increments) if part is not None]
        for part in parts:
            path = self.aof.directory / part.name
            if not path.exists():
                raise CannotLoad(
                    f"Fatal error: can't open the append log file {part.name} for reading: No such file or directory"
                )
        for part in parts:
            await self._load_part(self.aof.directory / part.name, last=part is parts[-1])
        self.engine.keyspace.dirty = 0

    async def _load_part(self, path: Path, *, last: bool) -> None:
        started = time.monotonic()
        with path.open("rb") as file:
            head = file.read(9)
            file.seek(0)
            rest, position = b"", 0
            if head.startswith((b"REDIS", b"VALKEY")):
                rest, position = await self._load_preamble(file, path)
            reader = AofReader(file, position, rest)
            await self._run(reader, path, last)
        log.info(
            "DB loaded from %s file %s: %.3f seconds",
            "incr" if ".incr." in path.name else "base",
            path.name,
            time.monotonic() - started,
        )

    async def _load_preamble(self, file: Any, path: Path) -> tuple[bytes, int]:
        log.info("Reading RDB base file on AOF loading...")
        loader = Loader(self.engine.keyspace.databases, expired_before=-1)
        reader = RdbReader(loader)
        try:
            await self.persistence.read_rdb(file, reader)
            reader.finish()
        except (CorruptData, UnsupportedData) as error:
            raise CannotLoad(
                f"Error reading the RDB preamble of the AOF file {path.name}, AOF loading aborted: {error}"
            ) from None
        self.persistence.take_functions(loader)
        self.persistence.loaded += loader.loaded
        return reader.rest(), reader.position

    async def _run(self, reader: AofReader, path: Path, last: bool) -> None:
        # What was written once is written again, whatever this server may take from clients now (a replica's AOF).
        client = Client.detached(self.engine, gates.CLIENT_DETACHED | gates.CLIENT_PRIMARY)
        transaction: list[list[bytes]] | None = None
        whole = reader.position
        until = time.monotonic() + SLICE
        try:
            for words in reader.commands():
                name = words[0].lower()
                if name == b"multi":
                    transaction = []
                elif name == b"exec":
                    for queued in transaction or []:
                        self._execute(client, queued, path)
                    transaction = None
                elif transaction is not None:
                    transaction.append(words)
                else:
                    self._execute(client, words, path)
                if transaction is None:
                    whole = reader.position
                if time.monotonic() > until:
                    await asyncio.sleep(0)
                    until = time.monotonic() + SLICE
            if transaction is not None:
                log.warning("Revert incomplete MULTI/EXEC transaction in AOF file %s", path.name)
                raise TornTail(whole)
        except TornTail:
            self._cut(path, whole, last)
        except BadFormat as error:
            raise CannotLoad(
                f"Bad file format reading the append only file {path.name} at byte {error.position}: make a backup of your AOF file, then use "
                "redis-check-aof --fix <filename.manifest>"
            ) from None

    def _execute(self, client: Any, words: list[bytes], path: Path) -> None:
        if find_command(self.engine, words) is None:
            raise CannotLoad(
                f"Unknown command '{words[0].decode(errors='replace')}' reading the append only file {path.name}"
            )
        keyspace = self.engine.keyspace
        keyspace.expiry_ignored = True
        try:
            execute_list(client, words)
        finally:
            keyspace.expiry_ignored = False
        client.take_output()
        self.commands += 1

    def _cut(self, path: Path, position: int, last: bool) -> None:
        if not self.config.flag("aof-load-truncated") or not last:
            raise CannotLoad(f"Unexpected end of file reading the append only file {path.name}. {ADVICE}")
        log.warning("!!! Warning: short read while loading the AOF file %s!!!", path.name)
        log.warning("AOF %s loaded anyway because aof-load-truncated is enabled", path.name)
        os.truncate(path, position)
        log.warning("Truncating the AOF %s at offset %d", path.name, position)
