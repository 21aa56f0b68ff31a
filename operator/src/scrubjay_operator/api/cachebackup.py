"""The CacheBackup: one object, one backup. What users write, what the operator reports, and what is known about the kind."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from scrubjay_operator.api import names
from scrubjay_operator.api.backuptemplate import BackupTemplate
from scrubjay_operator.api.cachecluster import Metadata
from scrubjay_operator.api.model import VALIDATIONS, Reported, rule, rules
from scrubjay_operator.api.references import LocalReference
from scrubjay_operator.api.schema import Schema, structural
from scrubjay_operator.api.status import Condition, Time

KIND: Final = "CacheBackup"
PLURAL: Final = "cachebackups"
MAX_NAME: Final = 52  # room for the suffix of a Job in a label of 63
FINALIZER: Final = f"{names.GROUP}/backup-data"
PRINTER_COLUMNS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "Cluster", "type": "string", "jsonPath": ".spec.cluster.name"},
    {"name": "Status", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Percent", "type": "integer", "jsonPath": ".status.percent"},
    {"name": "Bytes", "type": "integer", "jsonPath": ".status.bytes"},
    {"name": "Seconds", "type": "integer", "jsonPath": ".status.durationSeconds"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Message", "type": "string", "jsonPath": ".status.message", "priority": 1},
)


class CacheBackupSpec(BackupTemplate):
    """The backup that is wanted."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.cluster == oldSelf.cluster && self.destination == oldSelf.destination"
                " && has(self.encryption) == has(oldSelf.encryption)",
                "a backup is taken once: make another CacheBackup for another cluster, place or key",
            )
        )
    )

    cluster: LocalReference = Field(description="The CacheCluster, in the same namespace.")


class BackupPhase(StrEnum):
    """The state in one word."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    DELETING = "Deleting"

    @property
    def ended(self) -> bool:
        return self in (BackupPhase.COMPLETED, BackupPhase.FAILED)


class CacheBackupStatus(Reported):
    """The backup as it is."""

    observed_generation: int | None = Field(default=None, description="The generation of the spec this is about.")
    phase: BackupPhase | None = Field(default=None, description="The state in one word.")
    message: str | None = Field(default=None, max_length=4096, description="The state in a sentence.")
    step: str | None = Field(default=None, description="Uploading, Verifying or Finishing, while it runs.")
    percent: int | None = Field(default=None, description="How much is done.")
    location: str | None = Field(default=None, description="Where it lies, as the backup program takes it.")
    bytes: int | None = Field(default=None, description="Bytes stored.", json_schema_extra={"format": "int64"})
    rdb_bytes: int | None = Field(
        default=None, description="Bytes of the RDB itself.", json_schema_extra={"format": "int64"}
    )
    keys: int | None = Field(default=None, description="Keys in it.", json_schema_extra={"format": "int64"})
    from_primary: list[str] = Field(default=[], description="Shards that had no replica: their primary was read.")
    started_at: Time | None = Field(default=None, description="When it began.")
    finished_at: Time | None = Field(default=None, description="When it ended.")
    duration_seconds: int | None = Field(default=None, description="How long it took.")
    engine_version: str | None = Field(default=None, description="Version of the engine that gave the data.")
    conditions: list[Condition] = Field(
        default=[],
        description="Complete: True when there is a good backup.",
        json_schema_extra=rules(**{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    )


class InvalidCacheBackup(ValueError):
    """An object that the models do not take. The text is for a condition."""


class CacheBackup(BaseModel):
    """One backup."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    metadata: Metadata
    spec: CacheBackupSpec
    status: CacheBackupStatus = CacheBackupStatus()
    finalizers: tuple[str, ...] = ()

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """The object as the API server gives it. Raises InvalidCacheBackup."""
        try:
            found = cls.model_validate(body)
        except ValidationError as error:
            raise InvalidCacheBackup(str(error.errors(include_url=False)[0]["msg"])) from error
        return found.model_copy(update={"finalizers": tuple(body["metadata"].get("finalizers") or ())})

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def deleting(self) -> bool:
        return self.metadata.deletion_timestamp is not None

    @property
    def location(self) -> str:
        """Its folder; the uid keeps a second backup of the same name apart from the first one's data."""
        return self.status.location or self.spec.destination.url(
            f"{self.namespace}/{self.spec.cluster.name}/{self.name}-{self.metadata.uid[:8]}"
        )

    def owner_reference(self) -> dict[str, Any]:
        """For its Jobs."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": KIND,
            "name": self.name,
            "uid": self.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def seconds(started: datetime | None, ended: datetime) -> int | None:
    """Whole seconds between the two."""
    return None if started is None else max(0, int((ended - started).total_seconds()))


def cache_backup_schema() -> Schema:
    """The schema of a whole CacheBackup."""
    status = structural(CacheBackupStatus)
    status["description"] = "The backup as it is. Written by the operator."
    return {
        "type": "object",
        "description": "A CacheBackup is one backup of one CacheCluster.",
        "required": ["spec"],
        VALIDATIONS: [
            rule(
                f"self.metadata.name.size() <= {MAX_NAME}",
                f"metadata.name must be at most {MAX_NAME} characters: its Job is called after it",
            )
        ],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {names.API_VERSION}."},
            "kind": {"type": "string", "description": f"Always {KIND}."},
            "metadata": {"type": "object"},
            "spec": structural(CacheBackupSpec),
            "status": status,
        },
    }


def cache_backup_crd() -> dict[str, Any]:
    """The whole CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{names.GROUP}", "labels": {names.LABEL_NAME: names.APP_NAME}},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["cb"],
                "categories": ["scrubjay"],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": cache_backup_schema()},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [dict(column) for column in PRINTER_COLUMNS],
                }
            ],
        },
    }
