"""An API server of their own for tests without an operator: what is refused and stored is its business alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import definitions
from localkube.cluster import LocalKube, control_plane


@pytest.fixture(scope="session")
def bare_kube() -> Iterator[LocalKube]:
    """An API server on which nothing has been installed."""
    with control_plane("apiserver") as kube:
        yield kube


@pytest.fixture(scope="session")
def kube(bare_kube: LocalKube) -> LocalKube:
    """An API server that knows CacheClusters."""
    definitions.install(bare_kube)
    return bare_kube
