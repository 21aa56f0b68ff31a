"""Desired manifests: pure builders, one file a Kubernetes kind.

Each takes a CacheCluster and returns a plain dict ready for server-side apply, with labels and an ownerReference.
Nothing here reads or writes anything; `desired.py` lists all children of a cluster. Called by plan/ and act/.
"""
