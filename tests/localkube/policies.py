"""NetworkPolicies made real on the local nodes, for tests: watch pods, namespaces and policies; on a change, rewrite each
node's rules in one ``iptables-restore``. What the rules are is ``policyrules``'s matter.

``with enforced(instance):`` runs it beside a test; ``localkube policies`` until it is interrupted.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from localkube import programs
from localkube.host import LocalkubeError, run, say
from localkube.instance import Instance, Node
from localkube.policyrules import TOP, Cluster, restore_input

KINDS = ("pods", "namespaces", "networkpolicies")


class Enforcer:
    """Keeps the nodes' rules up to date from ``start`` to ``stop``."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._kubectl = [str(programs.kubernetes() / "kubectl"), "--kubeconfig", str(instance.kubeconfig)]
        self._changed, self._over = threading.Event(), threading.Event()
        self._applied: dict[str, str] = {}
        self._watches: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        self.error: Exception | None = None

    def start(self) -> None:
        """Apply the rules of now, then follow changes in the background."""
        self.apply()
        for kind in KINDS:
            words = [*self._kubectl, "get", kind, "-A", "--watch-only", "-o", "name"]
            self._watches.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE))
        # between the first look and the watches something may have happened: look once more
        self._changed.set()
        self._threads = [threading.Thread(target=self._follow, daemon=True)]
        self._threads += [threading.Thread(target=self._hear, args=[watch], daemon=True) for watch in self._watches]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop following and take the rules away; raises what went wrong meanwhile."""
        self._over.set()
        self._changed.set()
        for watch in self._watches:
            watch.kill()
            watch.wait()
        for thread in self._threads:
            thread.join()
        for watch in self._watches:
            assert watch.stdout is not None
            watch.stdout.close()
        for node in self.instance.all_nodes():
            _iptables(node, "-D", "FORWARD", "-j", TOP, check=False)
        if self.error:
            raise self.error

    def wait(self) -> None:
        """Until something goes wrong."""
        self._over.wait()

    def apply(self) -> None:
        """Bring every node's rules in line with the objects of now."""
        found = {}
        for kind in KINDS:
            found[kind] = json.loads(run(*self._kubectl, "get", kind, "-A", "-o", "json").stdout)["items"]
        cluster = Cluster(found["pods"], found["namespaces"], found["networkpolicies"])
        for node in self.instance.all_nodes():
            wanted = restore_input(cluster, node.name)
            if self._applied.get(node.name) == wanted:
                continue
            enter = ["nsenter", f"--net=/run/netns/{node.netns}", "--"]
            run(*enter, "iptables-restore", "--noflush", "--wait", "5", stdin=wanted)
            if _iptables(node, "-C", "FORWARD", "-j", TOP, check=False) != 0:
                _iptables(node, "-I", "FORWARD", "-j", TOP)
            self._applied[node.name] = wanted

    def _hear(self, watch: subprocess.Popen[bytes]) -> None:
        assert watch.stdout is not None
        for _ in watch.stdout:
            self._changed.set()
        if not self._over.is_set():
            self._fail(LocalkubeError("a watch on the API server ended: NetworkPolicies are no longer enforced"))

    def _follow(self) -> None:
        while not self._over.is_set():
            self._changed.wait()
            self._changed.clear()
            if self._over.is_set():
                return
            try:
                self.apply()
            except LocalkubeError as error:
                self._fail(error)
                return

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
        self._over.set()
        self._changed.set()


@contextmanager
def enforced(instance: Instance) -> Iterator[Enforcer]:
    """NetworkPolicies hold on that instance's nodes for the block."""
    enforcer = Enforcer(instance)
    enforcer.start()
    try:
        yield enforcer
    finally:
        enforcer.stop()


def enforce(instance: Instance) -> None:
    """Enforce until interrupted."""
    with enforced(instance) as enforcer:
        say(f"enforcing NetworkPolicies on {instance.name}; Ctrl-C ends it")
        enforcer.wait()


def _iptables(node: Node, *arguments: str, check: bool = True) -> int:
    enter = ["nsenter", f"--net=/run/netns/{node.netns}", "--"]
    return run(*enter, "iptables", "-w", "5", "-t", "mangle", *arguments, check=check).returncode
