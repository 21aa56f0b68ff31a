"""Run memcached 1.6.18's own test files (t/*.t, Perl, TAP) and memccapable, and count what they print.

A test file expects the programs `memcached-debug` and `timedrun` beside it: a throw-away folder gets small scripts of
those names. In spawn mode each test starts `memcached-debug` with memcached's own options; in daemon mode all talk to one
server that is up (T_MEMD_USE_DAEMON). TAP: https://testanything.org/tap-version-12-specification.html
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import resp
from contract import sources

LIMIT_SECONDS = 300
PROTOCOL_FILES = (  # what memcached itself passes in daemon mode: the other files want a server started with their options
    *(
        "binary-get",
        "bogus-commands",
        "cas",
        "chunked-items",
        "evictions",
        "flags",
        "getandtouch",
        "getset",
        "incrdecr",
    ),
    *("issue_108", "issue_14", "issue_152", "issue_192", "issue_22", "issue_29", "issue_3", "issue_41", "issue_68"),
    *("issue_70", "malicious-commands", "multiversioning", "noreply", "quit", "strtol-testing", "touch"),
)


@dataclass
class TapOutcome:
    """One test file: assertions that held and that did not, and how it ended: pass, fail, skip or time-out."""

    name: str
    state: str
    ok: int
    failed: list[str]
    seconds: float


def workspace(folder: Path, program: Sequence[str]) -> Path:
    """A folder that the test files take for memcached's build directory; `program` takes memcached's options."""
    tree = sources.suite("memcached")
    place = folder / "memcached"
    place.mkdir()
    for part in ("t", "scripts"):
        if (tree / part).is_dir():
            shutil.copytree(tree / part, place / part)
    # `-o relaxed_privileges` exists in debug builds of memcached only: it is taken out.
    _script(
        place / "memcached-debug",
        'n=$#\nwhile [ "$n" -gt 0 ]; do\n  word=$1; shift; n=$((n - 1))\n'
        '  if [ "$word" = -o ] && [ "$1" = relaxed_privileges ]; then shift; n=$((n - 1))\n'
        '  else set -- "$@" "$word"; fi\ndone\n' + f'exec {shlex.join(program)} "$@"\n',
    )
    _script(place / "timedrun", 'shift\nexec "$@"\n')
    return place


def files(place: Path) -> list[str]:
    """Every test file, by its name without `t/` and `.t`."""
    return sorted(path.stem for path in (place / "t").glob("*.t"))


def run_file(place: Path, name: str, daemon: resp.Address | None = None) -> TapOutcome:
    """Run one test file, in daemon mode against the server at `daemon`."""
    environment = {**os.environ, "LC_ALL": "C"}
    if daemon:
        _flush(daemon)
        environment["T_MEMD_USE_DAEMON"] = f"{daemon[0]}:{daemon[1]}"
    began = time.monotonic()
    process = subprocess.Popen(
        ["perl", f"-I{place / 't' / 'lib'}", f"t/{name}.t"],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    late = False
    try:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        late = True
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # a server that the test left behind, too
    if late:
        output, _ = process.communicate()
    return judge(name, output.decode("utf-8", "replace"), process.returncode, late, time.monotonic() - began)


def judge(name: str, text: str, status: int, late: bool, seconds: float) -> TapOutcome:
    """Read the TAP of one file."""
    plan = re.search(r"^1\.\.(\d+)", text, re.MULTILINE)
    good = len(re.findall(r"^ok \d+", text, re.MULTILINE))
    failed = re.findall(r"^not ok \d+(?: - )?(.*)", text, re.MULTILINE)
    if plan and plan[1] == "0":
        state = "skip"
    elif late:
        state = "time-out"
    else:
        state = "pass" if plan and good == int(plan[1]) and not failed and status == 0 else "fail"
    if state == "fail" and not failed:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("ok ")]
        failed = lines[-2:]
    return TapOutcome(name, state, good, failed, seconds)


def memccapable(address: resp.Address) -> TapOutcome:
    """libmemcached's protocol check, text and binary; it empties the server."""
    began = time.monotonic()
    command = ["memccapable", "-h", address[0], "-p", str(address[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    lines = (done.stdout + done.stderr).splitlines()
    good = [line for line in lines if line.rstrip().endswith("[pass]")]
    bad = [line for line in lines if line.rstrip().endswith(("[FAIL]", "[fail]"))]
    state = "pass" if good and not bad and done.returncode == 0 else "fail"
    return TapOutcome(
        "memccapable", state, len(good), bad or lines[-2:] if state == "fail" else [], time.monotonic() - began
    )


def _flush(daemon: resp.Address) -> None:
    with socket.create_connection(daemon, timeout=10) as connection:
        connection.sendall(b"flush_all\r\n")
        connection.recv(16)


def _script(path: Path, body: str) -> None:
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
