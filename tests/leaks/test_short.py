"""The short form of `python tests/leaks`: some thousand commands of every family, about ten seconds in all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import servers
from leaks.rounds import FAMILIES, measure

COMMANDS = 12_000
ALLOWED = 2 << 20  # 200 bytes a command: a leak of any object shows


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Server]:
    with servers.scrubjay() as started:
        yield started


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_commands_loses_no_memory(server: servers.Server, family: str) -> None:
    growth = measure(server, family, COMMANDS)
    assert growth.resident <= ALLOWED, growth
    assert growth.used <= 64 * 1024, growth
