"""The desired manifests on a real API server: fields are known, "restricted" is kept, twice changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from clusters import DEFAULTS, cache_cluster
from localkube.cluster import LocalKube
from scrubjay_operator.api import names
from scrubjay_operator.objects.desired import children

FULL = {
    "replicasPerShard": 2,
    "imagePullSecrets": [{"name": "pull"}],
    "parameters": {"maxclients": 500},
    "placement": {
        "zoneSpread": "Required",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 5,
                        "podAffinityTerm": {"topologyKey": "rack", "labelSelector": {"matchLabels": {"a": "b"}}},
                    }
                ]
            }
        },
    },
    "access": {"defaultUser": "Password"},
    "service": {"type": "NodePort", "annotations": {"a": "b"}},
}


@pytest.fixture(scope="module")
def shop(bare_kube: LocalKube) -> Iterator[LocalKube]:
    """A namespace where Pod Security enforces "restricted" and warns of templates that break it."""
    bare_kube.kubectl("create", "namespace", "shop")
    levels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    bare_kube.kubectl("label", "namespace", "shop", *levels)
    yield bare_kube
    bare_kube.kubectl("delete", "namespace", "shop", "--wait=false")


def apply(kube: LocalKube, manifests: list[dict[str, Any]]) -> str:
    """As the operator does: server-side, one manager, strict. What kubectl says, warnings included."""
    flags = ("--server-side", f"--field-manager={names.FIELD_MANAGER}", "--validate=strict")
    done = kube.kubectl(
        "apply", *flags, "-f", "-", stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": manifests})
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("spec", [{}, FULL], ids=["default", "full"])
def test_taken_without_a_warning_and_unchanged_the_second_time(shop: LocalKube, spec: dict[str, Any]) -> None:
    name = "full" if spec else "plain"
    manifests = children(cache_cluster(spec, name=name), DEFAULTS, password="secret", reader_from_primary=False)
    for manifest in manifests:
        del manifest["metadata"][
            "ownerReferences"
        ]  # there is no such owner here: the garbage collector would take it away
    assert "Warning" not in apply(shop, manifests)
    before = versions(shop, manifests)
    apply(shop, manifests)
    assert versions(shop, manifests) == before


def versions(kube: LocalKube, manifests: list[dict[str, Any]]) -> dict[str, tuple[str, int]]:
    """resourceVersion, but for kinds whose controllers write their status; generation of all."""
    found = {}
    for manifest in manifests:
        path = f"{manifest['kind']}/{manifest['metadata']['name']}"
        stored = json.loads(kube.kubectl("get", path, "--namespace=shop", "-o", "json").stdout)["metadata"]
        settled = manifest["kind"] not in ("StatefulSet", "PodDisruptionBudget")
        found[path] = (stored["resourceVersion"] if settled else "", stored.get("generation", 0))
    return found


def test_pods_of_the_template_are_admitted_under_restricted(shop: LocalKube) -> None:
    manifests = children(cache_cluster(name="admitted"), DEFAULTS, password=None, reader_from_primary=True)
    template = manifests[-1]["spec"]["template"]
    apply(shop, [{**manifests[0], "metadata": {"name": "admitted-nodes", "namespace": "shop"}}])
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", **template["metadata"]},
        "spec": template["spec"],
    }
    shop.kubectl("create", "--dry-run=server", "--namespace=shop", "-f", "-", stdin=json.dumps(body))


def test_any_change_of_the_spec_can_be_applied_to_what_is_there(shop: LocalKube) -> None:
    """No change meets a field that Kubernetes does not let change, and what is taken out of the spec goes."""
    for spec in ({}, FULL, {"service": {"type": "LoadBalancer"}, "image": "other:1", "replicasPerShard": 0}, {}):
        manifests = children(cache_cluster(spec, name="changed"), DEFAULTS, password=None, reader_from_primary=False)
        for manifest in manifests:
            del manifest["metadata"]["ownerReferences"]
        assert "Warning" not in apply(shop, manifests)
    service = stored(shop, "service/changed")
    assert service["spec"]["type"] == "ClusterIP"
    assert "nodePort" not in service["spec"]["ports"][0]
    assert "annotations" not in service["metadata"]
    pod = stored(shop, "statefulset/changed-0")["spec"]["template"]["spec"]
    assert not {"tolerations", "affinity", "nodeSelector", "imagePullSecrets"} & set(pod)


def stored(kube: LocalKube, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kube.kubectl("get", path, "--namespace=shop", "-o", "json").stdout)
    return found
