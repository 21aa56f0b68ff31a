"""A real Kubernetes with the operator on it: see tests/support/on_kubernetes.py."""

from on_kubernetes import caches, client, kube

__all__ = ["caches", "client", "kube"]
