"""All children together: names, owners, labels, Services, the Secret."""

import base64
from typing import Any

import pytest

from clusters import DEFAULTS, cache_cluster
from scrubjay_operator.api import names
from scrubjay_operator.objects import secret, service
from scrubjay_operator.objects.desired import children


def built(spec: dict[str, Any] | None = None, **options: Any) -> dict[tuple[str, str], dict[str, Any]]:
    wanted = {"password": None, "reader_from_primary": False} | options
    manifests = children(cache_cluster(spec), DEFAULTS, **wanted)
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}


def test_the_children_by_name() -> None:
    assert list(built()) == [
        ("ServiceAccount", "sessions-nodes"),
        ("Secret", "sessions-auth"),
        ("ConfigMap", "sessions-config"),
        ("Service", "sessions-nodes"),
        ("Service", "sessions"),
        ("Service", "sessions-reader"),
        ("PodDisruptionBudget", "sessions-0"),
        ("StatefulSet", "sessions-0"),
    ]
    assert ("ServiceMonitor", "sessions") in built({"metrics": {"serviceMonitor": True}})


def test_each_is_owned_labelled_and_in_the_namespace() -> None:
    for manifest in built({"metrics": {"serviceMonitor": True}}).values():
        metadata = manifest["metadata"]
        assert metadata["namespace"] == "shop"
        assert metadata["ownerReferences"] == [cache_cluster().owner_reference()]
        assert names.labels("sessions").items() <= metadata["labels"].items()


def test_building_twice_gives_the_same() -> None:
    assert built() == built()


def test_only_the_roles_decide_what_clients_reach() -> None:
    cluster = cache_cluster()
    assert service.primary(cluster)["spec"]["selector"] == names.role_selector("sessions", "primary")
    assert service.reader(cluster, from_primary=False)["spec"]["selector"] == names.role_selector("sessions", "replica")
    assert service.reader(cluster, from_primary=True)["spec"]["selector"] == names.role_selector("sessions", "primary")
    for client_service in (service.primary(cluster), service.reader(cluster, from_primary=False)):
        assert [port["port"] for port in client_service["spec"]["ports"]] == [6379]  # never the admin port
        assert "publishNotReadyAddresses" not in client_service["spec"]


def test_headless_service_names_pods_that_are_not_ready_and_is_never_exposed() -> None:
    spec = service.headless(cache_cluster({"service": {"type": "LoadBalancer"}}))["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["type"] == "ClusterIP"
    assert spec["publishNotReadyAddresses"] is True
    assert {port["name"]: port["port"] for port in spec["ports"]} == {"redis": 6379, "admin": 7379, "http": 9121}


def test_service_type_and_annotations_are_the_users() -> None:
    spec = {"service": {"type": "LoadBalancer", "annotations": {"cloud": "internal"}}}
    manifests = built(spec)
    for name in ("sessions", "sessions-reader"):
        assert manifests["Service", name]["spec"]["type"] == "LoadBalancer"
        assert manifests["Service", name]["metadata"]["annotations"] == {"cloud": "internal"}
    assert "annotations" not in manifests["Service", "sessions-nodes"]["metadata"]


def test_disruption_budget_takes_one_pod_of_a_shard_at_a_time() -> None:
    spec = built()["PodDisruptionBudget", "sessions-0"]["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"]["matchLabels"] == names.shard_selector("sessions", 0)


def decoded(manifest: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in manifest["data"].items()}


def test_secret_without_a_password() -> None:
    manifest = secret.build(cache_cluster(), None)
    assert list(decoded(manifest)) == ["auth.conf"]
    assert all(line.startswith("#") for line in decoded(manifest)["auth.conf"].splitlines())
    assert secret.read_password(manifest) is None


@pytest.mark.parametrize("password", ["plain", 'quo"te \\ and space', "pässwörd", "#hash"])
def test_secret_with_a_password(password: str) -> None:
    manifest = secret.build(cache_cluster(), password)
    assert decoded(manifest)["password"] == password
    assert secret.read_password(manifest) == password
    first, second = decoded(manifest)["auth.conf"].splitlines()
    assert first.startswith("requirepass ")
    assert second.startswith("masterauth ")


def test_an_empty_password_does_not_open_the_cache() -> None:
    with pytest.raises(ValueError, match="would let everybody in"):
        secret.build(cache_cluster(), "")


def test_new_passwords_are_long_and_never_the_same() -> None:
    made = {secret.new_password() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 43
