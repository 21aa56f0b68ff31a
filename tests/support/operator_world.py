"""What tests of the operator hold: a copy of its process, and a namespace with the questions that they ask about it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_kubelet import FakeKubelet
from localkube.cluster import LocalKube

DEADLINE_S = 30.0


class OperatorProcess:
    """One copy of the operator."""

    def __init__(self, name: str, port: int, log: Path) -> None:
        self.name, self.port, self.log = name, port, log
        environment = os.environ | {
            "SCRUBJAY_ENGINE_IMAGE": "scrubjay-engine:test",
            "SCRUBJAY_HTTP_PORT": str(port),
            "SCRUBJAY_POD_NAME": name,
        }
        self._file = log.open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scrubjay_operator"], env=environment, stdout=self._file, stderr=subprocess.STDOUT
        )

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(15)
        finally:
            self.kill()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._file.close()


class World:
    """A namespace with clusters in it, and the questions that tests ask."""

    def __init__(self, kube: LocalKube, kubelet: FakeKubelet, namespace: str) -> None:
        self.kube, self.kubelet, self.namespace = kube, kubelet, namespace

    def apply(self, name: str, **spec: Any) -> None:
        body = {"apiVersion": "scrubjay.dev/v1alpha1", "kind": "CacheCluster", "metadata": {"name": name}, "spec": spec}
        self.kube.kubectl("-n", self.namespace, "apply", "-f", "-", stdin=json.dumps(body))

    def get(self, kind: str, name: str = "", *more: str) -> dict[str, Any]:
        found = self.kube.kubectl(
            "-n", self.namespace, "get", kind, *([name] if name else []), "-o", "json", *more, check=False
        )
        parsed: dict[str, Any] = json.loads(found.stdout) if found.returncode == 0 else {}
        return parsed

    def kubectl(self, *arguments: str) -> str:
        return self.kube.kubectl("-n", self.namespace, *arguments).stdout

    def condition(self, name: str, kind: str) -> dict[str, str]:
        conditions = self.get("cachecluster", name).get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {"status": "", "message": "", "reason": ""})

    def ready(self, name: str) -> bool:
        body = self.get("cachecluster", name)
        status = body.get("status", {})
        current = status.get("observedGeneration") == body["metadata"]["generation"]
        return current and any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))

    def until(self, what: str, true: Callable[[], object], within: float = DEADLINE_S) -> Any:
        """Ask again and again until the answer is yes; fails with the present state of the clusters."""
        end = time.monotonic() + within
        while True:
            found = true()
            if found:
                return found
            if time.monotonic() > end:
                state = self.kubectl("get", "cachecluster,pods,statefulsets", "-o", "wide")
                pytest.fail(
                    f"not within {within:.0f} s: {what}\n{state}\n{json.dumps(self.get('cachecluster'), indent=1)[-3000:]}"
                )
            time.sleep(0.1)

    def until_ready(self, name: str) -> None:
        self.until(f"{name} is Ready", lambda: self.ready(name))
