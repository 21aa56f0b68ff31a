"""Run one unit of Redis' Tcl test suite and count what it prints.

One `tclsh` process runs one unit, so an exception (which ends a run of the suite) or a hang costs that unit only. The
suite writes into its own folder; `workspace` therefore makes a throw-away copy for each run. In external mode the unit
talks to a server that is already up; in spawn mode it starts `src/redis-server` itself, which `workspace` provides.

The lines the suite prints (`[ok]`, `[err]`, `[ignore]` ...) are described in tests/README.md of its own source tree.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contract import sources

HARD_SECONDS = 420  # a unit that takes longer has hung: the slowest takes under a minute on redis-server
IDLE_SECONDS = 120  # the suite's own limit for one test without progress
TOOLS = ("redis-cli", "redis-benchmark", "redis-check-rdb", "redis-check-aof")

_LINE = re.compile(r"^\[(ok|err|skip|ignore|exception|TIMEOUT)\]: ?(.*)$")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_TOOK = re.compile(r" \(\d+ ms\)$")


@dataclass
class Failure:
    """A test that failed, by its name in the suite, and the suite's message."""

    test: str
    message: str


@dataclass
class Outcome:
    """What one unit did: names of passed and skipped tests, failures with messages, blocks ignored by tag."""

    unit: str
    ok: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    ignored: int = 0
    broken: str = ""  # why the unit did not run to its end; empty when it did
    seconds: float = 0.0
    log: str = ""

    @property
    def good(self) -> bool:
        """True when the unit ran to its end and no test failed."""
        return not self.failures and not self.broken


def workspace(folder: Path, spawn: Sequence[str] = ()) -> Path:
    """Copy the suite into `folder`; `spawn` is the command that spawn-mode units get as `src/redis-server`."""
    tree = sources.suite("redis")
    place = folder / "suite"
    place.mkdir()
    ignore = shutil.ignore_patterns("modules", "tmp")
    shutil.copytree(tree / "tests", place / "tests", ignore=ignore)
    _tolerate_missing_functions(place / "tests" / "support" / "server.tcl")
    (place / "tests" / "tmp").mkdir()
    (place / "utils").symlink_to(tree / "utils")
    (place / "src").mkdir()
    for name in TOOLS:
        if path := shutil.which(name):
            (place / "src" / name).symlink_to(path)
    if spawn:
        wrapper = place / "src" / "redis-server"
        wrapper.write_text("#!/bin/sh\nexec " + " ".join(f"'{part}'" for part in spawn) + ' "$@"\n')
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return place


def _tolerate_missing_functions(file: Path) -> None:
    """FUNCTION FLUSH before each unit may fail: a server without functions is then judged by its other commands, too."""
    text = file.read_text()
    file.write_text(re.sub(r"^(\s*)(r function flush)$", r"\1catch {\2}", text, flags=re.MULTILINE))


def run_unit(
    place: Path, unit: str, *, port: int = 0, tags: str = "-slow", skip: Iterable[str] = (), extra: Sequence[str] = ()
) -> Outcome:
    """Run `unit` in the workspace `place`: against 127.0.0.1:`port`, or in spawn mode when `port` is 0.

    `skip` holds exact test names; `extra` goes to the suite's command line as it is.
    """
    where = ["--host", "127.0.0.1", "--port", str(port)] if port else []
    skipfile = place / "skip.txt"
    skipfile.write_text("".join(f"{name}\n" for name in skip))
    command = ["tclsh", "tests/test_helper.tcl", *where, "--single", unit, "--clients", "1", "--durable"]
    command += ["--timeout", str(IDLE_SECONDS), "--skipfile", str(skipfile), *extra]
    if tags:
        command += ["--tags", tags]
    began = time.monotonic()
    text, hung = _run(command, place)
    outcome = parse(unit, text)
    outcome.seconds = time.monotonic() - began
    if hung:
        outcome.broken = f"killed after {HARD_SECONDS} s; last line: {_last_line(text)}"
    return outcome


def parse(unit: str, text: str) -> Outcome:
    """Read the suite's output. Failed tests are printed again after `The End`, so counting stops there."""
    text = _ANSI.sub("", text)
    outcome = Outcome(unit, log=text)
    body = text.split("The End", 1)[0]
    failure: Failure | None = None
    for line in body.splitlines():
        match = _LINE.match(line)
        if match is None:
            if failure is not None and line.strip() and not line.startswith("["):
                failure.message = f"{failure.message}\n{line}".strip()
            continue
        kind, rest = match.groups()
        failure = None
        if kind == "ok":
            outcome.ok.append(_TOOK.sub("", rest))
        elif kind == "err":
            name, _, where = rest.rpartition(" in tests/")
            failure = Failure(name or rest, "")
            outcome.failures.append(failure)
            if not name:
                failure.message = where
        elif kind == "skip":
            outcome.skipped.append(rest)
        elif kind == "ignore":
            outcome.ignored += 1
        else:
            outcome.broken = f"{kind}: {rest}"
            if during := re.search(r"\(IN PROGRESS\) (.*)", text):
                outcome.broken = f"{kind}: no progress for {IDLE_SECONDS} s in: {during[1]}"
    if not outcome.broken and not re.search(r"^\[\d+/\d+ done\]", text, re.MULTILINE):
        outcome.broken = f"ended early: {_last_line(text)}"
    return outcome


def all_units(place: Path) -> list[str]:
    """Every unit file the suite lists."""
    command = ["tclsh", "tests/test_helper.tcl", "--list-tests"]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=True).stdout.split()


def _run(command: list[str], place: Path) -> tuple[str, bool]:
    environment = {**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(
        command,
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    hung = False
    try:
        output, _ = process.communicate(timeout=HARD_SECONDS)
    except subprocess.TimeoutExpired:
        hung = True
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    return output.decode("utf-8", "replace"), hung


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "(no output)"
