"""An API server of their own for tests without an operator: what is refused and stored is its business alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube.cluster import LocalKube, control_plane

REPO = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def bare_kube() -> Iterator[LocalKube]:
    """An API server on which nothing has been installed."""
    with control_plane("apiserver") as kube:
        yield kube


@pytest.fixture(scope="session")
def kube(bare_kube: LocalKube) -> LocalKube:
    """An API server that knows CacheClusters."""
    bare_kube.kubectl("apply", "-f", REPO / "crds")
    bare_kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", REPO / "crds")
    return bare_kube
