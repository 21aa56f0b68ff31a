"""PFADD to a dense HyperLogLog changes it in place: the same registers and the same answers as any other way of adding."""

from __future__ import annotations

import random

import resp

ROUNDS = 40


def test_adding_in_place_is_adding(connection: resp.Connection) -> None:
    rng = random.Random(7)
    connection.call("CONFIG", "SET", "hll-sparse-max-bytes", "16000")
    connection.call("PFADD", "dense")
    connection.call("PFADD", "sparse")
    connection.call("PFDEBUG", "TODENSE", "dense")
    for _ in range(ROUNDS):
        elements = [rng.randbytes(rng.randrange(12)) for _ in range(rng.randrange(1, 60))]
        assert connection.call("PFADD", "dense", *elements) == connection.call("PFADD", "sparse", *elements)
        assert connection.call("PFCOUNT", "dense") == connection.call("PFCOUNT", "sparse")
    assert connection.call("PFDEBUG", "ENCODING", "dense") != connection.call("PFDEBUG", "ENCODING", "sparse")
    registers = [connection.call("PFDEBUG", "GETREG", key) for key in ("dense", "sparse")]
    assert registers[0] == registers[1]


def test_every_register_can_be_raised_in_place(connection: resp.Connection) -> None:
    """The last one, too, behind which the value ends."""
    connection.call("PFADD", "dense")
    connection.call("PFDEBUG", "TODENSE", "dense")
    for first in range(0, 300_000, 1000):
        connection.call("PFADD", "dense", *(f"element:{index}" for index in range(first, first + 1000)))
    registers = connection.call("PFDEBUG", "GETREG", "dense")
    assert isinstance(registers, list) and len(registers) == 16384 and 0 not in registers
