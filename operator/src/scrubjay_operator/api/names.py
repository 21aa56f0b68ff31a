"""Every name that users, clients, Services or other programs may rely on: one module, so that nothing is spelled twice.

Called by all layers. What the objects look like is in `objects/`; what users write is in `spec.py`.
A name here is an interface: changing one is a breaking change for clusters that exist.
"""

from typing import Final

GROUP: Final = "scrubjay.dev"  # API group of the custom resources, and the prefix of our own labels and annotations
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "CacheCluster"
PLURAL: Final = "cacheclusters"
SINGULAR: Final = "cachecluster"
SHORT_NAME: Final = "cc"  # kubectl get cc

OPERATOR: Final = "scrubjay-operator"  # app.kubernetes.io/managed-by, and the reporting component of Events
FIELD_MANAGER: Final = (
    "scrubjay-operator"  # owner of the fields we write by server-side apply: one manager, for ever the same
)
OPERATOR_LEASE: Final = (
    "scrubjay-operator"  # coordination.k8s.io Lease: the replica of the operator that holds it is active
)

# -- Labels ------------------------------------------------------------------------------------------------------------
LABEL_NAME: Final = "app.kubernetes.io/name"  # always APP_NAME
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"  # name of the CacheCluster
LABEL_COMPONENT: Final = "app.kubernetes.io/component"  # always COMPONENT_CACHE on what belongs to a CacheCluster
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"  # always OPERATOR
LABEL_CLUSTER: Final = f"{GROUP}/cluster"  # name of the CacheCluster: on every child; selectors use this one
LABEL_SHARD: Final = f"{GROUP}/shard"  # number of the shard, "0"..: on StatefulSets, pods and PodDisruptionBudgets
LABEL_ROLE: Final = (
    f"{GROUP}/role"  # ROLE_PRIMARY or ROLE_REPLICA: on pods, set by the operator only; Services select on it
)

LABEL_SERVICE: Final = f"{GROUP}/service"  # primary, reader or nodes: tells the Services of a cluster apart

APP_NAME: Final = "scrubjay"
COMPONENT_CACHE: Final = "cache"
ROLE_PRIMARY: Final = "primary"
ROLE_REPLICA: Final = "replica"

# -- Annotations -------------------------------------------------------------------------------------------------------
ANNOTATION_CONFIG_HASH: Final = (
    f"{GROUP}/config-hash"  # on the pod template: changes when an option changes that needs a restart
)
# On every child: digest of the manifest that was last applied, so that a field taken out of it is noticed.
ANNOTATION_PROMOTE: Final = f"{GROUP}/promote"  # on a CacheCluster: the pod that is to be primary
ANNOTATION_APPLIED: Final = f"{GROUP}/applied"

# -- Finalizers --------------------------------------------------------------------------------------------------------
# None. Children carry ownerReferences, so deletion needs no help from us, and a namespace or the CRD can always be
# removed, also while the operator is away.

# -- Ports of a data pod (docs/architecture/admin-protocol.md) ---------------------------------------------------------
PORT_CLIENT: Final = 6379  # Redis protocol
PORT_ADMIN: Final = 7379  # the operator's own line-of-JSON protocol
PORT_HTTP: Final = 9121  # /metrics, /healthz, /readyz
PORT_NAME_CLIENT: Final = "redis"
PORT_NAME_ADMIN: Final = "admin"
PORT_NAME_HTTP: Final = "http"

PATH_METRICS: Final = "/metrics"
PATH_LIVE: Final = "/healthz"
PATH_READY: Final = "/readyz"

# -- Inside a data pod -------------------------------------------------------------------------------------------------
CONTAINER: Final = "engine"
USER_ID: Final = 65532  # the images' non-root user and group
CONFIG_DIRECTORY: Final = "/etc/scrubjay"  # the ConfigMap is mounted here
CONFIG_FILE: Final = "scrubjay.conf"  # key in the ConfigMap, name of the file
AUTH_DIRECTORY: Final = "/etc/scrubjay-auth"  # the Secret C-auth is mounted here when there is a password
AUTH_FILE: Final = (
    "auth.conf"  # key in the Secret C-auth: requirepass and masterauth, included by the configuration file
)
AUTH_PASSWORD_KEY: Final = "password"  # key in the Secret C-auth: the password alone, for clients
DATA_DIRECTORY: Final = "/data"  # the engine's working directory
VOLUME_CONFIG: Final = "config"
VOLUME_AUTH: Final = "auth"
VOLUME_DATA: Final = "data"
VOLUME_TMP: Final = "tmp"

# -- Names of the children of a CacheCluster C -------------------------------------------------------------------------
SUFFIX_READER: Final = "-reader"
SUFFIX_NODES: Final = "-nodes"
SUFFIX_CONFIG: Final = "-config"
SUFFIX_AUTH: Final = "-auth"
RESERVED_SUFFIXES: Final = (
    SUFFIX_READER,
    SUFFIX_NODES,
    SUFFIX_CONFIG,
    SUFFIX_AUTH,
)  # no CacheCluster's name may end so

# A StatefulSet's name must leave room for "-" and a hash of ten in a label of 63, and for "-249", the highest shard.
MAX_CLUSTER_NAME: Final = 46


def stateful_set(cluster: str, shard: int) -> str:
    """`C-0`, `C-1`, ...: one StatefulSet a shard."""
    return f"{cluster}-{shard}"


def pod(cluster: str, shard: int, ordinal: int) -> str:
    """`C-0-0`: as the StatefulSet controller names them. An ordinal says nothing about the role."""
    return f"{stateful_set(cluster, shard)}-{ordinal}"


def pod_disruption_budget(cluster: str, shard: int) -> str:
    """`C-0`: beside the StatefulSet of the same name."""
    return stateful_set(cluster, shard)


def primary_service(cluster: str) -> str:
    """`C`: what clients write to."""
    return cluster


def reader_service(cluster: str) -> str:
    """`C-reader`: the ready replicas, or the primary while there is none."""
    return cluster + SUFFIX_READER


def headless_service(cluster: str) -> str:
    """`C-nodes`: gives each pod its DNS name, ready or not."""
    return cluster + SUFFIX_NODES


def config_map(cluster: str) -> str:
    """`C-config`: holds CONFIG_FILE."""
    return cluster + SUFFIX_CONFIG


def auth_secret(cluster: str) -> str:
    """`C-auth`: the password of the default user, ours or copied from the user's Secret; without one while open."""
    return cluster + SUFFIX_AUTH


def service_account(cluster: str) -> str:
    """`C-nodes`: not `C`, which for a cluster called "default" is everybody's."""
    return cluster + SUFFIX_NODES


def service_monitor(cluster: str) -> str:
    """`C`: the Prometheus operator's object."""
    return cluster


def pod_host(cluster: str, pod_name: str, namespace: str) -> str:
    """The stable DNS name of a pod, without the cluster's domain: every pod's resolver completes it."""
    return f"{pod_name}.{headless_service(cluster)}.{namespace}.svc"


def endpoint(service: str, namespace: str, port: int = PORT_CLIENT) -> str:
    """`host:port` as shown in status."""
    return f"{service}.{namespace}.svc:{port}"


def labels(cluster: str) -> dict[str, str]:
    """What every child of the cluster carries."""
    return {
        LABEL_NAME: APP_NAME,
        LABEL_INSTANCE: cluster,
        LABEL_COMPONENT: COMPONENT_CACHE,
        LABEL_MANAGED_BY: OPERATOR,
        LABEL_CLUSTER: cluster,
    }


def shard_labels(cluster: str, shard: int) -> dict[str, str]:
    """What the children of one shard carry."""
    return labels(cluster) | {LABEL_SHARD: str(shard)}


def cluster_selector(cluster: str) -> dict[str, str]:
    """Selects all pods of the cluster."""
    return {LABEL_CLUSTER: cluster}


def shard_selector(cluster: str, shard: int) -> dict[str, str]:
    """Selects the pods of one shard; immutable in a StatefulSet."""
    return {LABEL_CLUSTER: cluster, LABEL_SHARD: str(shard)}


def role_selector(cluster: str, role: str) -> dict[str, str]:
    """Selects the pods that have this role now."""
    return {LABEL_CLUSTER: cluster, LABEL_ROLE: role}
