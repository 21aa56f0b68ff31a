"""A whole local Kubernetes: bring one up, take it down, and the handle that tests hold on it.

    with control_plane("reconcile") as kube:          # etcd, API server, controller manager: seconds
        kube.kubectl("apply", "-f", "crds/")
        mark = kube.audit.mark()
        ...
        assert kube.audit.writes(mark, user="scrubjay") == []

``up``/``down`` are what the commands call; instances made by ``up`` live until ``down``, those of ``control_plane`` end with
their block, and with the program that made them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localkube import addons, controlplane, images, instance, nodes, processes, programs
from localkube.audit import AuditLog
from localkube.host import NODE_COMMANDS, LocalkubeError, install, run, say, step, wait_until
from localkube.instance import Instance


@dataclass(frozen=True)
class LocalKube:
    """A running instance, for tests and commands."""

    instance: Instance

    @property
    def kubeconfig(self) -> Path:
        return self.instance.kubeconfig

    @property
    def audit(self) -> AuditLog:
        return AuditLog(self.instance.audit_log)

    def kubectl(
        self, *arguments: str | Path, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator; LocalkubeError with its words when it fails (and ``check``)."""
        binary = programs.kubernetes() / "kubectl"
        return run(binary, "--kubeconfig", self.kubeconfig, *arguments, stdin=stdin, check=check)


@contextmanager
def control_plane(name: str = "control-plane") -> Iterator[LocalKube]:
    """An API server with etcd and the controller manager, no nodes: for the block, or until this program dies."""
    kube = up(f"{name}-{os.getpid()}", nodes=0, owned=True)
    try:
        yield kube
    finally:
        down(kube.instance)


def up(name: str, nodes: int = 3, owned: bool = False, metrics: bool = False) -> LocalKube:
    """Start an instance; what a failed start left behind is removed again.

    ``owned``: it ends with this program; what a killed one leaves is removed by the next ``prune``.
    ``metrics``: with metrics-server, whose building takes a few minutes the first time.
    """
    stale = instance.load(name)
    if stale is not None and not is_up(stale):
        say(f"{name} was left over by a host that restarted or a run that was killed: removing it")
        down(stale)
    _prepare(nodes)
    made = instance.create(name, nodes, processes.identity() if owned else "")
    try:
        _start(made, metrics)
    except BaseException:
        say(f"starting {name} failed; its logs are kept in {_keep_logs(made)}")
        down(made)
        raise
    return LocalKube(made)


def find(name: str) -> LocalKube:
    """The instance of that name that is up."""
    return LocalKube(instance.find(name))


def down(which: Instance) -> None:
    """End every process of the instance and remove its namespaces, mounts, cgroups and files."""
    with step(f"taking {which.name} down"):
        processes.stop(which, "kubelet-*")  # first, or it starts what is being ended
        nodes.remove(which)
        processes.stop(which)
        shutil.rmtree(which.root, ignore_errors=True)
    if which.root.exists():
        raise LocalkubeError(f"{which.root} could not be removed whole; what is in it is held by somebody")


def is_up(which: Instance) -> bool:
    """Is its API server there? (An instance whose host restarted is known, but not up.)"""
    return bool(processes.running(which, "kube-apiserver"))


def prune() -> None:
    """Take down what belongs to programs that are no more."""
    for which in instance.list_all():
        if which.owner and not processes.alive(which.owner):
            down(which)


def _prepare(node_count: int) -> None:
    if node_count:
        if os.geteuid() != 0:
            raise LocalkubeError("nodes need root: they are network namespaces with containers in them")
        install(NODE_COMMANDS)
    programs.kubernetes()
    if node_count:
        addons.build()


def _start(made: Instance, metrics: bool) -> None:
    with step(f"starting the control plane of {made.name}"):
        authority = controlplane.prepare(made)
        if made.nodes:
            nodes.network(made)
        controlplane.start(made, programs.kubernetes())
    if not made.nodes:
        return
    kube = LocalKube(made)
    with step(f"starting {made.nodes} nodes"):
        nodes.start(made, authority)
    with step("starting DNS and storage"):
        kube.kubectl("apply", "-f", "-", stdin=addons.manifests(made))
        if metrics:
            images.load(made, addons.metrics_image())
            kube.kubectl("apply", "-f", addons.METRICS)
        wait_until("nodes Ready", lambda: _ready_nodes(kube) == made.nodes, 120, f"see {made.logs}")
        addons.wait(kube.kubectl)


def _ready_nodes(kube: LocalKube) -> int:
    path = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
    return kube.kubectl("get", "nodes", "-o", path, check=False).stdout.split().count("True")


def _keep_logs(made: Instance) -> Path:
    kept = instance.home() / f"{made.name}.failed-logs"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(made.logs, kept, dirs_exist_ok=True)
    return kept
