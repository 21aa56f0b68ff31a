"""Replies that wait for replicas (`acknowledgements: n`): a reply to a write goes out when enough nodes of the ack set have it.

Part `engine.acknowledgements`, hung into the engine only while n is above 0: with n = 0 a write costs nothing more. A connection hands in, once a turn, which
pieces of its output answer writes (`Connection.owe`); all its output from the first such piece on waits, so that replies keep their order and the client may
go on pipelining. What does not get its replicas within TIMEOUT_S is answered with an error that says that the write may exist. A read by another client may see a
write that is not acknowledged yet, as with WAIT.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client
    from scrubjay_engine.replication.authority import Authority
    from scrubjay_engine.server import Server

TIMEOUT_S = 5.0
Spans = list[tuple[int, int]]


@dataclass(eq=False)
class Debt:
    """Output of one connection, up to byte `end` of all it was ever sent, that waits for `offset`; `spans` are the replies to writes in it."""

    client: Any
    offset: int
    deadline: float
    spans: Spans
    end: int


class Acknowledgements:
    """All replies that wait, oldest first: offsets and deadlines never decrease from one to the next."""

    def __init__(self, server: Server, authority: Authority) -> None:
        self._engine = server.engine
        self._authority = authority
        self._debts: deque[Debt] = deque()
        self._asked = False
        self.timed_out = 0
        server.every(0.1, self.expire)
        server.on_connection_closed.append(self._forget)

    def follow(self) -> None:
        """The role or the sets have changed."""
        wanted = self._authority.role == "primary" and self._authority.needed > 0
        self._engine.hold_replies = wanted
        self._engine.on_debt = self.owe if wanted else None
        self.settle()

    def owe(self, client: Client, spans: Spans, end: int) -> bool:
        """A turn has ended with replies to writes. True when they must wait."""
        offset = self._engine.replication.offset
        if not self._debts and self._authority.enough(offset):
            self._authority.told(offset)
            return False
        self._debts.append(Debt(client, offset, time.monotonic() + TIMEOUT_S, spans, end))
        self._ask()
        return True

    def settle(self) -> None:
        """Send whatever has enough replicas now."""
        authority, debts = self._authority, self._debts
        if not debts:
            return
        while debts and authority.enough(debts[0].offset) and authority.leads():
            debt = debts.popleft()
            authority.told(debt.offset)
            debt.client.release(debt.end)
        self._engine.flush_pending()

    def expire(self) -> None:
        """Answer what has waited too long."""
        now = time.monotonic()
        while self._debts and self._debts[0].deadline <= now:
            self._fail(self._debts.popleft())
        self._engine.flush_pending()

    def _fail(self, debt: Debt) -> None:
        needed = self._authority.needed
        text = f"-NOREPLICAS The write was executed here, but {needed} replica(s) did not confirm it within {TIMEOUT_S:g} s: it may exist or not after a failover\r\n"
        self.timed_out += 1
        grown = debt.client.replace_held(debt.spans, text.encode())
        for other in self._debts:
            if other.client is debt.client:
                other.spans = [(start + grown, end + grown) for start, end in other.spans]
                other.end += grown
        debt.client.release(debt.end + grown)

    def _ask(self) -> None:
        """Have the replicas confirm at once, not with the next second: one question for all that was written in this turn of the loop."""
        if not self._asked:
            self._asked = True
            self._engine.loop.call_soon(self._asking)

    def _asking(self) -> None:
        self._asked = False
        self._engine.replication.ask_for_acks()

    def _forget(self, client: Client) -> None:
        if self._debts and client.replica is None:
            self._debts = deque(debt for debt in self._debts if debt.client is not client)
