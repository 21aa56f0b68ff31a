"""The CacheCluster as one object: what is read from the API server, and what is known about the kind.

`CacheCluster.read(body)` is how every other layer gets one.
"""

from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from scrubjay_operator.api import names
from scrubjay_operator.api.spec import CacheClusterSpec
from scrubjay_operator.api.status import CacheClusterStatus, Time

# Columns of `kubectl get cachecluster`; priority 1 shows with -o wide.
PRINTER_COLUMNS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "Shards", "type": "integer", "jsonPath": ".spec.shards", "description": "Shards wanted"},
    {
        "name": "Replicas",
        "type": "integer",
        "jsonPath": ".spec.replicasPerShard",
        "description": "Replicas wanted for each shard",
    },
    {"name": "Ready", "type": "string", "jsonPath": ".status.ready", "description": "Ready pods of wanted pods"},
    {"name": "Status", "type": "string", "jsonPath": ".status.phase", "description": "The state in one word"},
    {"name": "Version", "type": "string", "jsonPath": ".status.version", "description": "Version of the engine"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {
        "name": "Primary",
        "type": "string",
        "jsonPath": ".status.shards[*].primary",
        "priority": 1,
        "description": "Pods that are primaries",
    },
    {
        "name": "Endpoint",
        "type": "string",
        "jsonPath": ".status.endpoints.primary",
        "priority": 1,
        "description": "Where clients write",
    },
    {
        "name": "Message",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].message',
        "priority": 1,
        "description": "The state in a sentence",
    },
)

# The scale subresource sets `shards`, now and when there is cluster mode: an autoscaler that once pointed at another
# number could not be moved. Until then `kubectl scale --replicas=3` is refused in words; replicas are changed by
# replicasPerShard.
SCALE: Final = {
    "specReplicasPath": ".spec.shards",
    "statusReplicasPath": ".status.shardCount",
    "labelSelectorPath": ".status.selector",
}
CATEGORIES: Final = ("all", "scrubjay")


class InvalidCacheCluster(ValueError):
    """An object that the models do not take, as one of another version's schema. The text is for a condition."""


class Metadata(BaseModel):
    """The part of an object's metadata that decisions need."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    name: str
    namespace: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class CacheCluster(BaseModel):
    """One cache: a primary, its replicas, and the Services in front of them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    api_version: str = names.API_VERSION
    kind: str = names.KIND
    metadata: Metadata
    spec: CacheClusterSpec = Field(default=CacheClusterSpec(), description="The cache that is wanted.")
    status: CacheClusterStatus = Field(default=CacheClusterStatus(), description="The cache as it is.")

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """The object as the API server gives it. Raises InvalidCacheCluster with the field and the reason in words."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            raise InvalidCacheCluster(_in_words(error)) from error

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def key(self) -> str:
        """`namespace/name`, for logs and queues."""
        return f"{self.namespace}/{self.name}"

    def owner_reference(self) -> dict[str, Any]:
        """For the metadata of every child: the child goes when the CacheCluster goes."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": self.name,
            "uid": self.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def _in_words(error: ValidationError) -> str:
    sentences = []
    for detail in error.errors(include_url=False):
        field = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            sentences.append(f'unknown field "{field}"')
        else:
            sentences.append(f"{field}: {detail['msg'].removeprefix('Value error, ')}")
    return "; ".join(sentences)
