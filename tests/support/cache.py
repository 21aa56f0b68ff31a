"""CacheClusters in one namespace, as e2e tests make them and look at them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from kube import Kube, eventually

T = TypeVar("T")
READY_WITHIN_S = 60.0
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "96Mi"}}


@dataclass(frozen=True)
class Caches:
    """A namespace with CacheClusters."""

    kube: Kube
    namespace: str

    def apply(self, name: str, **spec: Any) -> str:
        """`kubectl apply` of a CacheCluster with small pods; returns what kubectl says."""
        body = {
            "apiVersion": "scrubjay.dev/v1alpha1",
            "kind": "CacheCluster",
            "metadata": {"name": name},
            "spec": {"resources": SMALL} | spec,
        }
        return self.kube.apply(body, self.namespace)

    def refused(self, **spec: Any) -> str:
        """What kubectl says when this spec is applied, which must fail."""
        body = {
            "apiVersion": "scrubjay.dev/v1alpha1",
            "kind": "CacheCluster",
            "metadata": {"name": "bad"},
            "spec": spec,
        }
        words = ("-n", self.namespace, "apply", "-f", "-")
        said = self.kube.kubectl(*words, stdin=json.dumps(body), check=False)
        assert said.returncode != 0, f"the API server took {spec}"
        return said.stderr

    def wait_ready(self, name: str, seconds: float = READY_WITHIN_S) -> None:
        """`kubectl wait --for=condition=Ready`, for the newest generation."""
        self.until("the newest generation is looked at", lambda: self._observed(name), seconds)
        self.kube.wait(f"cachecluster/{name}", "condition=Ready", self.namespace, seconds)

    def get(self, name: str) -> dict[str, Any]:
        return self.kube.get("cachecluster", name, self.namespace)

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(name).get("status", {})
        return found

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        conditions = self.status(name).get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {"status": "", "reason": "", "message": ""})

    def primary(self, name: str) -> str:
        return str(self.status(name)["shards"][0].get("primary", ""))

    def roles(self, name: str) -> dict[str, str]:
        """Role labels by pod."""
        pods = self.kube.get("pods", namespace=self.namespace, selector=f"scrubjay.dev/cluster={name}")["items"]
        return {pod["metadata"]["name"]: pod["metadata"]["labels"].get("scrubjay.dev/role", "") for pod in pods}

    def kubectl(self, *words: str) -> str:
        """kubectl in this namespace."""
        return self.kube.kubectl("-n", self.namespace, *words).stdout

    def until(self, what: str, probe: Callable[[], T], seconds: float = READY_WITHIN_S) -> T:
        """`eventually`, with the state of the namespace in the failure."""
        try:
            return eventually(what, probe, seconds)
        except AssertionError as error:
            state = self.kubectl("get", "cachecluster,statefulset,pods", "-o", "wide")
            raise AssertionError(f"{error}\n{state}\n{self.kubectl('describe', 'cachecluster')[-4000:]}") from None

    def _observed(self, name: str) -> bool:
        body = self.get(name)
        return bool(body.get("status", {}).get("observedGeneration") == body["metadata"]["generation"])
