"""What one pass of the operator over 100 unchanged clusters of three pods costs: observe, plan and judge, in seconds of CPU.

    python tests/bench/operator_pass.py

No API server and no engines: an unchanged cluster needs no call to either, so this is all that a pass does. What the probes of 300 engines cost beside it, and how
much memory, tests/reconcile/test_budget.py shows on the operator's own process.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime
from typing import Any, cast

from scrubjay_operator.act.kube import KubeClient
from scrubjay_operator.act.wanted import want
from scrubjay_operator.objects import desired
from scrubjay_operator.objects.pod import EngineDefaults
from scrubjay_operator.observe.cache import ObjectCache
from scrubjay_operator.observe.engine import EngineReport, EngineState
from scrubjay_operator.observe.kinds import CACHE_CLUSTER, POD, kind_of
from scrubjay_operator.observe.snapshot import Key
from scrubjay_operator.plan import status
from scrubjay_operator.plan.children import sealed, settled
from scrubjay_operator.plan.plan import make_plan

CLUSTERS, PODS, PASSES = 100, 3, 7
DEFAULTS = EngineDefaults("scrubjay-engine")
NO_CALLS = cast(KubeClient, None)


def main() -> None:
    """Print the median of the passes and their range."""
    cache = ObjectCache()
    keys = [_cluster(cache, number) for number in range(CLUSTERS)]
    known: dict[Key, dict[tuple[str, str], tuple[str, str]]] = {}
    seconds = []
    for _ in range(PASSES):
        began = time.process_time()
        steps = sum(asyncio.run(_look(cache, key, known)) for key in keys)
        seconds.append(time.process_time() - began)
        assert steps == 0, "an unchanged cluster needs no step"
    print(
        f"{CLUSTERS} unchanged clusters of {PODS} pods: {statistics.median(seconds):.2f} s of CPU a pass ({min(seconds):.2f}-{max(seconds):.2f})"
    )


def _cluster(cache: ObjectCache, number: int) -> Key:
    """One ready cluster in the cache, with its children and pods."""
    name = f"c{number}"
    key = ("ns", name)
    record = {
        "name": f"{name}-0",
        "epoch": 1,
        "primary": f"{name}-0-0",
        "primaryUid": f"{name}-0-0",
        "primaryBoot": "b",
    }
    metadata = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1", "generation": 1}
    cache.put(
        CACHE_CLUSTER, {"metadata": metadata, "spec": {"replicasPerShard": PODS - 1}, "status": {"shards": [record]}}
    )
    view = cache.cluster(key)
    assert view is not None and view.cluster is not None
    for manifest in desired.children(view.cluster, DEFAULTS, password=None, reader_from_primary=False):
        made, _ = sealed(manifest)
        made["metadata"] |= {
            "uid": f"{made['kind']}/{made['metadata']['name']}",
            "resourceVersion": "2",
            "generation": 1,
        }
        made["status"] = {"observedGeneration": 1, "updateRevision": "r"}
        cache.put(kind_of(made), made)
    for ordinal in range(PODS):
        cache.put(POD, _pod(name, ordinal))
    return key


def _pod(cluster: str, ordinal: int) -> dict[str, Any]:
    role = "primary" if ordinal == 0 else "replica"
    labels = {
        "scrubjay.dev/cluster": cluster,
        "scrubjay.dev/shard": "0",
        "scrubjay.dev/role": role,
        "controller-revision-hash": "r",
    }
    name = f"{cluster}-0-{ordinal}"
    metadata = {
        "name": name,
        "namespace": "ns",
        "uid": name,
        "resourceVersion": "3",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    ready = {"type": "Ready", "status": "True"}
    running = {
        "phase": "Running",
        "podIP": name,
        "conditions": [ready],
        "containerStatuses": [{"name": "engine", "state": {"running": {}}}],
    }
    return {"metadata": metadata | {"labels": labels}, "spec": {"nodeName": "n", "containers": []}, "status": running}


async def _look(cache: ObjectCache, key: Key, known: dict[Key, dict[tuple[str, str], tuple[str, str]]]) -> int:
    """One pass over one cluster; the number of steps it asks for."""
    view = cache.cluster(key)
    assert view is not None and view.cluster is not None
    digest = ""
    for _ in range(2 if key not in known else 1):  # the first time, to learn the digest of the options
        engines = {
            f"{key[1]}-0-{ordinal}": _engine(key[1], ordinal, digest or _digests.get(key, ""))
            for ordinal in range(PODS)
        }
        snapshot = cache.snapshot(view, engines=engines, now=1.0, wall=datetime.now(UTC), settled=known.get(key, {}))
        wanted, troubles = await want(NO_CALLS, snapshot, view.cluster, DEFAULTS)
        digest = _digests[key] = wanted.options_digest
    plan = make_plan(snapshot, wanted)
    known[key] = settled(snapshot, plan.manifests, plan.steps)
    status.judge(snapshot, plan, view.status, troubles).status.to_json()
    return len(plan.steps)


_digests: dict[Key, str] = {}


def _engine(cluster: str, ordinal: int, digest: str) -> EngineReport:
    first = f"{cluster}-0-0"
    facts: dict[str, Any] = (
        {"role": "primary"}
        if ordinal == 0
        else {"role": "replica", "link": "up", "primary_uid": first, "primary_host": first}
    )
    state = EngineState(uid=f"{cluster}-0-{ordinal}", boot="b", epoch=1, has_data=True, engine_version="1", **facts)
    return EngineReport(state=state, heard_at=1.0, configured=digest)


if __name__ == "__main__":
    main()
