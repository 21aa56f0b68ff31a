"""A Kubernetes cluster as the tests and the demo see it: a kubeconfig with a context, and a way to put images on its nodes.

Which cluster that is, is decided in ``kube_provider``. Nothing here knows how it was made but ``node`` operations, which exist
only where the nodes are ours to crash (tests/localkube).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from localkube.cluster import LocalKube
from localkube.host import LocalkubeError, run

REPO = Path(__file__).resolve().parents[2]
ENGINE_IMAGE, OPERATOR_IMAGE = "localhost/scrubjay-engine:dev", "localhost/scrubjay-operator:dev"
CLIENT_IMAGE = "localhost/scrubjay-client:dev"
DOCKERFILES = {  # image -> build context and Dockerfile, below the repository
    ENGINE_IMAGE: (".", "engine/Dockerfile"),
    OPERATOR_IMAGE: (".", "operator/Dockerfile"),
    CLIENT_IMAGE: ("tests/support/client", "tests/support/client/Dockerfile"),
}
Manifest = Mapping[str, Any]
T = TypeVar("T")


class KubeError(LocalkubeError):
    """A command against the cluster failed; the text has its words."""


@dataclass(frozen=True)
class Kube:
    """A cluster that tests may use."""

    kubeconfig: Path
    context: str
    path: str  # a PATH with kubectl and helm
    put_image: Callable[[str, Path, Path], None]  # (tag, context, Dockerfile): build it and put it on every node
    local: LocalKube | None = None  # with its nodes, where they are ours

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": self.path}

    # -- commands ------------------------------------------------------------------------------------------------------
    def kubectl(
        self, *arguments: str | Path, stdin: str | None = None, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """kubectl in this cluster's context; KubeError with its words when it fails (and ``check``)."""
        return self._command("kubectl", "--context", *arguments, stdin=stdin, check=check, timeout=timeout)

    def helm(
        self, *arguments: str | Path, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """helm in this cluster's context."""
        return self._command("helm", "--kube-context", *arguments, check=check, timeout=timeout)

    def _command(
        self, name: str, flag: str, *arguments: str | Path, check: bool, timeout: float, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        try:
            words = ("env", f"PATH={self.path}", name, flag, self.context, *arguments)
            return run(*words, env=self.environment, stdin=stdin, check=check, timeout=timeout)
        except LocalkubeError as error:
            raise KubeError(str(error)) from error

    # -- objects -------------------------------------------------------------------------------------------------------
    def apply(self, what: Path | Manifest, namespace: str = "default") -> str:
        """`kubectl apply` of a file, a folder or one object; returns what kubectl says."""
        if isinstance(what, Path):
            return self.kubectl("-n", namespace, "apply", "-f", what).stdout
        return self.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(what)).stdout

    def get(self, kind: str, name: str = "", namespace: str = "default", selector: str = "") -> dict[str, Any]:
        """An object, or with no name the list of them, as the API gives it; KubeError when there is none."""
        words = [kind, *([name] if name else []), *(["-l", selector] if selector else [])]
        found: dict[str, Any] = json.loads(self.kubectl("-n", namespace, "get", *words, "-o", "json").stdout)
        return found

    def exists(self, kind: str, name: str, namespace: str = "default") -> bool:
        got = self.kubectl("-n", namespace, "get", kind, name, "-o", "name", "--ignore-not-found", check=False)
        return bool(got.stdout.strip())

    def wait(self, what: str, condition: str, namespace: str = "default", seconds: float = 60) -> None:
        """`kubectl wait`: wait("cachecluster/quickstart", "condition=Ready"), wait("pod/x", "delete")."""
        words = ("-n", namespace, "wait", what, f"--for={condition}", f"--timeout={seconds:.0f}s")
        self.kubectl(*words, timeout=seconds + 30)

    @contextmanager
    def namespace(self, prefix: str = "e2e") -> Iterator[str]:
        """A namespace of its own for the block."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false", check=False)

    # -- images --------------------------------------------------------------------------------------------------------
    def image(self, tag: str) -> str:
        """Build one of the project's images from this working tree and put it on every node; returns the tag."""
        context, dockerfile = DOCKERFILES[tag]
        self.put_image(tag, REPO / context, REPO / dockerfile)
        return tag

    # -- clients -------------------------------------------------------------------------------------------------------
    @contextmanager
    def client(self, namespace: str = "default", name: str = "client", node: str = "") -> Iterator[ClientPod]:
        """A pod with redis-cli and redis-py for the block, on `node` if one is named. The client image must be there (``image``)."""
        pod = start_client(self, namespace, name, node)
        try:
            yield pod
        finally:
            self.kubectl("-n", namespace, "delete", "pod", name, "--wait=false", "--ignore-not-found", check=False)


@dataclass(frozen=True)
class ClientPod:
    """A pod inside the cluster that speaks to caches as an application would."""

    kube: Kube
    namespace: str
    name: str

    def run(self, *command: str, stdin: str | None = None, check: bool = True, timeout: float = 120) -> str:
        """Run a command in the pod and return what it prints."""
        flags = ("exec", *(["-i"] if stdin is not None else []), self.name, "--")
        return self.kube.kubectl(
            "-n", self.namespace, *flags, *command, stdin=stdin, check=check, timeout=timeout
        ).stdout

    def redis_cli(self, host: str, *words: str) -> str:
        """`redis-cli -h HOST WORDS`, without the last newline."""
        return self.run("redis-cli", "-h", host, *words).removesuffix("\n")

    def python(self, program: str, timeout: float = 120) -> str:
        """Run a Python program that may import redis; returns what it prints."""
        return self.run("python3", "-", stdin=program, timeout=timeout)


def start_client(kube: Kube, namespace: str, name: str, node: str = "") -> ClientPod:
    """Start a client pod, on `node` if one is named, and wait until it runs."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "client",
        "image": CLIENT_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
        "securityContext": security,
    }
    spec: dict[str, Any] = {"terminationGracePeriodSeconds": 0, "enableServiceLinks": False, "containers": [container]}
    if node:
        spec["nodeName"] = node
    labels = {"app.kubernetes.io/name": "scrubjay-client"}
    kube.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}, namespace
    )
    kube.wait(f"pod/{name}", "condition=Ready", namespace, 60)
    return ClientPod(kube, namespace, name)


def eventually(what: str, probe: Callable[[], T], seconds: float = 60) -> T:
    """Poll until ``probe`` gives something true, and return that; AssertionError with the last answer after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not so after {seconds:.0f} s; last answer: {answer!r}")
        time.sleep(0.25)
    return answer
