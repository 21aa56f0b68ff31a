"""Reading a backup: the manifest, each part against its SHA-256, and the RDB of a shard as it was."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from scrubjay_operator.backup import codec
from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.frames import key_check
from scrubjay_operator.backup.manifest import MANIFEST, STARTED, File, Manifest, ShardData, ours
from scrubjay_operator.backup.progress import Progress
from scrubjay_operator.backup.storage import Storage
from scrubjay_operator.backup.upload import Stopped

PARALLEL: Final = 3


def open_backup(storage: Storage) -> Manifest:
    """The manifest. Raises BackupError("NoBackup") when there is none: then what lies there is no backup."""
    try:
        return Manifest.read(storage.get(MANIFEST))
    except BackupError as error:
        if error.reason != "NotFound":
            raise
        raise BackupError(
            "NoBackup", f"{storage.url} holds no backup: there is no {MANIFEST}, which is written when one is whole"
        ) from error


def need_key(manifest: Manifest, key: bytes | None) -> bytes | None:
    """The key to read this backup with. Raises BackupError for a missing or another key, before anything is read."""
    if manifest.encryption == "none":
        return None
    if key is None:
        raise BackupError("KeyMissing", f"backup {manifest.name} is encrypted, and no key was given")
    if key_check(key) != manifest.key_check:
        raise BackupError("WrongKey", f"backup {manifest.name} was encrypted with another key than the one given")
    return key


def check_sizes(manifest: Manifest, storage: Storage) -> None:
    """Every part is there, with its size."""
    for shard in manifest.shards:
        found = storage.sizes(shard.name)
        for file in shard.files:
            if file.path not in found:
                raise BackupError("PartMissing", f"{file.path} of {storage.url} is missing")
            if found[file.path] != file.bytes:
                raise BackupError(
                    "Damaged", f"{file.path} of {storage.url} has {found[file.path]} bytes and should have {file.bytes}"
                )


def check(
    manifest: Manifest, storage: Storage, progress: Progress | None = None, stop: threading.Event | None = None
) -> None:
    """Read everything back and compare. Raises BackupError with the part that is not as it was written."""
    check_sizes(manifest, storage)
    files = [file for shard in manifest.shards for file in shard.files]
    total = sum(file.bytes for file in files) or 1
    done = 0

    def one(file: File) -> int:
        if stop is not None and stop.is_set():
            raise Stopped
        _part(storage, file)
        return file.bytes

    with ThreadPoolExecutor(PARALLEL, "check") as pool:
        for size in pool.map(one, files):
            done += size
            if progress is not None:
                progress.reach(95 + 4 * done / total)
                progress.tell()


def rdb(shard: ShardData, manifest: Manifest, storage: Storage, key: bytes | None) -> Iterator[bytes]:
    """The RDB of a shard, checked on its way: the consumer must throw away what it got when this raises BackupError."""
    key = need_key(manifest, key)
    digest = hashlib.sha256()
    parts = (_part(storage, file) for file in shard.files)
    for piece in codec.restored(parts, compressed=manifest.compression == "zstd", key=key):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != shard.rdb_sha256:
        raise BackupError("Damaged", f"the RDB of {shard.name} in {storage.url} is not the one that was stored")


def _part(storage: Storage, file: File) -> bytes:
    try:
        data = storage.get(file.path)
    except BackupError as error:
        if error.reason != "NotFound":
            raise
        raise BackupError("PartMissing", f"{file.path} of {storage.url} is missing") from error
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        raise BackupError("Damaged", f"{file.path} of {storage.url} is not as it was stored: its SHA-256 differs")
    return data


def remove(storage: Storage) -> int:
    """Delete a backup, the manifest first, or what a broken run left; the number of objects that were there."""
    found = storage.sizes()
    if MANIFEST not in found and STARTED not in found:
        return 0
    storage.remove([MANIFEST])
    storage.remove([path for path in ours(found) if path != MANIFEST])
    return len(ours(found))
