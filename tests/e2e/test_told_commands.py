"""What we tell people to type, typed: the lines that `make demo` prints at its end."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import demo_hints
from cache import Caches
from kube import REPO, ClientPod


def test_what_the_demo_tells_to_type_works(caches: Caches, client: ClientPod, tmp_path: Path) -> None:
    kube = caches.kube
    kube.apply(REPO / "examples" / "quickstart.yaml", caches.namespace)
    caches.wait_ready("quickstart")
    config = tmp_path / "kubeconfig"  # a copy: its namespace is the test's
    shutil.copy(kube.kubeconfig, config)
    environment = kube.environment | {"KUBECONFIG": str(config)}
    set_namespace = ("kubectl", "config", "set-context", kube.context, f"--namespace={caches.namespace}")
    subprocess.run(set_namespace, env=environment, check=True, capture_output=True)
    subprocess.run(("kubectl", "config", "use-context", kube.context), env=environment, check=True, capture_output=True)
    typed = demo_hints.commands(config, kube.path, "quickstart")
    assert len(typed) == 6
    for line in typed:
        done = subprocess.run(
            line, check=False, shell=True, env=environment, input="PING\n", capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout.strip(), f"{line}: prints nothing ({done.stderr})"
    caches.wait_ready("quickstart")
    assert caches.roles("quickstart")["quickstart-0-0"] == "replica", "the primary was lost, and another took over"
