"""The same clusters by `kind`, where a Docker engine runs: nodes in containers, with kind's own images.

Called by ``kube_provider``. Node operations (crash, cut) and the audit log are localkube's alone: tests that need them skip here.
"""

from __future__ import annotations

import json
from pathlib import Path

from localkube.host import cache_folder, run, step
from localkube.programs import tool


def kubeconfig(name: str) -> Path:
    return cache_folder("kind") / f"{name}.kubeconfig"


def is_up(name: str) -> bool:
    return name in run(tool("kind"), "get", "clusters", check=False).stdout.split()


def up(name: str, nodes: int) -> None:
    """A cluster with that many workers in zones of their own; nothing when it is up."""
    if is_up(name):
        return
    workers = [
        {
            "role": "worker",
            "labels": {"topology.kubernetes.io/zone": f"zone-{i}", "topology.kubernetes.io/region": "local"},
        }
        for i in range(1, nodes + 1)
    ]
    config = {
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kind": "Cluster",
        "nodes": [{"role": "control-plane"}, *workers],
    }
    words = ("create", "cluster", "--name", name, "--kubeconfig", kubeconfig(name), "--config", "-", "--wait", "180s")
    with step("starting a kind cluster", "a few minutes the first time"):
        run(tool("kind"), *words, stdin=json.dumps(config))


def load(name: str, tag: str) -> None:
    """Put a Docker image on every node."""
    run(tool("kind"), "load", "docker-image", "--name", name, tag)


def down(name: str) -> None:
    """Remove the cluster; nothing when it is not there."""
    run(tool("kind"), "delete", "cluster", "--name", name, "--kubeconfig", kubeconfig(name), check=False)
    kubeconfig(name).unlink(missing_ok=True)
