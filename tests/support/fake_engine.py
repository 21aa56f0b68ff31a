"""An engine that has only its admin port: it speaks docs/architecture/admin-protocol.md and keeps the roles it is given, without any data.

For tests of the operator against a real API server; what real engines do with these orders is tested with real engines.
"""

import asyncio
import itertools
import json
import time
from typing import Any

_boots = itertools.count(1)


class FakeEngine:
    """One process. `offset`, `has_data`, `loading` and `frozen` may be set by the test at any time."""

    def __init__(self, uid: str, host: str, port: int = 7379) -> None:
        self.uid, self.host, self.port = uid, host, port
        self.boot = f"boot-{next(_boots)}"
        self.role = "waiting"
        self.epoch = 0
        self.promise = 0
        self.version = [0, 0]
        self.primary: dict[str, Any] | None = None
        self.link: str | None = None
        self.offset = 0
        self.has_data = False
        self.loading = False
        self.frozen = False
        self.parameters: dict[str, str] = {}
        self.orders: list[dict[str, Any]] = []
        self.refuse: dict[str, str] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def ready(self) -> bool:
        return self.role == "primary" or (self.role == "replica" and self.link == "up")

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)

    async def stop(self) -> None:
        """The process ends: the port is closed, connections break."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        self._server = None

    async def restart(self) -> None:
        """Ends and starts again in the same pod, without its data."""
        await self.stop()
        self.boot = f"boot-{next(_boots)}"
        self.role, self.primary, self.link = "waiting", None, None
        self.offset, self.has_data = 0, False
        await self.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                if self.frozen:
                    continue
                request = json.loads(line)
                writer.write(json.dumps(self.answer(request)).encode() + b"\n")
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        op = request["op"]
        if op != "probe":
            self.orders.append(request)
        if op in self.refuse:
            return {"id": request["id"], "ok": False, "error": {"code": "BUSY", "message": self.refuse[op]}}
        error = getattr(self, f"_{op}")(request)
        if error is not None:
            return {"id": request["id"], "ok": False, "error": error}
        return {"id": request["id"], "ok": True, **self.state()}

    def state(self) -> dict[str, Any]:
        return {
            "node": {"uid": self.uid, "boot": self.boot},
            "clock": int(time.monotonic() * 1000),
            "role": self.role,
            "epoch": self.epoch,
            "promise": self.promise,
            "version": self.version,
            "primary": self.primary,
            "link": self.link,
            "linkDownMs": None,
            "replicationId": "f" * 40,
            "offset": self.offset,
            "hasData": self.has_data,
            "loading": self.loading,
            "loadingPercent": None,
            "keys": 0,
            "usedMemory": 1000000,
            "maxmemory": 0,
            "clients": 0,
            "replicas": [],
            "lease": None,
            "confirm": [],
            "ack": [],
            "engineVersion": "0.1.0",
            "restartNeeded": [],
        }

    def _probe(self, request: dict[str, Any]) -> None:
        return None

    def _promote(self, request: dict[str, Any]) -> dict[str, str] | None:
        epoch = request["epoch"]
        if epoch < self.promise or epoch < self.epoch or (epoch == self.epoch and self.role != "primary"):
            return {"code": "STALE", "message": f"epoch {epoch} is older than mine, {self.epoch}"}
        self.role, self.epoch, self.primary, self.link = "primary", epoch, None, None
        self.version, self.has_data = request["version"], True
        return None

    def _follow(self, request: dict[str, Any]) -> dict[str, str] | None:
        epoch = request["epoch"]
        if epoch < max(self.epoch, self.promise):
            return {"code": "STALE", "message": f"epoch {epoch} is older than mine, {self.epoch}"}
        self.role, self.epoch, self.primary = "replica", epoch, request["primary"]
        self.link, self.version, self.has_data = "up", request["version"], True
        return None

    def _configure(self, request: dict[str, Any]) -> None:
        self.parameters.update(request["parameters"])
