"""Which cluster the tests and the demo use.

1. KUBE_CONTEXT names a context of the user's kubeconfig: that one, and only then one we did not make. KUBE_LOAD is a command
   that puts a Docker image on its nodes; the image's name is added (``kind load docker-image --name mine``).
2. A Docker engine runs: `kind`, built from its Go module.
3. Else tests/localkube: no Docker needed, root is.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from kube import Kube, KubeError
from localkube import cluster, images, instance, kind, programs
from localkube.cluster import LocalKube
from localkube.host import docker_runs, run, say, step


@contextmanager
def provided(name: str, nodes: int = 3) -> Iterator[Kube]:
    """A cluster for the block; one that we make is removed after it."""
    name = f"{name}-{os.getpid()}"  # tests of two working trees do not meet
    kube = start(name, nodes, owned=True)
    try:
        yield kube
    finally:
        stop(name)


def start(name: str, nodes: int = 3, owned: bool = False) -> Kube:
    """The cluster of that name, made when it is not there; ``owned``: it ends with this program."""
    if context := os.environ.get("KUBE_CONTEXT"):
        return _named(context)
    if docker_runs():
        kind.up(name, nodes)
        return Kube(kind.kubeconfig(name), f"kind-{name}", programs.on_path(), partial(_docker_image, kind.load, name))
    return _local(cluster.up(name, nodes, owned))


def attach(name: str) -> Kube | None:
    """The cluster of that name if it is up."""
    if context := os.environ.get("KUBE_CONTEXT"):
        return _named(context)
    if docker_runs():
        return start(name) if kind.is_up(name) else None
    found = instance.load(name)
    return _local(LocalKube(found)) if found and cluster.is_up(found) else None


def stop(name: str) -> None:
    """Remove what ``start`` made; a cluster named by KUBE_CONTEXT stays."""
    if os.environ.get("KUBE_CONTEXT"):
        return
    if docker_runs():
        kind.down(name)
    elif found := instance.load(name):
        cluster.down(found)


def _local(local: LocalKube) -> Kube:
    def put_image(tag: str, context: Path, dockerfile: Path) -> None:
        images.load(local.instance, images.build(tag, context, dockerfile))

    return Kube(local.kubeconfig, local.instance.context, programs.on_path(), put_image, local)


def _named(context: str) -> Kube:
    kubeconfig = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    load = os.environ.get("KUBE_LOAD")
    if not load:
        raise KubeError(
            "KUBE_CONTEXT is set: set KUBE_LOAD too, to a command that puts the image named after it on the nodes"
        )
    say(f"using the cluster of context {context}, as KUBE_CONTEXT says")

    def load_by_command(command: str, tag: str) -> None:
        run(*shlex.split(command), tag)

    return Kube(kubeconfig, context, programs.on_path(), partial(_docker_image, load_by_command, load))


def _docker_image(load: object, where: str, tag: str, context: Path, dockerfile: Path) -> None:
    assert callable(load)
    with step(f"building the image {tag}"):
        run("docker", "build", "-q", "-f", dockerfile, "-t", tag, context)
    with step(f"loading {tag}"):
        load(where, tag)
