"""A real Kubernetes with the operator on it (tests/support/on_kubernetes.py), and the table of what clients saw."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kube import REPO
from on_kubernetes import caches, client, kube
from outages import Outages

__all__ = ["caches", "client", "kube"]
RESULTS = REPO / "build" / "chaos.json"


@pytest.fixture(scope="session")
def outages(pytestconfig: pytest.Config) -> Iterator[Outages]:
    """Where tests put what their writers saw; told when all are done."""
    gathered = Outages()
    yield gathered
    gathered.write(RESULTS)
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n\n{gathered.table()}\n\nkept in {RESULTS.relative_to(REPO)}")
