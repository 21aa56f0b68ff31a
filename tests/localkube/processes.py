"""The daemons of one local Kubernetes: started detached, remembered by pid and start time, ended by exactly that.

A pid alone may belong to somebody else after a while; with the time the process started it is one process for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from localkube.instance import Instance


def start(instance: Instance, name: str, *command: str | Path, netns: str = "") -> int:
    """Start a daemon that outlives this program (unless it owns the instance); its output goes to LOGS/name.log."""
    words = [str(word) for word in command]
    if instance.owner:  # a test runner that is killed takes its daemons along
        words = ["setpriv", "--pdeathsig", "KILL", "--", *words]
    if netns:  # not `ip netns exec`: it mounts another /sys, and the kubelet then finds no cgroups
        words = ["nsenter", f"--net=/run/netns/{netns}", "--", *words]
    with (instance.logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    (instance.root / "run" / f"{name}.pid").write_text(identity(process.pid))
    process.returncode = 0  # it is waited for by its pid (_reap): Popen need not warn that it still runs
    return process.pid


def start_time(pid: int) -> int:
    """When the process started, in clock ticks since boot (proc(5)); 0 when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] == "Z" else int(fields[19])


def identity(pid: int = 0) -> str:
    """A process (this one) as "pid start-time"."""
    pid = pid or os.getpid()
    return f"{pid} {start_time(pid)}"


def alive(who: str) -> bool:
    """Is the process of that ``identity`` still there?"""
    pid, started = map(int, who.split())
    return started != 0 and start_time(pid) == started


def running(instance: Instance, name: str = "*") -> dict[str, int]:
    """Name and pid of the instance's daemons that are alive."""
    found = {}
    for file in sorted((instance.root / "run").glob(f"{name}.pid")):
        who = file.read_text()
        if alive(who):
            found[file.stem] = int(who.split()[0])
    return found


def kill(pids: Iterable[int]) -> None:
    """End these at once, as a power cut would, and wait until the kernel has let go of them (10 s at most)."""
    doomed = {pid: start_time(pid) for pid in pids}
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(
        started and start_time(pid) == started for pid, started in doomed.items()
    ):
        for pid in doomed:
            _reap(pid)
        time.sleep(0.02)


def stop(instance: Instance, name: str = "*") -> None:
    """Kill the daemons of that name (a shell pattern) and forget them."""
    kill(running(instance, name).values())
    for file in (instance.root / "run").glob(f"{name}.pid"):
        file.unlink()


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # not a child of ours: whoever started it reaps it
