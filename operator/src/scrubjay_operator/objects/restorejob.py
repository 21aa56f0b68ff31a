"""The Job that gives a backup to the first node of a new cluster: `C-restore-XXXXXX`.

Named after its own content: a Job cannot be changed, so another limit of memory, for one, makes another Job. It is a child of the cluster while there is something to restore, and goes with it.
"""

import hashlib
import json
from dataclasses import dataclass

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.api.destination import Destination, Encryption
from scrubjay_operator.objects import backupjob
from scrubjay_operator.objects.backupjob import Program
from scrubjay_operator.objects.config import memory_options
from scrubjay_operator.objects.metadata import Manifest, metadata

PODS_TRIED = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data lies: the program's URL, or `rdb`, a file below it."""

    destination: Destination
    url: str
    encryption: Encryption | None = None
    rdb: str | None = None
    service_account: str | None = None


def build(cluster: CacheCluster, place: Place, program: Program) -> Manifest:
    """The Job."""
    words = ["serve", "--from", place.url, "--port", str(names.PORT_CLIENT)]
    words += ["--memory", memory_options(cluster)["maxmemory"]]
    words += ["--rdb", place.rdb] if place.rdb is not None else ["--shard", "shard-0"]
    labels = {
        names.LABEL_NAME: names.APP_NAME,
        names.LABEL_COMPONENT: "restore",
        names.LABEL_MANAGED_BY: names.OPERATOR,
    }
    pod = backupjob.pod(words, [], program, service_account=place.service_account)
    probe = {"tcpSocket": {"port": names.PORT_CLIENT}, "periodSeconds": 1}
    pod["containers"][0]["readinessProbe"] = probe
    pod["terminationGracePeriodSeconds"] = 5
    backupjob.reach(pod, place.destination)
    if place.encryption is not None:
        backupjob.use_key(pod, place.encryption.key_secret.name, place.encryption.key_secret.key)
    spec = backupjob.job_spec(labels, pod)
    mark = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:6]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(cluster, f"{cluster.name}-restore-{mark}"),
        "spec": spec,
    }
