"""Run memcached 1.6.18's own tests and memccapable against a server, and print a table.

    python tests/contract/run_memcached.py --daemon                       # the protocol files, against one server
    python tests/contract/run_memcached.py --spawn                        # every file; the tests start the server
    python tests/contract/run_memcached.py --daemon --quick               # the short form that `make test` runs
    python tests/contract/run_memcached.py --daemon --file cas --port N   # one file, a server that is up
    python tests/contract/run_memcached.py --spawn --program memcached    # the proof: memcached itself

PROGRAM takes memcached's options; ours is the engine under that command line. Without --port everything happens in a network namespace. Memcached itself passes 25
files in daemon mode, 66 in spawn mode (2 fail, 14 are skipped: debug builds, TLS, SASL), and memccapable's 54 checks. Files that can't pass here are
listed with their reasons in memcached.toml; the run fails when another one does, or when one of them passes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

import resp
import servers
from contract import namespace, tap

OURS = (sys.executable, "-m", "scrubjay_engine.memcached")
REASONS = Path(__file__).with_name("memcached.toml")
QUICK = (
    *("binary-get", "bogus-commands", "flags", "incrdecr", "issue_108"),
    *("multiversioning", "noreply", "strtol-testing"),
)


def main() -> int:
    """Run what the command line asks for; returns 0 when nothing failed."""
    options = arguments()
    if not options.port:
        namespace.enter()
    program = shlex.split(options.program) if options.program else list(OURS)
    os.environ["SCRUBJAY_MEMCACHED_DEBUG"] = "1"  # debugtime, as in memcached's debug builds
    with tempfile.TemporaryDirectory(prefix="scrubjay-contract-") as folder, contextlib.ExitStack() as stack:
        place = tap.workspace(Path(folder), program)
        address: resp.Address | None = None
        if options.daemon:
            address = ("127.0.0.1", options.port) if options.port else None
            address = address or stack.enter_context(servers.memcached(program=program)).address
        names = options.file or (tap.PROTOCOL_FILES if options.daemon else tap.files(place))
        outcomes = []
        for name in QUICK if options.quick else names:
            outcomes.append(show(tap.run_file(place, name, address)))
        if address and not options.file:
            outcomes.append(show(tap.memccapable(address)))
    states = Counter(outcome.state for outcome in outcomes)
    print(", ".join(f"{number} {state}" for state, number in states.most_common()))
    return judge(outcomes, {} if options.program else tomllib.loads(REASONS.read_text()))


def judge(outcomes: list[tap.TapOutcome], reasons: dict[str, str]) -> int:
    """0 when exactly the files fail that have a reason to."""
    surprises = 0
    for outcome in outcomes:
        bad = outcome.state in ("fail", "time-out")
        if bad and outcome.name in reasons:
            print(f"{outcome.name}: {reasons[outcome.name]}")
        elif bad or (outcome.state == "pass" and outcome.name in reasons):
            print(f"{outcome.name}: {outcome.state}, which memcached.toml does not expect")
            surprises += 1
    return 1 if surprises else 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--daemon", action="store_true", help="all tests talk to one server")
    mode.add_argument("--spawn", action="store_true", help="each test starts its servers")
    parser.add_argument("--program", help="what takes memcached's options (our engine)")
    parser.add_argument("--quick", action="store_true", help="only the files that take a second or two")
    parser.add_argument("--port", type=int, default=0, help="daemon mode: a server that is up; its data is lost")
    parser.add_argument("--file", action="append", help="a test file such as cas; may be repeated")
    return parser.parse_args()


def show(outcome: tap.TapOutcome) -> tap.TapOutcome:
    """Print one row."""
    print(f"{outcome.name:<28}{outcome.state:<10}{outcome.ok:>6} ok{outcome.seconds:>8.1f} s", flush=True)
    for line in outcome.failed[:8]:
        print(f"    {line[:160]}", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
