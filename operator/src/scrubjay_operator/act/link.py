"""One connection to one engine's admin port: JSON lines out, JSON lines in, answers matched by id.

A link connects when it is told to, keeps the connection, and says through `heard` and `lost` what came and what broke. It never retries by itself: act.engines
decides when. The protocol is docs/architecture/admin-protocol.md.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

ANSWER_LIMIT = 1 << 20


class EngineRefusal(Exception):
    """The engine answered, and refused. `code` is one of the protocol's codes, STALE and so on."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class EngineSilence(Exception):
    """The engine could not be asked, or did not answer in time."""


class EngineLink(asyncio.Protocol):
    """The client side of one admin connection."""

    def __init__(self, heard: Callable[[Mapping[str, Any]], None], lost: Callable[[str], None]) -> None:
        self._heard, self._lost = heard, lost
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = b""
        self._serial = 0
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}

    @property
    def connected(self) -> bool:
        return self._transport is not None

    def send(self, op: str, fields: Mapping[str, Any]) -> int:
        """Send one request and return its id. Raises EngineSilence when there is no connection."""
        if self._transport is None:
            raise EngineSilence("there is no connection to the engine's admin port")
        self._serial += 1
        request = {"id": self._serial, "op": op, **fields}
        self._transport.write(json.dumps(request, separators=(",", ":")).encode() + b"\n")
        return self._serial

    async def ask(self, op: str, fields: Mapping[str, Any], within: float) -> Mapping[str, Any]:
        """Send one request and wait for its answer. Raises EngineRefusal, or EngineSilence after `within` seconds."""
        serial = self.send(op, fields)
        future: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[serial] = future
        try:
            async with asyncio.timeout(within):
                answer = await future
        except TimeoutError as error:
            raise EngineSilence(f"no answer to `{op}` within {within:g} s") from error
        finally:
            self._waiting.pop(serial, None)
        if not answer.get("ok"):
            refusal = answer.get("error") or {}
            raise EngineRefusal(str(refusal.get("code") or "BAD"), str(refusal.get("message") or "no reason given"))
        return answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._buffer) > ANSWER_LIMIT:
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        reason = f"the connection ended: {error}" if error else "the engine closed the connection"
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(EngineSilence(reason))
        self._lost(reason)

    def _line(self, line: bytes) -> None:
        try:
            answer = json.loads(line)
            future = self._waiting.get(answer.get("id"))
        except (ValueError, AttributeError):
            self.close()
            return
        if future is not None and not future.done():
            future.set_result(answer)
        self._heard(answer)
