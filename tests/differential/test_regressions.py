"""Differences found before, kept as the commands that showed them: regressions/*.txt, in redis-cli's notation.

A line is a command; `# protocol 3` chooses RESP3; `# second client: COMMAND` is sent from another connection; other lines
that start with `#` are words for the reader. Every reply is compared byte for byte, and at the end the whole keyspace.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import resp
import servers
from differential import keyspace
from differential.grammar import OPTIONS
from differential.pair import Pair, Step, cut, parse, written

CASES = sorted(Path(__file__).with_name("regressions").glob("*.txt"))
SECOND = "# second client: "


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[resp.Address, resp.Address]]:
    with servers.redis(*OPTIONS) as reference, servers.scrubjay(*OPTIONS) as subject:
        yield reference.address, subject.address


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_regression(case: Path, addresses: tuple[resp.Address, resp.Address]) -> None:
    lines = [line for line in case.read_text().splitlines() if line.strip()]
    pair = Pair(*addresses, 3 if "# protocol 3" in lines else 2)
    try:
        pair.clean()
        for line in lines:
            if line.startswith(SECOND):
                replies = []
                for address in addresses:
                    with resp.Connection(address) as connection:
                        replies.append(connection.frame(*parse(line.removeprefix(SECOND))))
                pair.check(Step(parse(line.removeprefix(SECOND))), *replies)
            elif not line.startswith("#"):
                pair.send(Step(parse(line)))
        keyspace.check(pair)
    finally:
        pair.close()


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=5))
def test_a_written_command_reads_back_as_it_was(arguments: list[bytes]) -> None:
    assert parse(written(arguments)) == tuple(arguments)


@given(st.binary(max_size=50), st.lists(st.integers(0, 200), max_size=6))
def test_pieces_are_the_whole(data: bytes, cuts: list[int]) -> None:
    assert b"".join(cut(data, cuts)) == data
