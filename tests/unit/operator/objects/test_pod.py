"""The pod template: Pod Security's "restricted", placement, probes, and what makes it change."""

from typing import Any

import pytest

from clusters import DEFAULTS, cache_cluster
from scrubjay_operator.api import names
from scrubjay_operator.objects import pod, statefulset


def template(spec: dict[str, Any] | None = None) -> dict[str, Any]:
    return pod.template(cache_cluster(spec), 0, DEFAULTS)


def engine(spec: dict[str, Any] | None = None) -> dict[str, Any]:
    (container,) = template(spec)["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def test_restricted() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, rule by rule."""
    spec = template()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = engine()["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} <= {
        "configMap",
        "secret",
        "emptyDir",
    }
    assert spec["automountServiceAccountToken"] is False


def test_the_engine_is_told_who_it_is() -> None:
    container = engine()
    assert container["command"] == ["scrubjay-engine"]
    assert container["args"] == ["/etc/scrubjay/scrubjay.conf", "--managed", "yes", "--node-id", "$(POD_UID)"]
    assert container["env"] == [{"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}]


def test_secrets_are_files_never_arguments_or_variables() -> None:
    protected = {"access": {"defaultUser": "Password"}}
    assert "auth" not in str(engine(protected)["args"]) + str(engine(protected)["env"])
    assert template(protected) == template()  # opening and closing a cluster changes no pod


def test_everything_mounted_exists_and_all_that_is_written_to_is_writable() -> None:
    volumes = {volume["name"] for volume in template()["spec"]["volumes"]}
    mounts = engine()["volumeMounts"]
    assert {mount["name"] for mount in mounts} == volumes
    assert {mount["mountPath"] for mount in mounts if not mount.get("readOnly")} == {"/data", "/tmp"}


def test_probes_ask_the_http_port_and_a_busy_engine_is_not_killed() -> None:
    container = engine()
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": "http"}
    live = container["livenessProbe"]
    assert live["periodSeconds"] * live["failureThreshold"] >= 60
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"redis": 6379, "admin": 7379, "http": 9121}


@pytest.mark.parametrize(
    ("spread", "keys", "unsatisfiable"),
    [
        ("Preferred", ["topology.kubernetes.io/zone", "kubernetes.io/hostname"], "ScheduleAnyway"),
        ("Required", ["topology.kubernetes.io/zone", "kubernetes.io/hostname"], "DoNotSchedule"),
        ("Disabled", ["kubernetes.io/hostname"], "ScheduleAnyway"),
    ],
)
def test_spread(spread: str, keys: list[str], unsatisfiable: str) -> None:
    constraints = template({"placement": {"zoneSpread": spread}})["spec"]["topologySpreadConstraints"]
    assert [constraint["topologyKey"] for constraint in constraints] == keys
    assert {constraint["whenUnsatisfiable"] for constraint in constraints} == {unsatisfiable}
    for constraint in constraints:
        assert constraint["labelSelector"]["matchLabels"] == names.shard_selector("sessions", 0)


def test_placement_is_handed_on_as_written() -> None:
    toleration = {
        "key": "dedicated",
        "operator": "Equal",
        "value": "cache",
        "effect": "NoExecute",
        "tolerationSeconds": 5,
    }
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
            }
        },
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 5, "podAffinityTerm": {"topologyKey": "rack", "labelSelector": {"matchLabels": {"a": "b"}}}}
            ]
        },
    }
    placement = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [toleration],
        "affinity": affinity,
        "priorityClassName": "high",
    }
    spec = template({"placement": placement})["spec"]
    assert {key: spec[key] for key in placement} == placement
    assert not set(placement) & set(template()["spec"])


def test_image_of_the_spec_goes_before_the_operators() -> None:
    assert (engine()["image"], engine()["imagePullPolicy"]) == ("scrubjay-engine:test", "IfNotPresent")
    own = {
        "image": "registry.example.com/engine:2",
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "pull"}],
    }
    assert (engine(own)["image"], engine(own)["imagePullPolicy"]) == ("registry.example.com/engine:2", "Always")
    assert template(own)["spec"]["imagePullSecrets"] == [{"name": "pull"}]


def test_resources_are_handed_on_as_written() -> None:
    resources = {"limits": {"memory": "1Gi", "ephemeral-storage": "2Gi"}, "requests": {"cpu": "1"}}
    assert engine({"resources": resources})["resources"] == resources


@pytest.mark.parametrize(
    ("spec", "rolls"),
    [
        ({"parameters": {"maxclients": 77}}, False),
        ({"memory": {"reservedPercent": 50}}, False),
        ({"replicasPerShard": 3}, False),
        ({"service": {"type": "LoadBalancer"}}, False),
        ({"parameters": {"databases": 4}}, True),
        ({"image": "other"}, True),
        ({"resources": {"limits": {"memory": "2Gi"}}}, True),
    ],
)
def test_pods_are_rolled_only_for_what_needs_it(spec: dict[str, Any], rolls: bool) -> None:
    assert (template(spec) != template()) is rolls


def test_statefulset_is_rolled_by_the_operator_alone() -> None:
    cluster = cache_cluster({"replicasPerShard": 3})
    spec = statefulset.build(cluster, 0, DEFAULTS)["spec"]
    assert spec["replicas"] == 4
    assert spec["updateStrategy"] == {"type": "OnDelete"}
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["serviceName"] == "sessions-nodes"
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert names.LABEL_ROLE not in spec["template"]["metadata"]["labels"]  # a new pod has no role until it is given one
