"""The admin port: one JSON object a line in, one a line out, in order (docs/architecture/admin-protocol.md).

Thin on purpose: it reads fields, names the one that is wrong, and calls `engine.node`. Started by `install` when `admin-port` is set; before the data is
loaded, so that the operator sees a node that is loading.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scrubjay_engine.replication import node_report, pulse
from scrubjay_engine.replication.authority import Address, Refused
from scrubjay_engine.replication.node import Node
from scrubjay_engine.security.service_ports import ServicePort

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

LONGEST_REQUEST = 1 << 20
Fields = dict[str, Any]


class AdminPort:
    """Answers the operator."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._operations: dict[str, Callable[[Fields], Fields]] = {
            "probe": self._probe,
            "promise": self._promise,
            "promote": self._promote,
            "sets": self._sets,
            "confirm": self._confirm,
            "follow": self._follow,
            "handover": self._handover,
            "configure": self._configure,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until its end."""
        try:
            while True:
                line = await reader.readline()
                if not line:
                    break
                writer.write(json.dumps(self.answer(line), separators=(",", ":")).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:  # ValueError: a line beyond the limit
            log.info("admin connection ended: %s", error)
        finally:
            writer.close()

    def answer(self, line: bytes) -> Fields:
        """The answer to one request."""
        serial: Any = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Refused("BAD", "a request is a JSON object")
            serial = request.get("id")
            operation = self._operations.get(str(request.get("op")))
            if operation is None:
                raise Refused("BAD", f"op {request.get('op')!r} is none of {', '.join(self._operations)}")
            if request.get("boot") not in (None, self.node.boot):
                raise Refused(
                    "STALE", f"the order is for run {request['boot']} of this process, and I am {self.node.boot}"
                )
            more = operation(request)
        except json.JSONDecodeError as error:
            return _refusal(serial, "BAD", f"not JSON: {error}")
        except Refused as error:
            return _refusal(serial, error.code, str(error))
        except OSError as error:
            log.exception("the node's state could not be written")
            return _refusal(serial, "BUSY", f"the node's state could not be written: {error}")
        return {"id": serial, "ok": True, **more, **node_report.state(self.node)}

    def _probe(self, request: Fields) -> Fields:
        term = _number(request, "term") if request.get("term") is not None else None
        grant = request.get("grant")
        if grant is not None and not isinstance(grant, dict):
            raise Refused("BAD", "grant is {epoch, reading, ttlMs}")
        fields = None if grant is None else tuple(_number(grant, name) for name in ("epoch", "reading", "ttlMs"))
        self.node.probe(term, fields)  # type: ignore[arg-type]  # three numbers
        return {}

    def _promise(self, request: Fields) -> Fields:
        self.node.promise(_number(request, "epoch"))
        return {}

    def _promote(self, request: Fields) -> Fields:
        confirm, ack = _peers(request, "confirm"), _uids(request, "ack")
        needed = _number(request, "acknowledgements") if "acknowledgements" in request else 0
        self.node.promote(_number(request, "epoch"), _version(request), confirm, ack, needed)
        return {}

    def _sets(self, request: Fields) -> Fields:
        sets = (_peers(request, "confirm"), _uids(request, "ack")) if "confirm" in request else None
        needed = _number(request, "acknowledgements") if sets is not None else 0
        self.node.sets(_number(request, "epoch"), _version(request), sets, needed)
        return {}

    def _confirm(self, request: Fields) -> Fields:
        self.node.authority.confirms(_number(request, "epoch"))
        return {}

    def _handover(self, request: Fields) -> Fields:
        successor = request.get("successor")
        if not isinstance(successor, str):
            raise Refused("BAD", "successor is the uid of a replica")
        self.node.begin_handover(_number(request, "epoch"), successor, _number(request, "withinMs"))
        return {}

    def _follow(self, request: Fields) -> Fields:
        primary = request.get("primary")
        if not isinstance(primary, dict):
            raise Refused("BAD", "primary is {uid, host, port}")
        self.node.follow(_number(request, "epoch"), _version(request), _address(primary, "primary"))
        return {}

    def _configure(self, request: Fields) -> Fields:
        parameters = request.get("parameters")
        if not isinstance(parameters, dict) or not all(isinstance(value, str) for value in parameters.values()):
            raise Refused("BAD", "parameters is an object of texts")
        applied, restart = self.node.configure(parameters)
        return {"applied": applied, "restart": restart}


def _refusal(serial: Any, code: str, message: str) -> Fields:
    return {"id": serial, "ok": False, "error": {"code": code, "message": message}}


def _number(fields: Fields, name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused("BAD", f"{name} is a whole number, not {value!r}")
    return value


def _version(fields: Fields) -> tuple[int, int]:
    value = fields.get("version")
    if not isinstance(value, list) or len(value) != 2 or not all(type(part) is int for part in value):
        raise Refused("BAD", f"version is [term, counter], not {value!r}")
    return value[0], value[1]


def _uids(fields: Fields, name: str) -> tuple[str, ...]:
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise Refused("BAD", f"{name} is a list of uids, not {value!r}")
    return tuple(value)


def _address(fields: Fields, name: str) -> Address:
    uid, host = fields.get("uid"), fields.get("host")
    if not isinstance(uid, str) or not isinstance(host, str) or not host:
        raise Refused("BAD", f"{name}.uid and {name}.host are texts")
    return Address(uid, host, _number(fields, "port"))


def _peers(fields: Fields, name: str) -> list[Address]:
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(peer, dict) for peer in value):
        raise Refused("BAD", f"{name} is a list of {{uid, host, port}}, not {value!r}")
    return [_address(peer, name) for peer in value]


def _start_pulse(server: Server, node: Node, address: str, port: int) -> None:
    """The sign of life beside the admin port, on the same number (UDP): see replication/pulse.pyx."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    heart = server.engine.parts["pulse"] = socket.socket(family, socket.SOCK_DGRAM)
    heart.bind((address, port))
    pulse.start(heart.fileno(), f"{node.uid} {node.boot}")
    server.every(0.1, pulse.beat)


def install(server: Server) -> None:
    """The part `node`, and the port where one is set."""
    node = server.engine.parts["node"] = Node(server)
    server.every(0.2, node.each_second)
    server.engine.parts.setdefault("unready", []).append(
        lambda: "no role given yet" if node.role == "waiting" else None
    )

    async def listen() -> None:
        port = server.config.number("admin-port")
        if port:
            admin = AdminPort(node)
            addresses = server.config.text("admin-bind").split()
            everywhere = not addresses or "*" in addresses  # as `bind` spells it; asyncio's word for it is None
            await ServicePort(server, admin.serve, LONGEST_REQUEST).open(None if everywhere else addresses, port)
            _start_pulse(server, node, addresses[0] if not everywhere else "", port)
            log.info("Admin port %d open", port)

    server.before_listening.insert(0, listen)
    server.engine.parts.setdefault("after_loading", []).append(node.after_loading)
