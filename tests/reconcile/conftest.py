"""A real API server for the tests of this folder (no nodes), and the operator's own process, with fake engines behind real Pod objects."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_kubelet import FakeKubelet
from localkube.cluster import LocalKube, control_plane
from localkube.host import wait_until
from operator_world import OperatorProcess, World
from servers import free_port

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def bare_kube() -> Iterator[LocalKube]:
    """An API server on which nothing has been installed."""
    with control_plane("reconcile") as kube:
        yield kube


@pytest.fixture(scope="session")
def kube(bare_kube: LocalKube) -> LocalKube:
    """An API server that knows CacheClusters."""
    bare_kube.kubectl("apply", "-f", REPO / "crds")
    known = ("get", "cacheclusters", "--all-namespaces")
    wait_until("CacheClusters are served", lambda: bare_kube.kubectl(*known, check=False).returncode == 0, 30)
    return bare_kube


@pytest.fixture(scope="session")
def kubeconfig(kube: LocalKube) -> Iterator[None]:
    """KUBECONFIG names this API server, for the operator and for clients made here."""
    patch = pytest.MonkeyPatch()
    patch.setenv("KUBECONFIG", str(kube.kubeconfig))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def kubelet(kubeconfig: None) -> Iterator[FakeKubelet]:
    """Gives every pod an address and a fake engine."""
    made = FakeKubelet()
    yield made
    made.close()


@pytest.fixture(scope="session")
def operator(kubelet: FakeKubelet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One copy of the operator, as its own process."""
    made = OperatorProcess("operator-a", free_port(), tmp_path_factory.mktemp("operator") / "log")
    yield made
    made.crash()


@pytest.fixture
def world(kube: LocalKube, kubelet: FakeKubelet, operator: OperatorProcess) -> Iterator[World]:
    """A namespace of its own, with the operator at work."""
    namespace = f"t-{uuid.uuid4().hex[:8]}"
    kube.kubectl("create", "namespace", namespace)
    yield World(kube, kubelet, namespace)
    kube.kubectl("delete", "namespace", namespace, "--wait=false")
