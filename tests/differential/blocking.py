"""One round of waiting clients, played on both servers: some clients wait for keys, one writes, the rest are unblocked; every reply must be the same.

Deterministic, since a client is waited for until it waits or has its answer before the next one comes, and nobody's time runs out: those left over are
ended by CLIENT UNBLOCK. Used by test_blocking.py, which draws the rounds.
"""

from __future__ import annotations

import select
import time
from dataclasses import dataclass

import resp
from differential import keyspace
from differential.pair import Difference, Pair, Step, shown, written

DEADLINE = 60.0
Words = tuple[str, ...]


@dataclass(frozen=True)
class Round:
    """What is there before, who waits for what, and what is then written (`atomic`: in one transaction)."""

    before: list[Words]
    waiting: list[Words]
    writing: list[Words]
    atomic: bool


class Waiters:
    """The waiting clients of one server, in the order in which they came."""

    def __init__(self, address: resp.Address, protocol: int) -> None:
        self._address, self._protocol = address, protocol
        self._control = resp.Connection(address, protocol=protocol)
        self._clients: list[tuple[resp.Connection, int]] = []

    def add(self, words: Words) -> None:
        """One more client; returns when it waits, or has been answered."""
        client = resp.Connection(self._address, protocol=self._protocol)
        number = client.call("CLIENT", "ID")
        assert isinstance(number, int)
        self._clients.append((client, number))
        client.send(resp.encode(*words))
        deadline = time.monotonic() + DEADLINE
        while not self._answered(client) and not self._waits(number):
            assert time.monotonic() < deadline, f"{words} neither waits nor answers"

    def end(self) -> list[tuple[resp.Frame, resp.Frame]]:
        """For each client: whether it had to be unblocked, and what it was answered."""
        outcome = [
            (self._control.frame("CLIENT", "UNBLOCK", number), client.read()) for client, number in self._clients
        ]
        for client, _ in self._clients:
            client.close()
        self._clients.clear()
        return outcome

    def close(self) -> None:
        """Hang up."""
        for client, _ in self._clients:
            client.close()
        self._control.close()

    @staticmethod
    def _answered(client: resp.Connection) -> bool:
        return bool(select.select([client.socket], [], [], 0)[0])

    def _waits(self, number: int) -> bool:
        line = self._control.frame("CLIENT", "LIST", "ID", number).value
        return isinstance(line, bytes) and b" flags=b " in line


def play(game: Round, addresses: tuple[resp.Address, resp.Address], protocol: int) -> None:
    """Play a round on both. Raises Difference."""
    pair = Pair(*addresses, protocol)
    sides = [Waiters(address, protocol) for address in addresses]
    try:
        pair.clean()
        for words in game.before:
            pair.send(_step(words))
        for words in game.waiting:
            pair.transcript.append(f"# another client: {written(_step(words).arguments)}")
            for side in sides:
                side.add(words)
        steps = [_step(words) for words in game.writing]
        if game.atomic:
            steps = [Step((b"MULTI",)), *steps, Step((b"EXEC",))]
        pair.burst(steps)
        pair.transcript.append("# what the other clients got")
        for expected, got in zip(sides[0].end(), sides[1].end(), strict=True):
            if expected != got:
                raise Difference("waiting", "\n".join(pair.transcript), _both(expected), _both(got))
        keyspace.check(pair)
    finally:
        for side in sides:
            side.close()
        pair.close()


def _step(words: Words) -> Step:
    return Step(tuple(word.encode() for word in words))


def _both(outcome: tuple[resp.Frame, resp.Frame]) -> str:
    return f"unblocked {shown(outcome[0])}, answered {shown(outcome[1])}"
