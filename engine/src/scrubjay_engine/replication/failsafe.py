"""Leases without the operator: a primary that gets no grants asks all nodes of its confirm set, over their admin ports, whether it may go on.

Started by replication/node.py. The admin port was chosen over the replication link because a replica that reconnects, or whose link is full of data, can still answer
there. Whether the answers are enough is decided by replication/authority (rule 3). Connections are opened when they are first needed and kept.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress

from scrubjay_engine.replication.authority import TTL_MS, Address, Authority

log = logging.getLogger(__name__)

EVERY_S = 0.5
ANSWER_S = TTL_MS / 2000


class FailSafe:
    """Asks while it must. `renewed` is called when the lease became longer."""

    def __init__(
        self,
        authority: Authority,
        renewed: Callable[[], None],
        secure: Callable[[], ssl.SSLContext | None] = lambda: None,
    ) -> None:
        self._authority = authority
        self._renewed = renewed
        self._secure = secure
        self._peers: dict[Address, _Peer] = {}
        self._alone = False

    async def run(self) -> None:
        """For ever: a question each half second while the operator is silent."""
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                self._ask()
        finally:
            self._keep(set())

    def _ask(self) -> None:
        authority = self._authority
        if any(peer.busy for peer in self._peers.values()):
            return  # asking again would void the answers that are on their way; each has its time limit
        reading = authority.question()
        if (reading is not None) != self._alone:
            self._alone = reading is not None
            if self._alone:
                log.warning("The operator is silent: asking the replicas whether this primary may go on")
            else:
                log.warning("The operator is back, or no lease is needed any more")
        wanted = set(authority.confirm.values()) if reading is not None else set()
        self._keep(wanted)
        for address in wanted:
            self._peers[address].ask(authority.epoch, reading or 0)

    def _keep(self, wanted: set[Address]) -> None:
        for address in self._peers.keys() - wanted:
            self._peers.pop(address).close()
        for address in wanted - self._peers.keys():
            self._peers[address] = _Peer(address, self._heard, self._secure)

    def _heard(self, uid: str, epoch: int, reading: int) -> None:
        if self._authority.confirmed(uid, epoch, reading):
            self._renewed()


class _Peer:
    """One node of the confirm set, and the question that is under way to it. A connection that says nothing in time is given up."""

    def __init__(
        self, address: Address, yes: Callable[[str, int, int], None], secure: Callable[[], ssl.SSLContext | None]
    ) -> None:
        self._address, self._yes, self._secure = address, yes, secure
        self._task: asyncio.Task[None] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def ask(self, epoch: int, reading: int) -> None:
        self._task = asyncio.get_running_loop().create_task(self._question(epoch, reading))

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._drop()

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _question(self, epoch: int, reading: int) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                if self._streams is None:
                    where = (self._address.host, self._address.port)
                    self._streams = await asyncio.open_connection(*where, ssl=self._secure())
                reader, writer = self._streams
                writer.write(json.dumps({"id": reading, "op": "confirm", "epoch": epoch}).encode() + b"\n")
                line = await reader.readline()
            answer = json.loads(line)
        except (OSError, TimeoutError, ValueError) as error:
            log.debug("node %s did not confirm: %s", self._address.uid, error or "no answer")
            self._drop()
            return
        if answer.get("ok") and answer.get("id") == reading and answer["node"]["uid"] == self._address.uid:
            with suppress(KeyError):
                self._yes(self._address.uid, epoch, reading)
