"""The manifest of a backup: written last, so that a backup without one is none. docs/architecture/backups.md explains its fields."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from scrubjay_operator.backup.errors import BackupError

MANIFEST: Final = "manifest.json"
STARTED: Final = "started.json"
FORMAT: Final = 1
_PART: Final = re.compile(r"[^/]+/\d{5,}\.part")


def ours(paths: Iterable[str]) -> list[str]:
    """Those of the paths that a backup is made of: nothing else is ever deleted, whatever place was named."""
    return sorted(path for path in paths if path in (MANIFEST, STARTED) or _PART.fullmatch(path))


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class File(_Part):
    """One object: a piece of a shard's stored stream."""

    path: str
    bytes: int
    sha256: str


class ShardData(_Part):
    """One shard: where its data came from, and the files that hold it, in order."""

    name: str
    slots: str = "0-16383"
    source: str
    source_role: Literal["primary", "replica"]
    replication_id: str
    offset: int
    taken_at: datetime
    keys: int | None = None
    used_memory: int | None = None
    rdb_version: int
    rdb_bytes: int
    rdb_sha256: str
    stored_bytes: int
    files: tuple[File, ...]


class Manifest(_Part):
    """A whole backup."""

    format: int = FORMAT
    name: str
    cluster: str = ""
    cluster_spec: dict[str, Any] = {}
    engine_version: str = ""
    operator_version: str = ""
    started_at: datetime
    finished_at: datetime
    compression: Literal["zstd", "none"]
    encryption: Literal["aes-256-gcm", "none"]
    key_check: str | None = None
    shards: tuple[ShardData, ...]

    @property
    def keys(self) -> int | None:
        """Keys of all shards, where each is known."""
        counts = [shard.keys for shard in self.shards]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def stored_bytes(self) -> int:
        return sum(shard.stored_bytes for shard in self.shards)

    @property
    def rdb_bytes(self) -> int:
        return sum(shard.rdb_bytes for shard in self.shards)

    def to_json(self) -> bytes:
        """As it is stored."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"

    @classmethod
    def read(cls, data: bytes) -> "Manifest":
        """Raises BackupError for what is no manifest, or one of a newer format."""
        try:
            manifest = cls.model_validate_json(data)
        except ValidationError as error:
            raise BackupError("Damaged", f"{MANIFEST} cannot be read: {error.errors()[0]['msg']}") from error
        if manifest.format != FORMAT:
            raise BackupError(
                "NewerFormat", f"{MANIFEST} has format {manifest.format}, and this program reads {FORMAT}: update it"
            )
        return manifest
