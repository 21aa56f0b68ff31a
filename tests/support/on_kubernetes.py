"""Fixtures of the tests on a real Kubernetes (tests/e2e, tests/chaos): one cluster for all tests of a run, with the images of this tree and the operator installed by Helm; a namespace of its own for each test.

LOCALKUBE_NAME=dev uses the instance of that name if it is up, and leaves it up: for working on a test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import kube_provider
from cache import Caches
from installation import install_operator
from kube import CLIENT_IMAGE, ENGINE_IMAGE, OPERATOR_IMAGE, ClientPod, Kube


@pytest.fixture(scope="session")
def kube() -> Iterator[Kube]:
    """A Kubernetes of three nodes on which the operator runs."""
    with ExitStack() as stack:
        name = os.environ.get("LOCALKUBE_NAME")
        made = (kube_provider.attach(name) if name else None) or stack.enter_context(kube_provider.provided("e2e"))
        for image in (ENGINE_IMAGE, OPERATOR_IMAGE, CLIENT_IMAGE):
            made.image(image)
        install_operator(made)
        yield made


@pytest.fixture
def caches(kube: Kube) -> Iterator[Caches]:
    """A namespace of its own."""
    with kube.namespace() as namespace:
        yield Caches(kube, namespace)


@pytest.fixture
def client(kube: Kube, caches: Caches) -> Iterator[ClientPod]:
    """A pod in the test's namespace that speaks to caches."""
    with kube.client(caches.namespace) as pod:
        yield pod
