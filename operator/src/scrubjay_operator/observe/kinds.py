"""The Kubernetes kinds that the operator touches, and where the API server keeps them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. `watched` kinds are kept in the cache; `owned` ones are children of a CacheCluster."""

    name: str
    group: str
    version: str
    plural: str
    namespaced: bool = True
    owned: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, sub: str = "") -> str:
        """The URL path of an object, or of the collection when there is no name."""
        parts = ["", "apis" if self.group else "api", self.api_version]
        parts += ["namespaces", namespace] if namespace is not None and self.namespaced else []
        parts.append(self.plural)
        parts += [part for part in (name, sub) if part]
        return "/".join(parts)


CACHE_CLUSTER = Kind("CacheCluster", "scrubjay.dev", "v1alpha1", "cacheclusters", owned=False)
CACHE_BACKUP = Kind("CacheBackup", "scrubjay.dev", "v1alpha1", "cachebackups", owned=False)
JOB = Kind("Job", "batch", "v1", "jobs")
STATEFUL_SET = Kind("StatefulSet", "apps", "v1", "statefulsets")
SERVICE = Kind("Service", "", "v1", "services")
CONFIG_MAP = Kind("ConfigMap", "", "v1", "configmaps")
SECRET = Kind("Secret", "", "v1", "secrets")
SERVICE_ACCOUNT = Kind("ServiceAccount", "", "v1", "serviceaccounts")
POD_DISRUPTION_BUDGET = Kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets")
SERVICE_MONITOR = Kind("ServiceMonitor", "monitoring.coreos.com", "v1", "servicemonitors")
POD = Kind("Pod", "", "v1", "pods", owned=False)
NODE = Kind("Node", "", "v1", "nodes", namespaced=False, owned=False)
LEASE = Kind("Lease", "coordination.k8s.io", "v1", "leases", owned=False)
EVENT = Kind("Event", "", "v1", "events", owned=False)

CHILDREN = (SERVICE_ACCOUNT, CONFIG_MAP, SECRET, SERVICE, POD_DISRUPTION_BUDGET, STATEFUL_SET, SERVICE_MONITOR, JOB)
WATCHED = (CACHE_CLUSTER, *CHILDREN, POD, NODE)
BY_NAME = {kind.name: kind for kind in (*WATCHED, LEASE, EVENT, CACHE_BACKUP)}


def kind_of(manifest: dict[str, object]) -> Kind:
    """The kind of a manifest. Raises KeyError for one that the operator does not handle."""
    return BY_NAME[str(manifest["kind"])]
