"""The pod template of a data pod: one engine, under Pod Security's "restricted".

Used by `statefulset.py`. https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from dataclasses import dataclass
from typing import Any, Final

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.api.spec import Spread
from scrubjay_operator.objects import config
from scrubjay_operator.objects.metadata import Manifest

TERMINATION_SECONDS: Final = 30  # to write what is buffered; nothing is saved to disk
PRE_STOP_SECONDS: Final = 2  # a leaving pod serves on while Services forget it


@dataclass(frozen=True, slots=True)
class EngineDefaults:
    """What the operator was installed with, for what the spec leaves open."""

    image: str
    pull_policy: str = "IfNotPresent"


def template(cluster: CacheCluster, shard: int, defaults: EngineDefaults) -> Manifest:
    """`template` of the StatefulSet. Whatever changes in it makes the operator roll the pods."""
    return {
        "metadata": {
            "labels": names.shard_labels(cluster.name, shard),
            "annotations": {names.ANNOTATION_CONFIG_HASH: config.restart_hash(cluster)},
        },
        "spec": _pod_spec(cluster, shard, defaults),
    }


def _pod_spec(cluster: CacheCluster, shard: int, defaults: EngineDefaults) -> Manifest:
    spec: Manifest = {
        "serviceAccountName": names.service_account(cluster.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a variable for each Service of the namespace would be inherited by the engine
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": names.USER_ID,
            "runAsGroup": names.USER_ID,
            "fsGroup": names.USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(cluster, defaults)],
        "volumes": [
            {"name": names.VOLUME_CONFIG, "configMap": {"name": names.config_map(cluster.name)}},
            {
                "name": names.VOLUME_AUTH,
                "secret": {"secretName": names.auth_secret(cluster.name), "defaultMode": 0o440},
            },
            {"name": names.VOLUME_DATA, "emptyDir": {}},
            {"name": names.VOLUME_TMP, "emptyDir": {}},
        ],
    }
    if cluster.spec.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": reference.name} for reference in cluster.spec.image_pull_secrets]
    return spec | _placement(cluster, shard)


def _container(cluster: CacheCluster, defaults: EngineDefaults) -> Manifest:
    spec = cluster.spec
    return {
        "name": names.CONTAINER,
        "image": spec.image or defaults.image,
        "imagePullPolicy": str(spec.image_pull_policy or defaults.pull_policy),
        "command": ["scrubjay-engine"],
        "args": [f"{names.CONFIG_DIRECTORY}/{names.CONFIG_FILE}", "--managed", "yes", "--node-id", "$(POD_UID)"],
        "env": [{"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}],
        "ports": [
            {"name": names.PORT_NAME_CLIENT, "containerPort": names.PORT_CLIENT, "protocol": "TCP"},
            {"name": names.PORT_NAME_ADMIN, "containerPort": names.PORT_ADMIN, "protocol": "TCP"},
            {"name": names.PORT_NAME_HTTP, "containerPort": names.PORT_HTTP, "protocol": "TCP"},
        ],
        "resources": spec.resources.to_json(),
        # Loading may take long, and an overloaded engine is slow to answer but must not be killed for it: a minute of
        # silence is a hang.
        "startupProbe": _probe(names.PATH_LIVE, period=1, timeout=5, failures=900),
        "livenessProbe": _probe(names.PATH_LIVE, period=10, timeout=5, failures=6),
        "readinessProbe": _probe(names.PATH_READY, period=1, timeout=3, failures=3),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": names.VOLUME_CONFIG, "mountPath": names.CONFIG_DIRECTORY, "readOnly": True},
            {"name": names.VOLUME_AUTH, "mountPath": names.AUTH_DIRECTORY, "readOnly": True},
            {"name": names.VOLUME_DATA, "mountPath": names.DATA_DIRECTORY},
            {"name": names.VOLUME_TMP, "mountPath": "/tmp"},
        ],
    }


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": names.PORT_NAME_HTTP},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def _placement(cluster: CacheCluster, shard: int) -> Manifest:
    placement = cluster.spec.placement
    result: Manifest = {"topologySpreadConstraints": _spread(cluster, shard)}
    if placement.node_selector:
        result["nodeSelector"] = dict(placement.node_selector)
    if placement.tolerations:
        result["tolerations"] = [toleration.to_json() for toleration in placement.tolerations]
    if placement.affinity is not None:
        result["affinity"] = placement.affinity.to_json()
    if placement.priority_class_name:
        result["priorityClassName"] = placement.priority_class_name
    return result


def _spread(cluster: CacheCluster, shard: int) -> list[dict[str, Any]]:
    wanted = cluster.spec.placement.zone_spread
    unsatisfiable = "DoNotSchedule" if wanted is Spread.REQUIRED else "ScheduleAnyway"
    keys = ["kubernetes.io/hostname"]
    if wanted is not Spread.DISABLED:
        keys.insert(0, "topology.kubernetes.io/zone")
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": unsatisfiable,
            "nodeTaintsPolicy": "Honor",  # a node that is down does not count as an empty place
            "labelSelector": {"matchLabels": names.shard_selector(cluster.name, shard)},
        }
        for key in keys
    ]
