"""The primary's part of a planned hand-over: hold writes back, wait until the successor has every byte, step down.

Made by replication/node.py on the order `handover`. Writes that are held back were never executed: their clients get an error or a closed connection when the role
moves, and may repeat them. If the successor does not catch up in time, everything goes on as before, and the operator sees that nothing came of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrubjay_engine.replication.node import Node

log = logging.getLogger(__name__)

LINGER_MS = 10_000  # how long writes stay held back after stepping down, for the operator to give the next order


class HandOver:
    """One attempt. `state` is `pausing`, `done` or `failed`."""

    def __init__(self, node: Node, epoch: int, successor: str, within_ms: int) -> None:
        self.node, self.epoch, self.successor = node, epoch, successor
        self.state = "pausing"
        log.warning("Handing over to %s in epoch %d: writes are held back", successor, epoch)
        node.engine.parts["pause"].begin(within_ms + LINGER_MS, False)
        self._timer = node.engine.loop.call_later(within_ms / 1000, self._give_up)
        node.replication.ask_for_acks()
        self.offset = node.replication.offset
        self.look()

    def look(self) -> None:
        """The successor has said how far it is, or nothing is to be waited for."""
        node = self.node
        if self.state != "pausing":
            return
        for link in node.replication.links.values():
            if link.uid == self.successor and link.state == "online" and link.acknowledged >= node.replication.offset:
                self.state = "done"
                self._timer.cancel()
                node.step_down(self.epoch)
                return
            if link.uid == self.successor and link.acknowledged >= self.offset:
                node.replication.ask_for_acks()  # what came in between (expiry, pings) is behind the first question
                self.offset = node.replication.offset

    def _give_up(self) -> None:
        if self.state == "pausing":
            self.state = "failed"
            log.warning("The hand-over to %s is off: it did not catch up in time", self.successor)
            self.node.engine.parts["pause"].end()

    def end(self) -> None:
        """Another order has come."""
        self._timer.cancel()
        self.node.engine.parts["pause"].end()
