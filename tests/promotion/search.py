"""Long forms: `search.py SECONDS` looks for seeds at which each mutation is noticed; `search.py --healthy SECONDS` runs the real rules over as many schedules as fit."""

import sys
import time

import pytest

from promotion.mutations import MUTATIONS, Mutation
from promotion.simulation import Violation, World


def noticed(mutation: Mutation, seed: int) -> bool:
    """Does the simulation see at this seed that the rule is missing?"""
    with pytest.MonkeyPatch.context() as patch:
        world = World(seed, mutation.n, mutation.apply(patch), 60.0 if mutation.script else 100.0, mutation.script)
        try:
            world.run()
        except Violation:
            return True
    return False


def search(seconds: float, words: list[str]) -> None:
    """Print a few seeds for each mutation whose name holds one of the words."""
    for mutation in MUTATIONS:
        if words and not any(word in mutation.name for word in words):
            continue
        found: list[int] = []
        end, seed = time.monotonic() + seconds, 0
        while time.monotonic() < end and len(found) < 2:
            if noticed(mutation, seed):
                found.append(seed)
            seed += 1
        print(f"rule {mutation.rule:2}: {mutation.name}: {tuple(found)} of {seed} seeds", flush=True)


def healthy(seconds: float, first: int) -> None:
    """The real rules."""
    end, seed, promotions, acknowledgements = time.monotonic() + seconds, first, 0, 0
    while time.monotonic() < end:
        world = World(seed)
        world.run()
        promotions, acknowledgements, seed = (
            promotions + world.promotions,
            acknowledgements + world.acknowledgements,
            seed + 1,
        )
        if seed % 200 == 0:
            print(f"{seed - first} schedules", flush=True)
    print(f"{seed - first} schedules, {promotions} promotions, {acknowledgements} acknowledgements, 0 violations")


if __name__ == "__main__":
    if sys.argv[1] == "--healthy":
        healthy(float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    else:
        search(float(sys.argv[1]), sys.argv[2:])
