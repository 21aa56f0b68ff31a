"""A real S3 server (versitygw) as a pod with a Service, for e2e tests of backups."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kube import Kube
from localkube import programs
from s3_server import ACCESS, SECRET

IMAGE = "localhost/scrubjay-s3:dev"
DOCKERFILE = "FROM scratch\nCOPY versitygw /versitygw\nUSER 65532:65532\n"
PORT = 7070


def put_image(kube: Kube) -> None:
    """Build the image of the server and put it on the nodes."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(programs.tool("versitygw"), folder)
        Path(folder, "Dockerfile").write_text(DOCKERFILE)
        kube.put_image(IMAGE, Path(folder), Path(folder, "Dockerfile"))


@dataclass(frozen=True)
class Store:
    """A running server, in the namespace of the test. Its buckets are folders of an emptyDir."""

    kube: Kube
    namespace: str
    name: str = "store"
    secret: str = "store-credentials"

    @property
    def endpoint(self) -> str:
        return f"http://{self.name}.{self.namespace}.svc:{PORT}"

    def destination(self, bucket: str, secret: str = "") -> dict[str, object]:
        """`destination` of a CacheBackup."""
        s3 = {
            "bucket": bucket,
            "prefix": "nightly",
            "endpoint": self.endpoint,
            "credentialsSecret": secret or self.secret,
        }
        return {"s3": s3}

    def start(self, *buckets: str) -> None:
        """Start it, with these buckets."""
        labels = {"app": self.name}
        self.credentials(self.secret, SECRET)
        folders = [
            {
                "name": f"bucket-{number}",
                "image": IMAGE,
                "imagePullPolicy": "Never",
                "command": ["/versitygw", "--version"],
                "volumeMounts": [{"name": "data", "mountPath": f"/data/{bucket}", "subPath": bucket}],
            }
            for number, bucket in enumerate(buckets)
        ]
        words = ["/versitygw", "--port", f":{PORT}", "--access", ACCESS, "--secret", SECRET, "--iam-dir", "/accounts"]
        server = {
            "name": "s3",
            "image": IMAGE,
            "imagePullPolicy": "Never",
            "command": [*words, "posix", "--nometa", "/data"],
            "ports": [{"containerPort": PORT}],
            "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "accounts", "mountPath": "/accounts"}],
        }
        pod = {
            "securityContext": {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532},
            "initContainers": folders,
            "containers": [server],
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "accounts", "emptyDir": {}}],
        }
        self.kube.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name, "labels": labels}, "spec": pod},
            self.namespace,
        )
        service = {"selector": labels, "ports": [{"port": PORT}]}
        self.kube.apply(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": self.name}, "spec": service}, self.namespace
        )
        self.kube.wait(f"pod/{self.name}", "condition=Ready", self.namespace)

    def credentials(self, name: str, secret: str) -> None:
        """A Secret with credentials."""
        data = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": secret}
        self.kube.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}, self.namespace
        )
