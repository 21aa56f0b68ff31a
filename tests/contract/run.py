"""Run Redis 7.0.15's own test suite against a server, unit by unit, and print a table.

    python tests/contract/run.py --unit unit/type/string           # our engine, started for this
    python tests/contract/run.py --unit unit/type/list --only "LPOS basic usage"
    python tests/contract/run.py --unit unit/acl --spawn           # a unit that starts its servers itself
    python tests/contract/run.py --unit unit/tls --tls             # over TLS (needs tcl-tls)
    python tests/contract/run.py --quick                           # the short form: every unit that is fast
    python tests/contract/run.py --all                             # external mode in full, then the spawn units
    python tests/contract/run.py --all --server redis              # the same on redis-server: the reference
    python tests/contract/run.py --unit unit/scan --port 6379      # a server that is already up (its data is lost)

The suite is downloaded once (sources.py). Without --port everything happens in a network namespace. Exit status 0 means
that every test outside skips.toml passed and none was left out unseen.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Self

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

import resp
import servers
from contract import catalogue, namespace, tcl, tls_files
from contract.settings import Settings

_PROGRAMS = {
    "scrubjay": [sys.executable, "-m", "scrubjay_engine"],
    "redis": ["/usr/bin/redis-server"],
}


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    options = arguments()
    if not options.port:
        namespace.enter()
    chosen = choose(options)
    outcomes = []
    print(f"{'unit':<40}{'ok':>5}{'of':>5}{'err':>5}{'skip':>5}{'ignored':>8}{'seconds':>9}", flush=True)
    with tempfile.TemporaryDirectory(prefix="scrubjay-contract-") as folder, Target(options) as target:
        place = tcl.workspace(Path(folder), _PROGRAMS[options.server])
        if options.tls:
            tls_files.provide(place)
        for unit in chosen:
            outcome = run(place, unit, target, options)
            outcomes.append((unit, outcome))
            show(unit, outcome, options)
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for _, outcome in outcomes], indent=1))
    return summary(outcomes)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--unit", action="append", help="a unit such as unit/type/string; may be repeated")
    what.add_argument("--quick", action="store_true", help="the units marked quick in units.toml")
    what.add_argument("--external", action="store_true", help="every external-mode unit")
    what.add_argument("--all", action="store_true", help="every external-mode unit, then every spawn-mode unit")
    what.add_argument("--list", action="store_true", help="print the known units and stop")
    parser.add_argument("--server", choices=sorted(_PROGRAMS), default="scrubjay", help="what to start (scrubjay)")
    parser.add_argument("--port", type=int, default=0, help="test the server on this port of 127.0.0.1 instead")
    parser.add_argument("--spawn", action="store_true", help="let the unit start its own servers")
    parser.add_argument("--tls", action="store_true", help="over TLS; the units start their own servers")
    parser.add_argument("--only", action="append", default=[], metavar="TEST", help="run only the test of this name")
    parser.add_argument("--no-debug", action="store_true", help="leave out tests that need the DEBUG command")
    parser.add_argument("--cluster-mode", action="store_true", help="one node that owns all slots")
    parser.add_argument("--json", type=Path, help="write the outcome of each unit to this file")
    parser.add_argument("--logs", type=Path, help="keep the suite's own output of each unit in this folder")
    options = parser.parse_args()
    if options.list:
        for unit in catalogue.units().values():
            print(f"{'spawn' if unit.spawn else 'external':<10}{unit.name:<44}{unit.tests:>5} tests{unit.seconds:>7} s")
        parser.exit()
    return options


def choose(options: argparse.Namespace) -> list[catalogue.Unit]:
    """The units to run, in order."""
    known = catalogue.units()
    if options.unit:
        names = [name.removeprefix("tests/").removesuffix(".tcl") for name in options.unit]
        spawn = options.spawn or options.tls
        return [known.get((n, spawn), catalogue.Unit(n, spawn, 0, 0.0, False)) for n in names]
    if options.quick:
        return [unit for unit in known.values() if unit.quick]
    return [unit for unit in known.values() if options.all or not unit.spawn]


class Target:
    """The server that external-mode units talk to: started for the first of them, and again when a unit has ended it."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Nothing is started yet."""
        self._options = options
        self._stack = contextlib.ExitStack()
        self._server: servers.Server | None = None
        self._settings: Settings | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def port(self) -> int:
        """The port of a server that runs; its CONFIG is remembered on the way."""
        if self._options.port:
            self._settings = self._settings or Settings(("127.0.0.1", self._options.port))
            return int(self._options.port)
        if self._server is None or self._server.process.poll() is not None:
            self._server = self._start()
            self._settings = Settings(self._server.address)
        return self._server.port

    def clean_up(self) -> str:
        """Put CONFIG back after a unit; returns what is wrong with the server, or nothing. A server left unusable is ended."""
        try:
            if self._settings:
                self._settings.restore()
            return ""
        except (OSError, resp.ConnectionClosed, resp.ErrorReply) as error:
            if self._server is None:
                return f"the server is of no use after this unit: {error}"
            died = self._server.process.poll()
            self._server.kill()
            end = "\n".join(self._server.log.splitlines()[-12:])
            how = f"left the server unusable ({error})" if died is None else f"ended the server (exit status {died})"
            return f"this unit {how}. The end of its log:\n{end}"

    def _start(self) -> servers.Server:
        extra = ["--enable-module-command", "yes"]
        if self._options.cluster_mode:
            extra += ["--cluster-enabled", "yes"]
        server = self._stack.enter_context(servers.KINDS[self._options.server](*extra))
        if self._options.cluster_mode:
            with server.connect() as connection:
                connection.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        return server


def run(place: Path, unit: catalogue.Unit, target: Target, options: argparse.Namespace) -> tcl.Outcome:
    """Run one unit with the options of the command line."""
    ours = options.server == "scrubjay"
    skip = [entry.test for entry in catalogue.skips() if entry.unit == unit.name] if ours else []
    extra = [part for name in options.only for part in ("--only", name)]
    if options.cluster_mode:
        extra.append("--cluster-mode")
    if options.tls:
        extra.append("--tls")
    tags = "-slow -needs:debug" if options.no_debug else "-slow"
    port = 0 if unit.spawn else target.port()
    outcome = tcl.run_unit(place, unit.name, port=port, tags=tags, skip=skip, extra=extra)
    trouble = "" if unit.spawn else target.clean_up()
    if trouble:
        outcome.broken = trouble
        outcome.failures = [failure for failure in outcome.failures if "connection refused" not in failure.message]
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        (options.logs / f"{unit.name.replace('/', '_')}.log").write_text(outcome.log)
    whole = not (options.only or options.no_debug or options.cluster_mode or options.tls)
    unseen = [name for name in skip if name not in outcome.skipped]  # the suite itself did not come to them
    counted = len(outcome.ok) + len(outcome.failures) + len(outcome.skipped) + len(unseen)
    if whole and not outcome.broken and counted < unit.tests:
        outcome.broken = f"{unit.tests - counted} tests were not run"
    return outcome


def show(unit: catalogue.Unit, outcome: tcl.Outcome, options: argparse.Namespace) -> None:
    """Print a unit's row, and its failures with their messages."""
    name = f"{unit.name} (spawn)" if unit.spawn else unit.name
    counts = f"{len(outcome.ok):>5}{unit.tests or '?':>5}{len(outcome.failures):>5}{len(outcome.skipped):>5}"
    skipped = "" if not options.only else "  (only some)"
    print(f"{name:<40}{counts}{outcome.ignored:>8}{outcome.seconds:>9.1f}{skipped}", flush=True)
    for failure in outcome.failures:
        print(f"  [err] {failure.test}")
        for line in failure.message.split("while executing", 1)[0].rstrip().splitlines()[:6]:
            print(f"        {line[:200]}")
    if outcome.broken:
        print(f"  [broken] {outcome.broken}", flush=True)


def summary(outcomes: list[tuple[catalogue.Unit, tcl.Outcome]]) -> int:
    """Print the totals; returns 0 when every unit is good."""
    passed = sum(len(outcome.ok) for _, outcome in outcomes)
    failed = sum(len(outcome.failures) for _, outcome in outcomes)
    broken = [unit.name for unit, outcome in outcomes if outcome.broken]
    skipped = sum(len(outcome.skipped) for _, outcome in outcomes)
    seconds = sum(outcome.seconds for _, outcome in outcomes)
    print(f"{passed} passed, {failed} failed, {skipped} skipped, {len(broken)} units broken; {seconds:.0f} s")
    return 0 if not failed and not broken else 1


if __name__ == "__main__":
    sys.exit(main())
