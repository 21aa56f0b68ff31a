"""An engine that has only its admin port: it speaks docs/architecture/admin-protocol.md by the engine's real Authority, without any data.

For tests of the operator against a real API server; what real engines do with these orders is tested with real engines.
"""

import asyncio
import itertools
import json
import time
from typing import Any

from scrubjay_engine.replication.authority import Address, Authority, Kept, Refused

_boots = itertools.count(1)


class FakeEngine:
    """One process. `offset`, `has_data`, `loading` and `frozen` may be set by the test at any time."""

    def __init__(self, uid: str, host: str, port: int = 7379) -> None:
        self.uid, self.host, self.port = uid, host, port
        self.boot = f"boot-{next(_boots)}"
        self.authority = self._begin()
        self.link: str | None = None
        self.handover: dict[str, Any] | None = None
        self.offset = 0
        self.has_data = False
        self.loading = False
        self.frozen = False
        self.parameters: dict[str, str] = {}
        self.orders: list[dict[str, Any]] = []
        self.refuse: dict[str, str] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def _begin(self, kept: Kept | None = None) -> Authority:
        return Authority(lambda: int(time.monotonic() * 1000), lambda kept: None, kept)

    @property
    def role(self) -> str:
        return self.authority.role

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
        self.authority, self.link, self.handover = self._begin(self.authority.kept), None, None
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
        if request.get("boot") not in (None, self.boot):
            return {"id": request["id"], "ok": False, "error": {"code": "STALE", "message": "for another run"}}
        try:
            getattr(self, f"_{op}")(request)
        except Refused as error:
            return {"id": request["id"], "ok": False, "error": {"code": error.code, "message": str(error)}}
        return {"id": request["id"], "ok": True, **self.state()}

    def state(self) -> dict[str, Any]:
        authority = self.authority
        primary, left = authority.primary, authority.lease_left()
        return {
            "node": {"uid": self.uid, "boot": self.boot},
            "clock": int(time.monotonic() * 1000),
            "role": self.role,
            "epoch": authority.epoch,
            "promise": authority.kept.promise,
            "version": list(authority.version) if authority.version[1] >= 0 else [0, 0],
            "primary": None if primary is None else {"uid": primary.uid, "host": primary.host, "port": primary.port},
            "link": self.link,
            "linkDownMs": None,
            "replicationId": "f" * 40,
            "offset": self.offset,
            "dataEpoch": authority.kept.data_epoch,
            "hasData": self.has_data,
            "whole": authority.whole,
            "loading": self.loading,
            "loadingPercent": None,
            "keys": 0,
            "usedMemory": 1000000,
            "maxmemory": 0,
            "clients": 0,
            "replicas": [],
            "lease": None if left is None else {"remainingMs": left},
            "confirm": sorted(authority.confirm),
            "ack": sorted(authority.ack),
            "joining": sorted(authority.joining),
            "acknowledgements": authority.needed,
            "handover": self.handover,
            "engineVersion": "0.1.0",
            "restartNeeded": [],
        }

    def _probe(self, request: dict[str, Any]) -> None:
        self.authority.probed(request.get("term"))
        if "grant" in request:
            grant = request["grant"]
            self.authority.granted(grant["epoch"], grant["reading"], grant["ttlMs"])

    def _promise(self, request: dict[str, Any]) -> None:
        self.authority.promise(request["epoch"])
        if self.link is not None:
            self.link = "down"

    def _promote(self, request: dict[str, Any]) -> None:
        version, needed = _version(request), request["acknowledgements"]
        self.authority.promote(request["epoch"], version, _peers(request), request["ack"], needed)
        self.link, self.has_data, self.handover = None, True, None

    def _sets(self, request: dict[str, Any]) -> None:
        sets = (_peers(request), request["ack"]) if "confirm" in request else None
        self.authority.order_sets(request["epoch"], _version(request), sets, request.get("acknowledgements", 0))

    def _follow(self, request: dict[str, Any]) -> None:
        self.authority.follow(request["epoch"], _version(request), Address(**request["primary"]))
        self.authority.in_line(whole=True)
        self.link, self.has_data, self.handover = "up", True, None

    def _handover(self, request: dict[str, Any]) -> None:
        self.authority.step_down(request["epoch"])
        self.handover = {"epoch": request["epoch"], "state": "done"}

    def _configure(self, request: dict[str, Any]) -> None:
        self.parameters.update(request["parameters"])


def _version(request: dict[str, Any]) -> tuple[int, int]:
    return request["version"][0], request["version"][1]


def _peers(request: dict[str, Any]) -> list[Address]:
    return [Address(**peer) for peer in request["confirm"]]
