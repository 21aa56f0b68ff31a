"""Signs of life of engines whose loop is busy: one datagram to each that does not answer, about each second (the engine's side is its replication/pulse.pyx)."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import suppress

log = logging.getLogger(__name__)


class Pulses(asyncio.DatagramProtocol):
    """One socket for all engines. `alive` is called with the uid, the boot id and the age of the loop's last turn in seconds."""

    def __init__(self, alive: Callable[[str, str, float], None]) -> None:
        self._alive = alive
        self._asked: dict[bytes, str] = {}
        self._serial = itertools.count(1)
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Begin; without a socket nobody gives a sign of life, and silence counts."""
        try:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("0.0.0.0", 0))
        except OSError as error:
            log.warning("no socket for signs of life: %s", error)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def ask(self, host: str, port: int, uid: str) -> None:
        """Ask one engine. An answer is taken only for the newest questions."""
        if self._transport is None:
            return
        serial = b"%d" % next(self._serial)
        self._asked[serial] = uid
        while len(self._asked) > 1024:
            del self._asked[next(iter(self._asked))]
        with suppress(OSError, ValueError):
            self._transport.sendto(b"pulse " + serial, (host, port))

    def datagram_received(self, data: bytes, address: object) -> None:
        words = data.split()
        if len(words) != 5 or words[0] != b"alive" or not words[4].isdigit():
            return
        uid = self._asked.pop(words[3], None)
        if uid is not None and uid.encode() == words[1]:
            self._alive(uid, words[2].decode(errors="replace"), int(words[4]) / 1000)

    def error_received(self, error: Exception) -> None:
        """Nobody listens there: no sign of life, which is all that it says."""
