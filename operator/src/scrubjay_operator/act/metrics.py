"""The operator's own metrics, served at /metrics by act.http. Names start with `scrubjay_operator_`; times are seconds."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

API_REQUESTS = Counter(
    "scrubjay_operator_api_requests",
    "Calls to the Kubernetes API; code `none` means no answer",
    ["method", "kind", "code"],
)
RECONCILES = Counter("scrubjay_operator_reconciles", "Reconciles by how they ended: done, failed, conflict", ["result"])
RECONCILE_SECONDS = Histogram(
    "scrubjay_operator_reconcile_seconds", "Time of one reconcile", buckets=(0.002, 0.01, 0.05, 0.25, 1, 5, 30)
)
RETRIES = Counter(
    "scrubjay_operator_retries", "Reconciles put back with a delay after a failure", ["namespace", "name"]
)
STEPS = Counter("scrubjay_operator_steps", "Steps carried out, by kind of step and result", ["step", "result"])
QUEUE_DEPTH = Gauge("scrubjay_operator_queue_depth", "Clusters that wait for a reconcile now")
CLUSTERS = Gauge("scrubjay_operator_cacheclusters", "CacheClusters that the operator knows")
PROBES = Counter("scrubjay_operator_probes", "Questions to engines by result: answered, failed", ["result"])
LEADER = Gauge("scrubjay_operator_leader", "1 while this process holds the Lease")
FAILOVER_SECONDS = Histogram(
    "scrubjay_failover_seconds",
    "From when a lost primary was last heard of to the order to its successor",
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 30, 60),
)

__all__ = [
    "API_REQUESTS",
    "CLUSTERS",
    "FAILOVER_SECONDS",
    "LEADER",
    "PROBES",
    "QUEUE_DEPTH",
    "RECONCILES",
    "RECONCILE_SECONDS",
    "REGISTRY",
    "RETRIES",
    "STEPS",
]


def forget_cluster(namespace: str, name: str) -> None:
    """Drop the series of a cluster that no longer exists, so that names do not pile up."""
    RETRIES.remove_by_labels({"namespace": namespace, "name": name})
