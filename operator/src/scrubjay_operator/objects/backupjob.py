"""Jobs that run the backup program: `NAME-backup` takes one, `NAME-remove` deletes its data.

The program's exit status tells what another attempt is worth: 1 may pass, 2 will not, so the Job fails at once. A pod that was killed is replaced, and
the new one clears what the old one left.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from scrubjay_operator.api import names
from scrubjay_operator.api.backuptemplate import Compression
from scrubjay_operator.api.cachebackup import CacheBackup
from scrubjay_operator.api.destination import MOUNT, Destination
from scrubjay_operator.objects.metadata import Manifest

LABEL_BACKUP: Final = f"{names.GROUP}/backup"
CONTAINER: Final = "backup"
KEY_DIRECTORY: Final = "/etc/scrubjay-key"
KEY_FILE: Final = "key"
LONGEST_S: Final = 24 * 3600
PODS_TRIED: Final = 3


@dataclass(frozen=True, slots=True)
class Program:
    """The operator's own image, in which the backup program is."""

    image: str
    pull_policy: str = "IfNotPresent"


UNKNOWN: Final = Program("")  # the operator was not told: nothing can be started


@dataclass(frozen=True, slots=True)
class Source:
    """What a backup is taken of: the nodes of each shard, and the spec that goes into the manifest."""

    cluster: str
    shards: dict[str, tuple[str, ...]]
    spec: dict[str, Any]


def take_name(backup: str) -> str:
    return f"{backup}-backup"


def remove_name(backup: str) -> str:
    return f"{backup}-remove"


def take(backup: CacheBackup, source: Source, program: Program) -> Manifest:
    """The Job that takes the backup."""
    words = ["take", "--to", backup.location, "--name", backup.name]
    words += ["--cluster", f"{backup.namespace}/{source.cluster}"]
    for shard, nodes in source.shards.items():
        words += ["--shard", f"{shard}={','.join(nodes)}"]
    if backup.spec.compression is Compression.NONE:
        words.append("--no-compression")
    environment: list[dict[str, Any]] = [
        {
            "name": "SCRUBJAY_PASSWORD",
            "valueFrom": {
                "secretKeyRef": {
                    "name": names.auth_secret(source.cluster),
                    "key": names.AUTH_PASSWORD_KEY,
                    "optional": True,
                }
            },
        },
        {"name": "SCRUBJAY_CLUSTER_SPEC", "value": json.dumps(source.spec, sort_keys=True)},
    ]
    return _job(backup, take_name(backup.name), words, environment, program)


def remove(backup: CacheBackup, program: Program) -> Manifest:
    """The Job that deletes the backup's data."""
    return _job(backup, remove_name(backup.name), ["remove", "--at", backup.location], [], program)


def _job(
    backup: CacheBackup, name: str, words: list[str], environment: list[dict[str, Any]], program: Program
) -> Manifest:
    labels = {
        names.LABEL_NAME: names.APP_NAME,
        names.LABEL_COMPONENT: "backup",
        names.LABEL_MANAGED_BY: names.OPERATOR,
        LABEL_BACKUP: backup.name,
    }
    content = pod(words, environment, program, service_account=backup.spec.service_account_name)
    reach(content, backup.spec.destination)
    if backup.spec.encryption is not None:
        secret = backup.spec.encryption.key_secret
        use_key(content, secret.name, secret.key)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": backup.namespace,
            "labels": labels,
            "ownerReferences": [backup.owner_reference()],
        },
        "spec": job_spec(labels, content),
    }


def job_spec(labels: dict[str, str], content: Manifest) -> Manifest:
    """`spec` of a Job with this pod: it is tried PODS_TRIED times, unless the program says that it is of no use."""
    stops = {"containerName": CONTAINER, "operator": "In", "values": [2]}
    return {
        "backoffLimit": PODS_TRIED - 1,
        "activeDeadlineSeconds": LONGEST_S,
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": stops}]},
        "template": {"metadata": {"labels": labels}, "spec": content},
    }


def pod(
    words: list[str], environment: list[dict[str, Any]], program: Program, *, service_account: str | None
) -> Manifest:
    """The pod of the program, before it is told where to go (`reach`) and what key to use (`use_key`)."""
    content: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": service_account is not None,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 60,  # to remove what was stored so far
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": names.USER_ID,
            "runAsGroup": names.USER_ID,
            "fsGroup": names.USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(words, environment, program)],
        "volumes": [{"name": names.VOLUME_TMP, "emptyDir": {}}],
    }
    if service_account is not None:
        content["serviceAccountName"] = service_account
    return content


def container(words: list[str], environment: list[dict[str, Any]], program: Program) -> Manifest:
    """The program in a pod under Pod Security's "restricted"."""
    return {
        "name": CONTAINER,
        "image": program.image,
        "imagePullPolicy": program.pull_policy,
        "command": ["python", "-m", "scrubjay_operator.backup"],
        "args": words,
        "env": list(environment),
        "envFrom": [],
        "terminationMessagePolicy": "File",
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": names.VOLUME_TMP, "mountPath": "/tmp"}],
    }


def reach(pod: Manifest, destination: Destination) -> None:
    """Give a pod what it needs to reach the place: variables and credentials, or the volume."""
    program = pod["containers"][0]
    if destination.volume is not None:
        claim = {"claimName": destination.volume.claim_name}
        pod["volumes"].append({"name": "backups", "persistentVolumeClaim": claim})
        program["volumeMounts"].append({"name": "backups", "mountPath": MOUNT})
        return
    s3 = destination.s3
    assert s3 is not None
    chosen = {
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_REGION": s3.region,
        "AWS_SERVER_SIDE_ENCRYPTION": s3.server_side_encryption,
        "AWS_SSE_KMS_KEY_ID": s3.kms_key_id,
    }
    program["env"] += [{"name": name, "value": value} for name, value in chosen.items() if value is not None]
    if s3.credentials_secret is not None:
        program["envFrom"].append({"secretRef": {"name": s3.credentials_secret}})


def use_key(pod: Manifest, secret: str, key: str) -> None:
    """Mount the encryption key and tell the program where it is."""
    program = pod["containers"][0]
    items = [{"key": key, "path": KEY_FILE}]
    pod["volumes"].append({"name": "key", "secret": {"secretName": secret, "items": items, "defaultMode": 0o440}})
    program["volumeMounts"].append({"name": "key", "mountPath": KEY_DIRECTORY, "readOnly": True})
    program["args"] = ["--key-file", f"{KEY_DIRECTORY}/{KEY_FILE}", *program["args"]]
