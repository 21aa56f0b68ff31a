"""What users write under `spec` of a CacheCluster. Only fields that work: a field comes with what implements it.

Read by plan/, objects/ and act/; `crd.py` makes the schema, `reference.py` the page of fields. The API server checks
by schema and CEL, these models check again what they read, because an object may have been stored under an older
schema.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from scrubjay_operator.api import quantity
from scrubjay_operator.api.backuptemplate import BackupSchedule
from scrubjay_operator.api.bootstrap import Bootstrap
from scrubjay_operator.api.kubernetes import Affinity, Toleration
from scrubjay_operator.api.model import Quantity, Written, rule, rules
from scrubjay_operator.api.references import LocalReference, SecretKey

MAX_SHARDS: Final = 250
MAX_REPLICAS: Final = 5
LEAST_MEMORY: Final = "64Mi"  # the engine alone needs about 48 MiB (objects/memory.py)

NEEDS_CLUSTER_MODE: Final = (
    "more than one shard needs cluster mode (clusterMode: true), which this version of Scrubjay does not have yet:"
    " leave shards at 1; for more readers set replicasPerShard"
)

TOO_FEW_REPLICAS: Final = (
    "failover.acknowledgements must not be above replicasPerShard: there would never be enough replicas to hold a write"
)


class Protocol(StrEnum):
    """Which protocol clients speak."""

    REDIS = "redis"


class EvictionPolicy(StrEnum):
    """Redis' maxmemory-policy."""

    NOEVICTION = "noeviction"
    ALLKEYS_LRU = "allkeys-lru"
    ALLKEYS_LFU = "allkeys-lfu"
    ALLKEYS_RANDOM = "allkeys-random"
    VOLATILE_LRU = "volatile-lru"
    VOLATILE_LFU = "volatile-lfu"
    VOLATILE_RANDOM = "volatile-random"
    VOLATILE_TTL = "volatile-ttl"


class Spread(StrEnum):
    """How hard the scheduler tries to keep the pods of a shard apart."""

    REQUIRED = "Required"
    PREFERRED = "Preferred"
    DISABLED = "Disabled"


class DefaultUser(StrEnum):
    """Who may come in without naming a user."""

    OPEN = "Open"
    PASSWORD = "Password"


class Fencing(StrEnum):
    """How a primary that cannot be reached is kept from acknowledging writes beside its successor."""

    STRICT = "Strict"


class OnTotalLoss(StrEnum):
    """What happens when nobody who holds all data is left."""

    PROMOTE = "Promote"
    WAIT = "Wait"


class ServiceType(StrEnum):
    """How the Services are reached."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


class PullPolicy(StrEnum):
    """As imagePullPolicy of a container."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class ResourceAmounts(Written):
    """Amounts of what a node has."""

    cpu: Quantity | None = Field(
        default=None,
        description="Cores, such as 500m or 2. The engine uses one core; more helps background work little.",
    )
    memory: Quantity | None = Field(default=None, description="Bytes, such as 512Mi or 4Gi.")
    ephemeral_storage: Quantity | None = Field(
        default=None, alias="ephemeral-storage", description="Bytes of node-local disk, such as 1Gi."
    )


def _at_most_limit(field: str) -> dict[str, Any]:
    both = f"has(self.requests) && has(self.requests.{field}) && has(self.limits) && has(self.limits.{field})"
    valid = f"isQuantity(string(self.requests.{field})) && isQuantity(string(self.limits.{field}))"
    compare = f"quantity(string(self.requests.{field})).compareTo(quantity(string(self.limits.{field}))) <= 0"
    return rule(f"!({both} && {valid}) || {compare}", f"requests.{field} must not be above limits.{field}")


class Resources(Written):
    """What each pod of the cache gets."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.limits) && has(self.limits.memory)",
                "limits.memory is needed: maxmemory is derived from it,"
                " and a cache without a limit grows until its node is full",
            ),
            rule(
                "!(has(self.limits) && has(self.limits.memory) && isQuantity(string(self.limits.memory)))"
                f" || quantity(string(self.limits.memory)).compareTo(quantity('{LEAST_MEMORY}')) >= 0",
                f"limits.memory must be at least {LEAST_MEMORY}: the engine itself needs that much",
            ),
            _at_most_limit("cpu"),
            _at_most_limit("memory"),
        )
    )

    requests: ResourceAmounts | None = Field(
        default=None, description="What the scheduler sets aside; what is left out equals the limit."
    )
    limits: ResourceAmounts | None = Field(
        default=None, description="What a pod may use at most. limits.memory is needed: maxmemory is derived from it."
    )

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.limits is None or self.limits.memory is None:
            raise ValueError("limits.memory is needed: maxmemory is derived from it")
        if quantity.parse(self.limits.memory) < quantity.parse(LEAST_MEMORY):
            raise ValueError(f"limits.memory must be at least {LEAST_MEMORY}: the engine itself needs that much")
        return self

    @property
    def memory_bytes(self) -> int:
        """The memory limit of a pod, in bytes."""
        assert self.limits is not None and self.limits.memory is not None  # _limited
        return quantity.to_bytes(self.limits.memory)


class Memory(Written):
    """How much of the memory limit holds data, and what happens when that is full."""

    reserved_percent: int = Field(
        default=10,
        ge=0,
        le=80,
        description="Share of limits.memory kept free for the engine itself, buffers and copies (at least 48Mi);"
        " the rest is maxmemory.",
    )
    eviction_policy: EvictionPolicy = Field(
        default=EvictionPolicy.VOLATILE_LRU,
        description="What goes when maxmemory is reached, as Redis' maxmemory-policy.",
    )


class Placement(Written):
    """Where pods run."""

    zone_spread: Spread = Field(
        default=Spread.PREFERRED,
        description="Keep the pods of a shard in different zones and on different nodes. Required: rather leave a pod"
        " pending. Disabled: only the nodes should differ.",
    )
    node_selector: dict[str, str] = Field(
        default={}, description="Labels a node must have.", json_schema_extra={"maxProperties": 64}
    )
    tolerations: list[Toleration] = Field(default=[], description="Taints that are tolerated.", max_length=64)
    affinity: Affinity | None = Field(default=None, description="Affinity rules, as in a pod's spec.")
    priority_class_name: str | None = Field(
        default=None,
        max_length=253,
        description="PriorityClass of the pods. A cache that others wait for deserves one.",
    )


class Access(Written):
    """Who may come in."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.passwordSecret) || self.defaultUser == 'Password'",
                "passwordSecret is only used with defaultUser: Password",
            )
        )
    )

    default_user: DefaultUser = Field(
        default=DefaultUser.OPEN,
        description="Open: whoever reaches the port is let in. Password: clients give the password of passwordSecret,"
        " or of the generated Secret NAME-auth.",
    )
    password_secret: SecretKey | None = Field(
        default=None,
        description="Where the password is, with defaultUser: Password. Left out: one is generated into NAME-auth.",
    )

    @model_validator(mode="after")
    def _password_used(self) -> Self:
        if self.password_secret is not None and self.default_user is not DefaultUser.PASSWORD:
            raise ValueError("passwordSecret is only used with defaultUser: Password")
        return self


class FailoverSpec(Written):
    """Who takes over when a primary is lost, and what is promised about writes."""

    enabled: bool = Field(
        default=True, description="Promote a replica when the primary is lost. false: only planned hand-overs."
    )
    detection_seconds: int = Field(
        default=2,
        ge=2,
        le=60,
        description="How long a primary may be silent before a replica is promoted. One that is known dead, or that"
        " answers without its role, is replaced at once; one that is busy with a long command gives a sign of life.",
    )
    fencing: Fencing = Field(
        default=Fencing.STRICT,
        description="Strict: a primary acknowledges writes only while it holds a lease (3 s) of the operator, or of all"
        " its replicas when the operator is away, and a successor waits until that lease is surely over.",
    )
    acknowledgements: int = Field(
        default=0,
        ge=0,
        le=MAX_REPLICAS,
        description="Replicas that must hold a write before its reply; with fewer replicas there, all that are."
        " 0: a reply does not wait, and a lost primary may take its last writes with it.",
    )
    on_total_loss: OnTotalLoss = Field(
        default=OnTotalLoss.PROMOTE,
        description="When nobody who surely holds all data is left. Promote: after totalLossSeconds the best that is"
        " left is promoted, empty if need be. Wait: a person decides; the condition says what is lost.",
    )
    total_loss_seconds: int = Field(
        default=30, ge=5, le=86400, description="How long onTotalLoss: Promote waits for somebody who holds the data."
    )


class Service(Written):
    """How the Services NAME and NAME-reader look."""

    type: ServiceType = Field(default=ServiceType.CLUSTER_IP, description="Type of both Services.")
    annotations: dict[str, str] = Field(
        default={},
        description="Annotations on both Services, as for a cloud's load balancer.",
        json_schema_extra={"maxProperties": 64},
    )


class Metrics(Written):
    """How the metrics are found."""

    service_monitor: bool = Field(
        default=False, description="Make a ServiceMonitor for the Prometheus operator, where its CRD is installed."
    )


def _parameter_text(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else value


ParameterValue = Annotated[
    str,
    BeforeValidator(_parameter_text),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": 1024}),
]

DEFAULT_RESOURCES: Final = Resources(
    requests=ResourceAmounts(cpu="100m", memory="256Mi"), limits=ResourceAmounts(memory="256Mi")
)


class CacheClusterSpec(Written):
    """The cache that is wanted."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.bootstrap) || (has(oldSelf.bootstrap) && self.bootstrap == oldSelf.bootstrap)",
                "bootstrap is what a cluster begins with: to restore a backup make a new CacheCluster",
            ),
            rule(
                "!has(self.failover) || !has(self.failover.acknowledgements) || self.failover.acknowledgements"
                " <= (has(self.replicasPerShard) ? self.replicasPerShard : 1)",
                TOO_FEW_REPLICAS,
            ),
        )
    )

    protocol: Protocol = Field(default=Protocol.REDIS, description="Which protocol clients speak.")
    shards: int = Field(
        default=1,
        ge=1,
        le=MAX_SHARDS,
        description="How many parts the keys are spread over, each with a primary of its own. More than one needs"
        " cluster mode, which is yet to come. This is the number that the scale subresource shows and sets.",
        json_schema_extra=rules(rule("self <= 1", NEEDS_CLUSTER_MODE)),
    )
    replicas_per_shard: int = Field(
        default=1,
        ge=0,
        le=MAX_REPLICAS,
        description="Copies of each shard beside its primary; 0 means that a lost pod loses the data.",
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the engine; left out, the one that the operator was released with.",
    )
    image_pull_policy: PullPolicy | None = Field(default=None, description="As in a container's spec.")
    image_pull_secrets: list[LocalReference] = Field(
        default=[], max_length=16, description="Secrets to pull the image with."
    )
    resources: Resources = Field(default=DEFAULT_RESOURCES, description="What each pod gets.")
    memory: Memory = Field(default=Memory(), description="Use of the memory.")
    parameters: dict[str, ParameterValue] = Field(
        default={},
        description="Options of the engine by their redis.conf names. Changed live where the option is live, else"
        " pod by pod. What the operator sets itself (ports, maxmemory, replication) is refused. Quote yes and no.",
        json_schema_extra={"maxProperties": 128},
    )
    failover: FailoverSpec = Field(default=FailoverSpec(), description="Who takes over when a primary is lost.")
    placement: Placement = Field(default=Placement(), description="Where the pods run.")
    access: Access = Field(default=Access(), description="Who may come in.")
    service: Service = Field(default=Service(), description="How clients reach it.")
    metrics: Metrics = Field(default=Metrics(), description="How it is monitored.")
    backup: BackupSchedule | None = Field(default=None, description="Backups by the clock.")
    bootstrap: Bootstrap | None = Field(
        default=None,
        description="What the cluster begins with, read once when it is made. Data that is lost later does not come back by it.",
    )

    @model_validator(mode="after")
    def _enough_replicas(self) -> Self:
        if self.failover.acknowledgements > self.replicas_per_shard:
            raise ValueError(TOO_FEW_REPLICAS)
        return self

    @model_validator(mode="after")
    def _one_shard(self) -> Self:
        if self.shards != 1:
            raise ValueError(NEEDS_CLUSTER_MODE)
        return self

    @property
    def pods_per_shard(self) -> int:
        """The primary and its replicas."""
        return 1 + self.replicas_per_shard

    @property
    def pods(self) -> int:
        """All data pods."""
        return self.shards * self.pods_per_shard
