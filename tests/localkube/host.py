"""The host that a local Kubernetes runs on: running commands, telling what is going on, installing what is missing.

Everything that starts a program or prints progress goes through here; which programs, and why, is said elsewhere
(``programs`` builds Go programs, ``images`` calls buildah, ``processes`` keeps daemons).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# command -> the Debian package that brings it
NODE_COMMANDS = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ipset": "ipset",
    "ip": "iproute2",
    "nsenter": "util-linux",
}
IMAGE_COMMANDS = {
    "buildah": "buildah",
    "runc": "runc",
    "debootstrap": "debootstrap",
    "/bin/busybox": "busybox-static",
    "gcc": "gcc",
    "/usr/include/stdlib.h": "libc6-dev",
}
BEAT = 15.0  # seconds between two lines of a step that takes long


class LocalkubeError(Exception):
    """Something that the person has to know; its text says what happened and what to do."""


def say(message: str) -> None:
    """A line of progress, on standard error: standard output is for results."""
    print(f"localkube: {message}", file=sys.stderr, flush=True)


@contextmanager
def step(what: str, expect: str = "") -> Iterator[None]:
    """Show a step that may take more than two seconds: its beginning, a beat while it runs, and how long it took."""
    began = time.monotonic()
    over = threading.Event()

    def beat() -> None:
        if over.wait(2.0):
            return
        say(f"{what} ...{f' ({expect})' if expect else ''}")
        while not over.wait(BEAT):
            say(f"{what} ... {time.monotonic() - began:.0f} s")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if time.monotonic() - began >= 2.0:
        say(f"{what}: done in {time.monotonic() - began:.1f} s")


def run(
    *command: str | Path,
    check: bool = True,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and keep what it prints; LocalkubeError with its words when it fails (and ``check``)."""
    words = [str(word) for word in command]
    kwargs: dict[str, object] = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
            words, check=False, capture_output=True, text=True, cwd=cwd, env=env, timeout=timeout, **kwargs
        )
    except FileNotFoundError as error:
        raise LocalkubeError(f"{words[0]} is not installed: {error}") from error
    if check and done.returncode != 0:
        tail = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-15:])
        raise LocalkubeError(f"`{' '.join(words)}` failed with status {done.returncode}:\n{tail}")
    return done


def wait_until(what: str, probe: Callable[[], bool], seconds: float, hint: str = "") -> None:
    """Poll ``probe`` until it says yes; LocalkubeError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise LocalkubeError(f"{what}: not so after {seconds:.0f} s{f'; {hint}' if hint else ''}")
        time.sleep(0.1)


def missing_packages(commands: dict[str, str]) -> list[str]:
    """The Debian packages of those ``commands`` (names on PATH, or paths of files) that are not there."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    absent = (
        package
        for command, package in commands.items()
        if not (Path(command).exists() if command.startswith("/") else shutil.which(command, path=search))
    )
    return sorted(set(absent))


def install(commands: dict[str, str]) -> None:
    """Bring the programs that are missing from Debian's packages, saying which."""
    packages = missing_packages(commands)
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LocalkubeError(
            f"these packages are missing, and only root on Debian or Ubuntu can be helped here: {packages}"
        )
    say(f"installing Debian packages: {' '.join(packages)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # 1: services are not started
    with step("apt-get install", "once on a machine"):
        run("apt-get", "-q", "update", env=env)
        run("apt-get", "-q", "install", "-y", "--no-install-recommends", *packages, env=env)
    left = missing_packages(commands)
    if left:
        raise LocalkubeError(f"apt-get installed {packages}, yet these still lack their program: {left}")


def docker_runs() -> bool:
    """Is there a Docker engine that answers? (The command alone is not enough.)"""
    if not shutil.which("docker"):
        return False
    try:
        return run("docker", "info", check=False, timeout=10).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def cache_folder(*parts: str) -> Path:
    """A folder under ~/.cache/scrubjay (or $XDG_CACHE_HOME), made when it is not there."""
    top = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scrubjay"
    folder = top.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
