"""The promotion protocol over the real plan and the real Authority, in simulated time: it holds, and the check notices when a rule is missing.

About 25 s on two free cores. The long form is `make promotion-model`.
"""

import pytest

from promotion.mutations import MUTATIONS, Mutation
from promotion.search import noticed
from promotion.simulation import World

pytestmark = pytest.mark.timeout(300)
CAUGHT = [mutation for mutation in MUTATIONS if mutation.seeds]
SCHEDULES = 160


@pytest.mark.parametrize("n", [0, 1])
def test_there_are_never_two_who_acknowledge_and_nothing_acknowledged_is_lost(n: int) -> None:
    promotions = acknowledgements = 0
    for seed in range(SCHEDULES // 2):
        world = World(seed, n)
        world.run()
        promotions, acknowledgements = promotions + world.promotions, acknowledgements + world.acknowledgements
    assert promotions > SCHEDULES // 2
    assert acknowledgements > 100 * SCHEDULES


@pytest.mark.parametrize("mutation", CAUGHT, ids=lambda mutation: f"{mutation.rule}: {mutation.name}")
def test_a_missing_rule_is_noticed(mutation: Mutation) -> None:
    assert any(noticed(mutation, seed) for seed in mutation.seeds)


@pytest.mark.parametrize("seed", sorted({(m.seeds[0], m.n) for m in CAUGHT}))
def test_with_the_rule_the_same_schedule_is_harmless(seed: tuple[int, int]) -> None:
    World(*seed).run()
