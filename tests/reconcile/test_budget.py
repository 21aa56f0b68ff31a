"""100 idle clusters of three pods: what the operator costs then. Figures are printed; memory and writes have limits that hold on any machine."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from fake_kubelet import FakeKubelet
from localkube.cluster import LocalKube
from operator_world import OperatorProcess

CLUSTERS = 100
MEMORY_LIMIT_MIB = 128
IDLE_S = 20


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_100_idle_clusters(
    kube: LocalKube, kubelet: FakeKubelet, operator: OperatorProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    kube.kubectl("create", "namespace", "budget")
    kube.kubectl("-n", "budget", "apply", "-f", "-", stdin=json.dumps(_clusters()))
    _until(lambda: _ready(kube) == CLUSTERS, 1200)
    operator.restart()
    _until(lambda: operator.metric("scrubjay_operator_reconciles_total") >= CLUSTERS, 120)
    time.sleep(5)
    mark, cpu = kube.audit.mark(), _cpu_seconds(operator.pid)
    time.sleep(IDLE_S)
    used = (_cpu_seconds(operator.pid) - cpu) / IDLE_S
    memory = _resident_mib(operator.pid)
    writes = kube.audit.writes(mark, agent="scrubjay-operator")
    with capsys.disabled():
        print(f"\n{CLUSTERS} idle clusters of 3 pods: {memory:.0f} MiB, {100 * used:.1f} % of a core")
    assert writes == []
    assert memory < MEMORY_LIMIT_MIB


def _clusters() -> dict[str, object]:
    header = {"apiVersion": "scrubjay.dev/v1alpha1", "kind": "CacheCluster"}
    items = [
        header | {"metadata": {"name": f"c{number}"}, "spec": {"replicasPerShard": 2}} for number in range(CLUSTERS)
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _ready(kube: LocalKube) -> int:
    items = json.loads(kube.kubectl("-n", "budget", "get", "cachecluster", "-o", "json").stdout)["items"]
    conditions = [c for item in items for c in item.get("status", {}).get("conditions", ())]
    return sum(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _until(true: object, seconds: float) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(3)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
