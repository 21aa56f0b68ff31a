"""Installs our CustomResourceDefinitions on a test's API server."""

from pathlib import Path

from localkube.cluster import LocalKube
from localkube.host import wait_until

CRDS = Path(__file__).resolve().parents[2] / "crds"


def install(kube: LocalKube) -> None:
    """Apply them, and return when objects of them can be read."""
    kube.kubectl("apply", "-f", CRDS)
    await_served(kube)


def await_served(kube: LocalKube) -> None:
    """Return when CacheClusters and CacheBackups can be read: a definition is served a moment after it was taken."""
    # not `kubectl wait`: it fails at once on a definition whose status has not been written yet
    served = ("get", "cacheclusters,cachebackups", "--all-namespaces")
    wait_until(
        "CacheClusters and CacheBackups are served", lambda: kube.kubectl(*served, check=False).returncode == 0, 60
    )
