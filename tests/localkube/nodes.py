"""The machines of one instance: a network namespace with its own containerd, kubelet and kube-proxy each.

A node is started (``start``, ``boot``), has its power cut (``crash``), its network cable pulled (``cable``), and is taken away
(``remove``). Its configuration files are written by ``nodeconfig``; images come from ``images``.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from localkube import images, nodeconfig, processes, programs
from localkube.certificates import Authority
from localkube.host import run, wait_until
from localkube.instance import Instance, Node

CGROUPS = Path("/sys/fs/cgroup")
KUBELET_PORT = 10250
LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp


# -- network -----------------------------------------------------------------------------------------------------------
def network(instance: Instance) -> None:
    """A bridge on the host, a namespace and a cable for each node, routes between their pods. The host reaches all pods."""
    run("ip", "link", "add", instance.bridge, "type", "bridge")
    run("ip", "addr", "add", f"{instance.host_ip}/24", "dev", instance.bridge)
    run("ip", "link", "set", instance.bridge, "up")
    for node in instance.all_nodes():
        run("ip", "netns", "add", node.netns)
        run("ip", "link", "add", node.veth, "type", "veth", "peer", "name", "eth0", "netns", node.netns)
        run("ip", "link", "set", node.veth, "master", instance.bridge, "up")
        _ip(node, "addr", "add", f"{node.ip}/24", "dev", "eth0")
        _ip(node, "link", "set", "eth0", "up")
        _ip(node, "link", "set", "lo", "up")
        run("ip", "netns", "exec", node.netns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run("ip", "route", "replace", node.pod_cidr, "via", node.ip, "dev", instance.bridge)
    for node in instance.all_nodes():
        _routes(node)


def cable(node: Node, plugged: bool) -> None:
    """Pull the node's network cable, or plug it back in. What runs on it goes on and is alone."""
    run("ip", "link", "set", node.veth, "up" if plugged else "down")


def _routes(node: Node) -> None:
    _ip(node, "route", "replace", "default", "via", node.instance.host_ip)
    for other in node.instance.all_nodes():
        if other != node:
            _ip(node, "route", "replace", other.pod_cidr, "via", other.ip)


def _ip(node: Node, *arguments: str) -> None:
    run("ip", "-n", node.netns, *arguments)


# -- power -------------------------------------------------------------------------------------------------------------
def start(instance: Instance, authority: Authority) -> None:
    """Certificates for every node, then boot them all."""
    server = f"https://{instance.host_ip}:{instance.ports.api}"
    authority.issue("proxy", "system:kube-proxy")
    authority.kubeconfig(instance.etc / "proxy.kubeconfig", "proxy", server, instance.context)
    for node in instance.all_nodes():
        authority.issue(node.name, f"system:node:{node.name}", "system:nodes", sans=[node.name, node.ip])
        authority.kubeconfig(instance.etc / f"{node.name}.kubeconfig", node.name, server, instance.context)
        images.furnish(node.folder / "containerd")
        _start_containerd(node)
    for node in instance.all_nodes():
        _start_agents(node)


def boot(node: Node) -> None:
    """Start containerd, kubelet and kube-proxy on a node that is off. (From the main thread: an owned daemon ends with the
    thread that started it.)"""
    _start_containerd(node)
    _start_agents(node)


def _start_containerd(node: Node) -> None:
    nodeconfig.write(node)
    _make_cgroups(node)
    _power_on(node, "containerd", "containerd", "--config", node.folder / "containerd.toml")


def _start_agents(node: Node) -> None:
    logs = node.instance.logs
    wait_until(f"containerd on {node.name}", lambda: images.answers(node.socket), 60, f"see {logs}")
    _power_on(node, "kube-proxy", programs.kubernetes() / "kube-proxy", f"--config={node.folder}/proxy.json")
    # containerd answers a moment before its CRI part does, and a kubelet that comes too early ends: start it again
    wait_until(f"the kubelet on {node.name}", lambda: _kubelet_serves(node), 60, f"see {logs}/kubelet-{node.name}.log")


def _kubelet_serves(node: Node) -> bool:
    """Does it listen? It is started when it is not there."""
    running = processes.running(node.instance, f"kubelet-{node.name}")
    if running:
        return any(_listens(pid, KUBELET_PORT) for pid in running.values())
    etc, folder = node.instance.etc, node.folder
    _power_on(
        node,
        "kubelet",
        programs.kubernetes() / "kubelet",
        f"--config={folder}/kubelet.json",
        f"--root-dir={folder}/kubelet",
        f"--cert-dir={folder}/kubelet/pki",
        f"--hostname-override={node.name}",
        f"--kubeconfig={etc}/{node.name}.kubeconfig",
        f"--node-ip={node.ip}",
        f"--node-labels=topology.kubernetes.io/zone={node.zone},topology.kubernetes.io/region=local",
    )
    return False


def _listens(pid: int, port: int) -> bool:
    """Is there a listening socket of that port in the network namespace of that process (proc_pid_net(5))?"""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            return False
        if any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == LISTENING for line in lines):
            return True
    return False


def crash(node: Node) -> None:
    """Power the node off: everything that runs on it dies at once, and nothing gets to say goodbye."""
    deadline = time.monotonic() + 10
    while (doomed := _everything_on(node)) and time.monotonic() < deadline:  # again: what was being started meanwhile
        processes.kill(doomed)
    for name in ("containerd", "kubelet", "kube-proxy"):
        processes.stop(node.instance, f"{name}-{node.name}")


def _power_on(node: Node, name: str, *command: str | Path) -> None:
    processes.start(node.instance, f"{name}-{node.name}", *command, netns=node.netns)


def _everything_on(node: Node) -> set[int]:
    inside = {int(pid) for pid in run("ip", "netns", "pids", node.netns, check=False).stdout.split()}
    return inside | _in_cgroup(node) | _shims(node)


def _in_cgroup(node: Node) -> set[int]:
    found: set[int] = set()
    for top in _controllers():
        for file in top.joinpath(node.cgroup.lstrip("/")).glob("**/cgroup.procs"):
            try:
                found.update(map(int, file.read_text().split()))
            except OSError:
                continue  # the cgroup went away while it was being read
    return found


def _shims(node: Node) -> set[int]:
    """containerd's shims name the socket of the containerd they belong to."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"containerd-shim" in words[0] and any(word.startswith(f"{node.folder}/".encode()) for word in words):
            found.add(int(entry.name))
    return found


# -- cgroups -----------------------------------------------------------------------------------------------------------
def _controllers() -> list[Path]:
    """The tops of the cgroup trees: one a controller in version 1, a single one in version 2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [top for top in CGROUPS.iterdir() if top.is_dir() and not top.is_symlink() and top.name != "unified"]


def _make_cgroups(node: Node) -> None:
    for top in _controllers():
        folder = top / node.cgroup.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        parents = [folder, *(parent for parent in folder.parents if top in parent.parents)]
        for parent in reversed(parents):  # from the top down
            if top.name == "cpuset":  # version 1: empty until told, and then no process may enter
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (parent / file).write_text((top / file).read_text())
            elif top == CGROUPS and (parent.parent / "cgroup.subtree_control").exists():
                wanted = (parent.parent / "cgroup.controllers").read_text().split()
                (parent.parent / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))


def _remove_cgroups(instance: Instance) -> None:
    for top in _controllers():
        tree = top / "scrubjay-localkube" / instance.name
        folders = [path for path in tree.rglob("*") if path.is_dir()] if tree.is_dir() else []
        for folder in [*sorted(folders, key=lambda path: -len(path.parts)), tree, tree.parent]:
            try:
                folder.rmdir()
            except OSError:
                continue  # in use by another instance, or gone


# -- the end -----------------------------------------------------------------------------------------------------------
def remove(instance: Instance) -> None:
    """End what runs on the nodes; remove their mounts, namespaces, routes, bridge and cgroups. Safe to repeat."""
    for node in instance.all_nodes():
        crash(node)
    _unmount(instance.root)
    for node in instance.all_nodes():
        run("ip", "netns", "del", node.netns, check=False)
        run("ip", "link", "del", node.veth, check=False)
    if instance.nodes:
        run("ip", "link", "del", instance.bridge, check=False)
        _remove_cgroups(instance)
    for node in instance.all_nodes():
        shutil.rmtree(node.folder, ignore_errors=True)


def _unmount(root: Path) -> None:
    with open("/proc/mounts") as mounts:
        points = [os.fsdecode(line.split()[1].encode().decode("unicode_escape")) for line in mounts]
    for point in sorted((point for point in points if point.startswith(f"{root}/")), key=len, reverse=True):
        run("umount", "-l", point, check=False)
