"""What goes wrong in a cluster, done to nodes and processes that are ours: see tests/localkube. Every fault is undone by the caller or by its block's end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kube import Kube
from localkube import nodes, processes
from localkube.instance import Instance, Node


def instance_of(kube: Kube) -> Instance:
    assert kube.local is not None, "faults are only done to nodes that are ours"
    return kube.local.instance


def node_of(kube: Kube, namespace: str, pod: str) -> Node:
    """The node that the pod runs on."""
    return instance_of(kube).node(kube.get("pod", pod, namespace)["spec"]["nodeName"])


def engine_pid(kube: Kube, namespace: str, pod: str) -> int:
    """The process of the pod's engine, as this machine numbers it."""
    uid = str(kube.get("pod", pod, namespace)["metadata"]["uid"])
    spelled = {uid, uid.replace("-", "_")}
    for folder in Path("/proc").iterdir():
        try:
            cgroup = (folder / "cgroup").read_text()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # not a process, or it has just ended
        if any(text in cgroup for text in spelled) and b"scrubjay-engine" in command:
            return int(folder.name)
    raise AssertionError(f"no engine of pod {pod} runs")


def kill(kube: Kube, namespace: str, pod: str) -> None:
    """`kill -9` of the engine in the pod; the kubelet starts the container again."""
    os.kill(engine_pid(kube, namespace, pod), signal.SIGKILL)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """SIGSTOP for the block, then SIGCONT."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def no_power(node: Node) -> Iterator[None]:
    """The node is off for the block."""
    nodes.crash(node)
    try:
        yield
    finally:
        nodes.boot(node)


@contextmanager
def cable_pulled(node: Node) -> Iterator[None]:
    """The node is cut from every other for the block; what runs on it goes on."""
    nodes.cable(node, plugged=False)
    try:
        yield
    finally:
        nodes.cable(node, plugged=True)


@contextmanager
def no_api_server(kube: Kube) -> Iterator[None]:
    """The API server answers nobody for the block."""
    (pid,) = processes.running(instance_of(kube), "kube-apiserver").values()
    with frozen(pid):
        yield


@contextmanager
def no_operator(kube: Kube, namespace: str, deployment: str) -> Iterator[None]:
    """No copy of the operator runs during the block."""
    scale = ("-n", namespace, "scale", "deployment", deployment)
    kube.kubectl(*scale, "--replicas=0")
    kube.kubectl("-n", namespace, "wait", "pod", "--all", "--for=delete", "--timeout=60s")
    try:
        yield
    finally:
        kube.kubectl(*scale, "--replicas=2")
