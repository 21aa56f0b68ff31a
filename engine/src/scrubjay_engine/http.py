"""The HTTP port: `/metrics` for Prometheus, `/healthz` and `/readyz` for Kubernetes' probes. GET only, one answer a request, connections kept open.

`https-port` serves them over mutual TLS (`node-tls-*`); with `http-metrics no` the plain port, which kubelets must reach, keeps the metrics to itself.
`/healthz` is 200 while the loop turns. `/readyz` is 200 when the engine serves: not loading, and in managed mode with a role and, as a replica,
a link that is up (`engine.parts["unready"]` are functions that name a reason not to be ready, or None).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from scrubjay_engine.metrics import exposition
from scrubjay_engine.security.service_ports import ServicePort

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)
REQUEST_LIMIT = 8192  # bytes of a request's head
IDLE_SECONDS = 75
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
TEXT = "text/plain; charset=utf-8"
LOADING = 1


class HttpPort:
    """Serves the three pages."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ports: list[ServicePort] = []

    async def start(self) -> None:
        """Listens on `http-port` and `https-port` of all addresses, where they are not 0."""
        for name, plain in (("http-port", True), ("https-port", False)):
            port = self.server.config.number(name)
            if port:
                listener = ServicePort(self.server, self._serve_plain if plain else self._serve, REQUEST_LIMIT, plain)
                await listener.open(None, port)
                self.ports.append(listener)

    async def stop(self) -> None:
        for port in self.ports:
            port.stop()

    async def _serve_plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, self.server.config.flag("http-metrics"))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, metrics: bool = True) -> None:
        try:
            while await self._answer(reader, writer, metrics):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the peer went away or said nothing for long: nobody to tell
        finally:
            with contextlib.suppress(ConnectionError):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, metrics: bool) -> bool:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS)
        except asyncio.LimitOverrunError:
            self._send(writer, 400, b"request too long\n", False)
            return False
        words = head.split(b"\r\n", 1)[0].split()
        if len(words) != 3:
            self._send(writer, 400, b"not HTTP\n", False)
            return False
        keep = b"connection: close" not in head.lower() and words[2] == b"HTTP/1.1"
        if words[0] not in (b"GET", b"HEAD"):
            self._send(writer, 405, b"GET only\n", keep)
        else:
            status, body = self.page(words[1].split(b"?", 1)[0].decode(errors="replace"), metrics)
            self._send(writer, status, body, keep, head_only=words[0] == b"HEAD")
        await writer.drain()
        return keep

    def page(self, path: str, metrics: bool = True) -> tuple[int, bytes]:
        """(status, body) of a path."""
        if path == "/metrics" and metrics:
            return 200, exposition(self.server)
        if path == "/healthz":
            return 200, b"ok\n"
        if path == "/readyz":
            reason = self.unready()
            return (200, b"ok\n") if reason is None else (503, reason.encode() + b"\n")
        return (
            404,
            b"pages: /metrics /healthz /readyz\n" if metrics else b"pages: /healthz /readyz (metrics: https-port)\n",
        )

    def unready(self) -> str | None:
        """Why the engine does not serve, or None."""
        engine = self.server.engine
        if engine.gates & LOADING:
            return "loading"
        for check in engine.parts.get("unready", ()):
            reason: str | None = check()
            if reason is not None:
                return reason
        return None

    @staticmethod
    def _send(writer: asyncio.StreamWriter, status: int, body: bytes, keep: bool, head_only: bool = False) -> None:
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {TEXT}\r\nContent-Length: {len(body)}\r\n"
        head += "\r\n" if keep else "Connection: close\r\n\r\n"
        writer.write(head.encode() + (b"" if head_only else body))
