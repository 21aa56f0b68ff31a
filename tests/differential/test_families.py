"""Our engine answers as redis-server 7.0.15 does: a short run of every family, the same examples each time.

`make differential` runs the same machines much longer with other seeds.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

import resp
import servers
from differential.every import FAMILIES
from differential.grammar import OPTIONS
from differential.machine import machine

EXAMPLES = 25
# ACL GETUSER sums rules up by the categories that fit best, as Redis 7.0 does; categories that hold commands of ours alone may
# sum up otherwise. `make differential` has it.
NOT_EQUAL_YET = {"access"}
SHORT = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[resp.Address, resp.Address]]:
    with servers.redis(*OPTIONS) as reference, servers.scrubjay(*OPTIONS) as subject:
        yield reference.address, subject.address


@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in NOT_EQUAL_YET])
def test_family(family: str, protocol: int, addresses: tuple[resp.Address, resp.Address]) -> None:
    run_state_machine_as_test(seed(20240229)(machine(FAMILIES[family], protocol, *addresses)), settings=SHORT)
