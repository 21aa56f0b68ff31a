"""The CustomResourceDefinition on a real API server: defaults, columns, subresources, status."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from localkube.cluster import LocalKube
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.api.spec import CacheClusterSpec

REPO = Path(__file__).resolve().parents[3]

STATUS = {
    "observedGeneration": 1,
    "phase": "Ready",
    "ready": "2/2",
    "version": "0.1.0",
    "shardCount": 1,
    "selector": "scrubjay.dev/cluster=shown",
    "endpoints": {"primary": "shown.default.svc:6379", "reader": "shown-reader.default.svc:6379"},
    "shards": [
        {
            "name": "shown-0",
            "epoch": 1,
            "primary": "shown-0-0",
            "nodes": [{"pod": "shown-0-0", "role": "primary", "ready": True}],
        }
    ],
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "AsWanted",
            "message": "2 of 2 pods serve",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
    ],
}


@pytest.fixture
def shown(kube: LocalKube) -> dict[str, Any]:
    """A CacheCluster that names nothing, as the API server stores it, with a status."""
    body = {"apiVersion": "scrubjay.dev/v1alpha1", "kind": "CacheCluster", "metadata": {"name": "shown"}}
    kube.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    kube.kubectl("patch", "cc", "shown", "--subresource=status", "--type=merge", "-p", json.dumps({"status": STATUS}))
    stored: dict[str, Any] = json.loads(kube.kubectl("get", "cc", "shown", "-o", "json").stdout)
    return stored


def test_api_server_and_models_agree_on_defaults(shown: dict[str, Any]) -> None:
    assert CacheClusterSpec.model_validate(shown["spec"]) == CacheClusterSpec()


def test_status_comes_back_as_it_was_written(shown: dict[str, Any]) -> None:
    cluster = CacheCluster.read(shown)
    written = cluster.status.to_json()
    assert written["conditions"] == STATUS["conditions"]
    assert written["shards"][0]["nodes"] == STATUS["shards"][0]["nodes"]  # type: ignore[index]
    assert cluster.status.ready == "2/2"


def test_columns_tell_the_story(kube: LocalKube, shown: dict[str, Any]) -> None:
    heading, row = kube.kubectl("get", "cachecluster", "shown").stdout.splitlines()
    assert heading.split() == ["NAME", "SHARDS", "REPLICAS", "READY", "STATUS", "VERSION", "AGE"]
    assert row.split()[:6] == ["shown", "1", "1", "2/2", "Ready", "0.1.0"]
    wide = kube.kubectl("get", "cc", "shown", "-o", "wide").stdout
    assert "shown-0-0" in wide
    assert "shown.default.svc:6379" in wide
    assert "2 of 2 pods serve" in wide


def test_found_by_short_name_and_categories(kube: LocalKube, shown: dict[str, Any]) -> None:
    for words in ("cc", "scrubjay", "all"):
        assert "cachecluster.scrubjay.dev/shown" in kube.kubectl("get", words, "-o", "name").stdout


def test_wait_and_scale_subresources(kube: LocalKube, shown: dict[str, Any]) -> None:
    kube.kubectl("wait", "--for=condition=Ready", "--timeout=5s", "cc/shown")
    raw = kube.kubectl(
        "get", "--raw", "/apis/scrubjay.dev/v1alpha1/namespaces/default/cacheclusters/shown/scale"
    ).stdout
    scale = json.loads(raw)
    assert scale["spec"]["replicas"] == 1
    assert scale["status"] == {"replicas": 1, "selector": "scrubjay.dev/cluster=shown"}


def test_users_cannot_write_the_status_nor_the_operator_the_spec_through_it(
    kube: LocalKube, shown: dict[str, Any]
) -> None:
    kube.kubectl("patch", "cc", "shown", "--type=merge", "-p", '{"status":{"phase":"Stalled"}}')
    patch = '{"spec":{"replicasPerShard":4}}'
    kube.kubectl("patch", "cc", "shown", "--subresource=status", "--type=merge", "-p", patch)
    after = CacheCluster.read(json.loads(kube.kubectl("get", "cc", "shown", "-o", "json").stdout))
    assert str(after.status.phase) == "Ready"
    assert after.spec.replicas_per_shard == 1


def test_every_field_is_explained(kube: LocalKube) -> None:
    lines = kube.kubectl("explain", "cc.spec", "--recursive").stdout
    for field in CacheClusterSpec.model_json_schema()["properties"]:
        assert field in lines
    assert "<no description>" not in kube.kubectl("explain", "cc.spec.access").stdout


@pytest.mark.parametrize("path", sorted((REPO / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_examples_are_taken(kube: LocalKube, path: Path) -> None:
    kube.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", path)


def test_every_resource_shown_in_the_guide_is_taken(kube: LocalKube) -> None:
    pages = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
    shown = {page: re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE) for page in pages}
    resources = [block for blocks in shown.values() for block in blocks if "apiVersion: scrubjay.dev/" in block]
    assert len(resources) >= 4
    for block in resources:
        kube.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=block)
