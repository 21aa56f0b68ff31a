"""Compare our engine with redis-server 7.0.15, family by family, and say where they differ.

    python tests/differential/run.py --family lists                  # stop at the first difference, made short
    python tests/differential/run.py --survey                        # every family: list every kind of difference
    python tests/differential/run.py --examples 2000                 # the long run (make differential)
    python tests/differential/run.py --subject redis                 # the proof: redis-server against itself

A difference is printed as commands in redis-cli's notation; put them into regressions/NAME.txt and pytest repeats them.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.errors import FlakyFailure, FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

import resp
import servers
from differential.every import FAMILIES
from differential.grammar import OPTIONS, Family
from differential.machine import machine
from differential.pair import Difference


def main() -> int:
    """Run what the command line asks for; returns 1 when a difference was found."""
    options = arguments()
    with addresses(options) as (reference, subject):
        found = 0
        for name in options.family or FAMILIES:
            for protocol in options.protocol or (2, 3):
                began = time.monotonic()
                differences = explore(FAMILIES[name], protocol, (reference, subject), options)
                seconds = time.monotonic() - began
                print(f"{name:<16} RESP{protocol}  {len(differences)} differences  {seconds:.1f} s", flush=True)
                for difference in differences:
                    print(difference, flush=True)
                found += len(differences)
    return 1 if found else 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="only this family; may be repeated")
    parser.add_argument("--protocol", action="append", type=int, choices=(2, 3), help="only RESP2 or RESP3")
    parser.add_argument("--subject", choices=sorted(servers.KINDS), default="scrubjay", help="the server under test")
    parser.add_argument("--port", type=int, help="the subject is already up on this port of 127.0.0.1")
    parser.add_argument("--examples", type=int, default=100, help="examples of up to 40 steps each (100)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, other examples")
    parser.add_argument("--survey", action="store_true", help="go on after a difference; list one of each kind")
    return parser.parse_args()


@contextlib.contextmanager
def addresses(options: argparse.Namespace) -> Iterator[tuple[resp.Address, resp.Address]]:
    """The reference and the subject, started with the same limits."""
    with contextlib.ExitStack() as stack:
        reference = stack.enter_context(servers.redis(*OPTIONS)).address
        if options.port:
            yield reference, ("127.0.0.1", options.port)
        else:
            yield reference, stack.enter_context(servers.KINDS[options.subject](*OPTIONS)).address


def explore(
    family: Family, protocol: int, pair: tuple[resp.Address, resp.Address], options: argparse.Namespace
) -> list[Difference]:
    """Run one family; the first difference (shrunk), or in a survey the shortest of each kind."""
    kinds: dict[tuple[str, str, str], Difference] = {}

    def note(difference: Difference) -> None:
        key = (difference.command, difference.reference[:40], difference.subject[:40])
        if key not in kinds or len(str(difference)) < len(str(kinds[key])):
            kinds[key] = difference

    phases = (Phase.generate,) if options.survey else (Phase.generate, Phase.shrink)
    chosen = settings(
        max_examples=options.examples,
        stateful_step_count=40,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    made = seeded(options.seed)(machine(family, protocol, *pair, note if options.survey else None))
    try:
        run_state_machine_as_test(made, settings=chosen)
    except Difference as difference:
        return [difference]
    except (FlakyFailure, FlakyStrategyDefinition) as flaky:
        return [Difference("(not the same twice)", str(flaky), "", "")]
    return list(kinds.values())


if __name__ == "__main__":
    sys.exit(main())
