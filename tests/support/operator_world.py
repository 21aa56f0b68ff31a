"""What tests of the operator hold: a copy of its process, and a namespace with the questions that they ask about it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_kubelet import FakeKubelet
from localkube.cluster import LocalKube

DEADLINE_S = 30.0


class OperatorProcess:
    """One copy of the operator, which can be stopped, killed and started again."""

    def __init__(self, name: str, port: int, log: Path) -> None:
        self.name, self.port, self.log = name, port, log
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until its HTTP port answers."""
        environment = os.environ | {
            "SCRUBJAY_ENGINE_IMAGE": "scrubjay-engine:test",
            "SCRUBJAY_HTTP_PORT": str(self.port),
            "SCRUBJAY_POD_NAME": self.name,
        }
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "scrubjay_operator"]
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + DEADLINE_S
        while self._ask("healthz") is None:
            if self._process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the operator did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> int:
        """SIGTERM, as Kubernetes ends a pod. Returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.crash()
            pytest.fail("the operator did not end within 15 s of SIGTERM")

    def crash(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """A new process; the old one is ended as Kubernetes would, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self.start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series with these labels."""
        total = 0.0
        for line in (self._ask("metrics") or "").splitlines():
            series, _, value = line.rpartition(" ")
            if series.split("{")[0] == name and all(f'{key}="{text}"' in series for key, text in labels.items()):
                total += float(value)
        return total

    def _ask(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return None


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

    def writes(self, mark: int) -> list[str]:
        """What the operator wrote since the mark, anywhere: verb, resource and name."""
        found = self.kube.audit.writes(mark, agent="scrubjay-operator")
        return [f"{write.verb} {write.resource} {write.namespace}/{write.name}" for write in found]

    def own_writes(self, mark: int) -> list[str]:
        """What the operator wrote since the mark in this namespace."""
        return [write for write in self.writes(mark) if f" {self.namespace}/" in write]

    def roles(self) -> dict[str, str]:
        """Role labels by pod."""
        pods = self.get("pods").get("items", [])
        return {pod["metadata"]["name"]: pod["metadata"]["labels"].get("scrubjay.dev/role", "") for pod in pods}

    def events(self, reason: str) -> list[str]:
        """Messages of the cluster's Events of this reason."""
        items = self.get("events").get("items", [])
        return [event["message"] for event in items if event["reason"] == reason]

    def until_ready(self, name: str) -> None:
        self.until(f"{name} is Ready", lambda: self.ready(name))
