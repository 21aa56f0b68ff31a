"""The primary goes away in every way it can, again and again, while a client writes about 500 keys a second.

`make chaos` runs each CHAOS_REPEATS times (10) and prints the client's outage: median and longest. What must hold is asserted (acknowledged writes, one primary);
times are measured, not asserted: machines are noisy. Targets are in docs/benchmarks.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

import faults
from cache import Caches
from kube import ClientPod, Kube
from outages import Outages
from writers import writing

REPEATS = int(os.environ.get("CHAOS_REPEATS", "10"))
pytestmark = pytest.mark.timeout(240)
again = pytest.mark.parametrize("repeat", range(REPEATS))


def delete(kube: Kube, caches: Caches, pod: str) -> None:
    caches.kubectl("delete", "pod", pod, "--wait=false")


def delete_at_once(kube: Kube, caches: Caches, pod: str) -> None:
    caches.kubectl("delete", "pod", pod, "--wait=false", "--grace-period=0", "--force")


def kill(kube: Kube, caches: Caches, pod: str) -> None:
    faults.kill(kube, caches.namespace, pod)


@again
@pytest.mark.parametrize("fault", [delete, delete_at_once, kill], ids=lambda fault: fault.__name__)
def test_pod(
    caches: Caches, kube: Kube, outages: Outages, fault: Callable[[Kube, Caches, str], None], repeat: int
) -> None:
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    with kube.client(caches.namespace) as client, writing(client, "a") as writer:
        primary = caches.primary("a")
        time.sleep(2)  # some writes before it
        fault(kube, caches, primary)
        caches.until("another is primary", lambda: caches.primary("a") not in ("", primary))
        caches.wait_ready("a")
        report = writer.end()
    outages.add(f"primary: {fault.__name__}", report)
    if fault is delete:
        assert report.lost == 0, f"a planned hand-over loses nothing: {report}"


@again
def test_node_without_power(caches: Caches, kube: Kube, outages: Outages, repeat: int) -> None:
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    primary = caches.primary("a")
    node = faults.node_of(kube, caches.namespace, primary)
    with _elsewhere(caches, kube, node.name) as client, writing(client, "a") as writer:
        time.sleep(2)
        with faults.no_power(node):
            caches.until("another is primary", lambda: caches.primary("a") not in ("", primary), 90)
            time.sleep(2)
            report = writer.end()
        caches.wait_ready("a", 150)
    outages.add("node of the primary without power", report)


@again
def test_node_cut_off(caches: Caches, kube: Kube, outages: Outages, repeat: int) -> None:
    """A client on each side: at no time are writes acknowledged on both."""
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    primary = caches.primary("a")
    node = faults.node_of(kube, caches.namespace, primary)
    address = str(kube.get("pod", primary, caches.namespace)["status"]["podIP"])
    with (
        kube.client(caches.namespace, "inside", node.name) as inside,
        _elsewhere(caches, kube, node.name) as outside,
        writing(inside, address) as stranded,
        writing(outside, "a") as writer,
    ):
        time.sleep(2)
        with faults.cable_pulled(node):
            cut = time.time()
            caches.until("another is primary", lambda: caches.primary("a") not in ("", primary), 90)
            time.sleep(2)
        caches.wait_ready("a", 150)
        report = writer.end()
        there = stranded.end()
    outages.add("node of the primary cut off", report)
    outages.note("cut off: the old primary acknowledged for", f"{max(0.0, there.last - cut):.2f} s")
    resumed = report.outage_began + report.outage
    assert there.last < resumed, f"acknowledged on both sides: inside until {there.last}, outside from {resumed}"


@again
def test_frozen(caches: Caches, kube: Kube, outages: Outages, repeat: int) -> None:
    caches.apply("a", replicasPerShard=2)
    caches.wait_ready("a")
    primary = caches.primary("a")
    with kube.client(caches.namespace) as client, writing(client, "a") as writer:
        time.sleep(2)
        with faults.frozen(faults.engine_pid(kube, caches.namespace, primary)):
            caches.until("another is primary", lambda: caches.primary("a") not in ("", primary), 90)
            time.sleep(2)
        caches.wait_ready("a", 150)
        report = writer.end()
    outages.add("primary frozen (SIGSTOP)", report)


def _elsewhere(caches: Caches, kube: Kube, name: str) -> AbstractContextManager[ClientPod]:
    other = next(n.name for n in faults.instance_of(kube).all_nodes() if n.name != name)
    return kube.client(caches.namespace, "outside", other)
