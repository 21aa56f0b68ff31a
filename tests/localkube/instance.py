"""One local Kubernetes among several: its name, folder, addresses and ports.

Two instances never meet: each takes a number nobody else holds, and subnet, bridge, network namespaces and cgroups follow
from that number; ports are asked from the kernel. What was chosen is kept in ROOT/instance.json until ``down``.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from localkube.host import LocalkubeError

SERVICE_CIDR, API_SERVICE_IP, DNS_IP = "10.96.0.0/16", "10.96.0.1", "10.96.0.10"
MOST_INSTANCES = 32
MOST_NODES = 9


def home() -> Path:
    """Where instances live: $LOCALKUBE_ROOT, else /var/lib/scrubjay-localkube."""
    return Path(os.environ.get("LOCALKUBE_ROOT", "/var/lib/scrubjay-localkube"))


@dataclass(frozen=True)
class Ports:
    """Ports on the host, all on the loopback but ``api`` of an instance with nodes."""

    api: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int


@dataclass(frozen=True)
class Instance:
    name: str
    number: int
    nodes: int
    ports: Ports
    owner: str = ""  # the program it ends with, as "pid start-time"; none for what a person started

    @property
    def root(self) -> Path:
        return home() / self.name

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.etc / "admin.kubeconfig"

    @property
    def context(self) -> str:
        return f"localkube-{self.name}"

    @property
    def bridge(self) -> str:
        return f"lkbr{self.number}"

    @property
    def host_ip(self) -> str:
        """The host as nodes and pods see it; the loopback when there are no nodes."""
        return f"172.30.{self.number}.1" if self.nodes else "127.0.0.1"

    @property
    def pod_cidr(self) -> str:
        return f"10.{200 + self.number}.0.0/16"

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.jsonl"

    def all_nodes(self) -> list[Node]:
        return [Node(self, i) for i in range(1, self.nodes + 1)]

    def node(self, name: str) -> Node:
        for node in self.all_nodes():
            if node.name == name:
                return node
        raise LocalkubeError(f"no node {name!r} in {self.name}: there are {[node.name for node in self.all_nodes()]}")


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: a network namespace, a cgroup and a folder."""

    instance: Instance
    index: int

    @property
    def name(self) -> str:
        return f"node{self.index}"

    @property
    def zone(self) -> str:
        return f"zone-{self.index}"

    @property
    def folder(self) -> Path:
        return self.instance.root / self.name

    @property
    def socket(self) -> Path:
        """containerd's."""
        return self.folder / "containerd.sock"

    @property
    def netns(self) -> str:
        return f"lk{self.instance.number}-{self.name}"

    @property
    def veth(self) -> str:
        """The host's end of its network cable."""
        return f"lk{self.instance.number}n{self.index}"

    @property
    def ip(self) -> str:
        return f"172.30.{self.instance.number}.{10 + self.index}"

    @property
    def pod_cidr(self) -> str:
        return f"10.{200 + self.instance.number}.{self.index}.0/24"

    @property
    def cgroup(self) -> str:
        return f"/scrubjay-localkube/{self.instance.name}/{self.name}"


def create(name: str, nodes: int, owner: str = "") -> Instance:
    """Reserve a number and ports for a new instance; LocalkubeError when the name is taken."""
    if not name.replace("-", "").isalnum() or len(name) > 40:
        raise LocalkubeError(f"{name!r} is no name for an instance: letters, digits and dashes, 40 at most")
    if not 0 <= nodes <= MOST_NODES:
        raise LocalkubeError(f"--nodes must be between 0 and {MOST_NODES}, not {nodes}")
    with _locked():
        others = list_all()
        if any(other.name == name for other in others):
            raise LocalkubeError(f"{name} is already up: `down` first, or give another --name")
        taken = {other.number for other in others}
        # a bridge of that number: an instance of another root
        bridges = {path.name for path in Path("/sys/class/net").glob("lkbr*")}
        free = [number for number in range(MOST_INSTANCES) if number not in taken and f"lkbr{number}" not in bridges]
        if not free:
            raise LocalkubeError(f"{MOST_INSTANCES} instances are up already in {home()}: take one down")
        instance = Instance(name, free[0], nodes, Ports(*_free_ports(5)), owner)
        for folder in (instance.root, instance.pki, instance.etc, instance.logs, instance.root / "run"):
            folder.mkdir(parents=True, exist_ok=True)
        (instance.root / "instance.json").write_text(json.dumps(asdict(instance)))
    return instance


def find(name: str) -> Instance:
    """The instance of that name; LocalkubeError when it is not up."""
    instance = load(name)
    if instance is None:
        up = [other.name for other in list_all()]
        raise LocalkubeError(
            f"no local Kubernetes {name!r} is up (up are: {', '.join(up) or 'none'}); start it with `up`"
        )
    return instance


def load(name: str) -> Instance | None:
    path = home() / name / "instance.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    return Instance(kept["name"], kept["number"], kept["nodes"], Ports(**kept["ports"]), kept["owner"])


def list_all() -> list[Instance]:
    names = sorted(path.parent.name for path in home().glob("*/instance.json"))
    return [found for found in map(load, names) if found]


@contextmanager
def _locked() -> Iterator[None]:
    home().mkdir(parents=True, exist_ok=True)
    with (home() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free_ports(count: int) -> list[int]:
    """Ports the kernel calls free now; all are held open until the last is known, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
