"""Every check and every test, stage by stage: what `make test` and CI run, and `make lint` a part of.

    tests/run.py                  all stages, quick things first
    tests/run.py unit commands    only these

Each stage is a process of its own, so that a crash in one (compiled code can) counts as its failure and the others still
run. Whatever a stage leaves running is ended with it: this program adopts the orphans. The closing line is the sum of all.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from localkube import host

REPO = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
SCRIPTS = Path(PYTHON).parent
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
BUDGET = 80 * 60.0  # seconds for all of it
CHECKS: dict[str, list[str]] = {
    "ruff format": [f"{SCRIPTS}/ruff", "format", "--check", "."],
    "ruff check": [f"{SCRIPTS}/ruff", "check", "."],
    "mypy": [f"{SCRIPTS}/mypy"],
    "import layers": [f"{SCRIPTS}/lint-imports"],
    "user guide": [PYTHON, "-m", "mkdocs", "build", "-q", "--strict"],
    "generated files": [PYTHON, "-m", "scrubjay_operator.api.generate", "--check"],
}


# command -> Debian package: the real servers and tools that tests compare with and run on
TEST_COMMANDS = {
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "memcached": "memcached",
    "tclsh": "tcl",
    "memccapable": "libmemcached-tools",
    "perl": "perl",
    "ip": "iproute2",
}


@dataclass(frozen=True)
class Stage:
    """A folder of tests and the most seconds it may take."""

    name: str
    limit: float


STAGES = (
    Stage("unit", 15 * 60),
    Stage("promotion", 10 * 60),
    Stage("commands", 15 * 60),
    Stage("differential", 10 * 60),
    Stage("contract", 30 * 60),
    Stage("fuzz", 5 * 60),
    Stage("leaks", 5 * 60),
    Stage("processes", 15 * 60),
    Stage("reconcile", 15 * 60),
    Stage("e2e", 30 * 60),
)


@dataclass(frozen=True)
class Outcome:
    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def main(arguments: Sequence[str]) -> int:
    unknown = set(arguments) - {"checks", *(stage.name for stage in STAGES)}
    if unknown:
        print(f"no stage {unknown.pop()!r}: there are checks, {', '.join(stage.name for stage in STAGES)}")
        return 2
    if set(arguments) != {"checks"}:
        host.install(TEST_COMMANDS)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended, too
    began = time.monotonic()
    outcomes = []
    if not arguments or "checks" in arguments:
        outcomes.append(timed("checks", checks))
    for stage in STAGES:
        if not arguments or stage.name in arguments:
            left = BUDGET - (time.monotonic() - began)
            outcomes.append(timed(stage.name, partial(tests, stage, min(stage.limit, left))))
    return summary(outcomes)


def timed(name: str, work: Callable[[], tuple[int, int, int]]) -> Outcome:
    print(f"\n=== {name}", flush=True)
    began = time.monotonic()
    try:
        passed, failed, skipped = work()
    finally:
        end_orphans()
    return Outcome(name, passed, failed, skipped, time.monotonic() - began)


def checks() -> tuple[int, int, int]:
    """Every check, whatever the others say."""
    results = []
    for name, command in CHECKS.items():
        good = run(600, *command) == 0
        print(f"{'ok' if good else 'FAILED':7} {name}", flush=True)
        results.append(good)
    return results.count(True), results.count(False), 0


def tests(stage: Stage, limit: float) -> tuple[int, int, int]:
    """Run a stage's folder and count its results."""
    folder = REPO / "tests" / stage.name
    if not any(folder.rglob("test_*.py")):
        print("nothing is there yet")
        return 0, 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.xml")
        words = ["-q", "-m", "not slow", "--durations=5", "--durations-min=5", f"--junitxml={report}"]
        status = run(limit, PYTHON, "-m", "pytest", f"tests/{stage.name}", *words)
        if status in (0, 1) and report.exists():
            return counts(report)
    if status == 5:
        print("no test was selected")
        return 0, 0, 0
    print(f"{stage.name} did not come to its end (status {status}): that counts as one failure")
    return 0, 1, 0


def counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped of a junit report."""
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    total, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    return total - failed - skipped, failed, skipped


def run(limit: float, *command: str) -> int:
    """Run to the end, or to the time limit (124, as timeout(1) has it)."""
    process = subprocess.Popen(command, cwd=REPO, stdin=subprocess.DEVNULL)
    try:
        return process.wait(max(limit, 1))
    except subprocess.TimeoutExpired:
        print(f"over its limit of {limit:.0f} s: {' '.join(command)}", flush=True)
        process.send_signal(signal.SIGINT)  # pytest then tells where it was, and takes its fixtures down
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return 124
    except BaseException:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        raise


def end_orphans() -> None:
    """End what a stage left running: all that descends from this process now."""
    subprocess.run([PYTHON, "tests/localkube", "prune"], cwd=REPO, check=False, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while (left := children(os.getpid())) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                continue


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()]


def summary(outcomes: Sequence[Outcome]) -> int:
    """A table, then the one line that counts."""
    print("\nstage          passed  failed  skipped  seconds")
    for each in outcomes:
        print(f"{each.name:12} {each.passed:8} {each.failed:7} {each.skipped:8} {each.seconds:8.0f}")
    passed, failed, skipped = (
        sum(getattr(each, what) for each in outcomes) for what in ("passed", "failed", "skipped")
    )
    print(f"\ntest: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
