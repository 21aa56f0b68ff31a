"""The Hypothesis state machine that drives a pair of servers through one family's commands.

One machine serves every family. Its rules: one command; a burst of commands in one write, cut at random positions for the
subject; a command with one argument wrong; a transaction; a value carried from one server to the other by DUMP and
RESTORE; a second client that touches keys. When an example ends, everything the two servers hold is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import resp
from differential import compare, keyspace
from differential.grammar import Family, pool
from differential.pair import Difference, Pair, Step

_WRONG = pool("x", "", "0", "-1", "1", "1.5", "9223372036854775807", "9223372036854775808", "k1", "nan", "*")
_WAITS = ("BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD")
# Random results, commands of the keyspace as a whole, and scripts are not sent wrong or in bursts: the answer may then
# depend on which of the two servers was quicker, or one server may be sent into an endless script.
_UNTOUCHED = (
    *_WAITS,
    "SSCAN",
    "HSCAN",
    "ZSCAN",
    "SPOP",
    "SRANDMEMBER",
    "HRANDFIELD",
    "ZRANDMEMBER",
    "EVAL",
    "EVAL_RO",
    "FUNCTION",
    "SCRIPT",
    "WAIT",
)

OnDifference = Callable[[Difference], None]


class FamilyMachine(RuleBasedStateMachine):
    """What all families share; `machine` makes the subclass of one family between two servers."""

    family: ClassVar[Family]
    protocol: ClassVar[int]
    addresses: ClassVar[tuple[resp.Address, resp.Address]]
    note: ClassVar[OnDifference | None]

    def __init__(self) -> None:
        """Connect, and begin with two empty servers."""
        super().__init__()
        self.pair = Pair(*self.addresses, self.protocol)
        self.over = False
        self.pair.clean()

    def attempt(self, act: Callable[[], object]) -> None:
        """Do something to both; a difference ends the example."""
        if self.over:
            return
        try:
            act()
        except Difference as difference:
            self.over = True
            if type(self).note is None:
                raise
            type(self).note(difference)  # type: ignore[misc]  # mypy takes the class's function for a method

    @rule(data=st.data())
    def command(self, data: st.DataObject) -> None:
        """One command."""
        step = data.draw(self.family.steps)
        self.attempt(lambda: self.pair.send(step))

    @rule(data=st.data(), cuts=st.lists(st.integers(1, 2000), max_size=6))
    def burst(self, data: st.DataObject, cuts: list[int]) -> None:
        """Several commands in one write, in pieces for the subject."""
        steps = data.draw(st.lists(self.family.steps, min_size=2, max_size=8))
        calm = [step for step in steps if _name(step) not in _WAITS]
        self.attempt(lambda: self.pair.burst(calm, cuts) if calm else None)

    @precondition(lambda self: self.family.damage)
    @rule(data=st.data(), place=st.integers(0, 8), wrong=_WRONG, how=st.sampled_from(["replace", "drop", "add"]))
    def wrong_argument(self, data: st.DataObject, place: int, wrong: str, how: str) -> None:
        """A command with one argument that does not belong there."""
        step = data.draw(self.family.steps)
        if _name(step) not in _UNTOUCHED:
            damaged = _damaged(step.arguments, place, wrong.encode(), how)
            self.attempt(lambda: self.pair.send(Step(damaged, step.way)))

    @precondition(lambda self: self.family.transactions)
    @rule(data=st.data(), end=st.sampled_from([b"EXEC", b"EXEC", b"DISCARD"]))
    def transaction(self, data: st.DataObject, end: bytes) -> None:
        """Some commands between MULTI and EXEC; the replies inside EXEC are compared byte for byte."""
        steps = data.draw(st.lists(self.family.steps, min_size=1, max_size=4))
        known = [Step(step.arguments) for step in steps if step.way is compare.exact]
        self.attempt(lambda: self.pair.burst([Step((b"MULTI",)), *known, Step((end,))]))

    @precondition(lambda self: bool(self.family.keys))
    @rule(data=st.data(), to_subject=st.booleans())
    def carry_over(self, data: st.DataObject, to_subject: bool) -> None:
        """DUMP on one server, RESTORE on both: each must load what the other wrote."""
        key = data.draw(st.sampled_from(self.family.keys))
        self.attempt(lambda: _carry(self.pair, self.addresses, key.encode(), to_subject))

    @precondition(lambda self: not self.family.transactions and bool(self.family.keys))
    @rule(data=st.data(), value=st.sampled_from(["1", "other"]))
    def second_client(self, data: st.DataObject, value: str) -> None:
        """Another connection changes a key, which a WATCH must notice."""
        key = data.draw(st.sampled_from(self.family.keys))
        self.attempt(lambda: _touch(self.pair, self.addresses, (b"SET", key.encode(), value.encode())))

    def teardown(self) -> None:
        """Compare everything both hold."""
        try:
            self.attempt(lambda: _finish(self.pair, self.family.zset_encodings))
        finally:
            self.pair.close()


def machine(
    family: Family, protocol: int, reference: resp.Address, subject: resp.Address, note: OnDifference | None = None
) -> type[FamilyMachine]:
    """A machine class for `family` between two running servers.

    A difference is raised, or given to `note` (which makes a survey of it: the example then ends there).
    """
    facts = {"family": family, "protocol": protocol, "addresses": (reference, subject), "note": note}
    return type(f"{family.name}_resp{protocol}", (FamilyMachine,), facts)


def _name(step: Step) -> str:
    return step.arguments[0].decode("latin-1").upper()


def _damaged(arguments: tuple[bytes, ...], place: int, wrong: bytes, how: str) -> tuple[bytes, ...]:
    """The command with one argument replaced, dropped or added; its name stays."""
    row = list(arguments)
    if how == "add":
        row.insert(1 + place % len(row), wrong)
    elif len(row) > 1:
        at = 1 + place % (len(row) - 1)
        row[at : at + 1] = [wrong] if how == "replace" else []
    return tuple(row)


def _carry(pair: Pair, addresses: tuple[resp.Address, resp.Address], key: bytes, to_subject: bool) -> None:
    with resp.Connection(addresses[0] if to_subject else addresses[1]) as source:
        payload = source.frame("DUMP", key).value
    if isinstance(payload, bytes):
        pair.transcript.append(f"# the next value was dumped by the {'reference' if to_subject else 'subject'}")
        pair.send(Step((b"RESTORE", b"carried", b"0", payload, b"REPLACE")))


def _touch(pair: Pair, addresses: tuple[resp.Address, resp.Address], arguments: tuple[bytes, ...]) -> None:
    """The same command from another connection, to both servers."""
    pair.transcript.append(f"# second client: {Step(arguments)!r}")
    replies = []
    for address in addresses:
        with resp.Connection(address) as connection:
            replies.append(connection.frame(*arguments))
    pair.check(Step(arguments), *replies)


def _finish(pair: Pair, zset_encodings: bool) -> None:
    """Leave what the example may have left open, then compare everything."""
    pair.transcript.append("# the end: what do both hold?")
    pair.send(Step((b"DISCARD",)))
    for database in (b"0", b"1"):
        if not pair.send(Step((b"SELECT", database))).is_error:
            keyspace.check(pair, zset_encodings)
