"""The fuzz targets with a fixed number of inputs from a fixed seed, about ten seconds in all; `make fuzz` is the long form."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from fuzz.inputs import inputs
from fuzz.targets import TARGETS
from fuzz.world import World

RUNS = {"parser": 1500, "dispatch": 700, "restore": 700}


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.restrict()
    yield made
    made.close()


@pytest.mark.parametrize("target", TARGETS)
def test_random_inputs_do_no_harm(target: str, world: World) -> None:
    for index, data in enumerate(islice(inputs(target, seed=1), RUNS[target])):
        TARGETS[target](world, data)
        if index % 200 == 199:
            world.reset()


def test_an_input_that_is_no_resp_is_noticed() -> None:
    """The check itself."""
    from fuzz.targets import assert_replies

    assert_replies(b"+OK\r\n*2\r\n$1\r\na\r\n:5\r\n", "")
    for broken in (b"+OK\n", b"*2\r\n:1\r\n", b"$5\r\nabc\r\n", b"nonsense\r\n"):
        with pytest.raises(AssertionError):
            assert_replies(broken, "")
