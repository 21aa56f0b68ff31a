"""Managed engines as real processes, and the operator's side of their admin ports in a few lines. For tests/processes."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import servers


class Operator:
    """The other end of the admin port."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._lines = self._socket.makefile("rb")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        self._socket.sendall(json.dumps({"id": 1, "op": op, **fields}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._lines.readline())
        assert answer["id"] == 1
        return answer

    def raw(self, line: bytes) -> dict[str, Any]:
        self._socket.sendall(line)
        answer: dict[str, Any] = json.loads(self._lines.readline())
        return answer


class Node:
    """A managed process."""

    def __init__(self, server: servers.Server, admin_port: int, uid: str) -> None:
        self.server = server
        self.uid = uid
        self.operator = Operator(admin_port)
        self.address = {"uid": uid, "host": "127.0.0.1", "port": server.port}
        self.peer = {"uid": uid, "host": "127.0.0.1", "port": admin_port}
        self.admin_port = admin_port


def start(stack: Any, directory: Path, uid: str) -> Node:
    """A managed process with its admin port; `directory` keeps its state and its data."""
    port = servers.free_port()
    options = ["--managed", "yes", "--node-id", uid, "--admin-port", str(port), "--repl-diskless-sync-delay", "0"]
    node = Node(stack.enter_context(servers.scrubjay(*options, directory=directory)), port, uid)
    stack.callback(node.operator.close)
    return node


TTL_MS = 3000


def grant(node: Node, epoch: int, ttl: int = TTL_MS) -> dict[str, Any]:
    """A lease from now on, as the operator gives it after each answer."""
    reading = node.operator.ask("probe")["clock"]
    return node.operator.ask("probe", term=1, grant={"epoch": epoch, "reading": reading, "ttlMs": ttl})


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Ask again and again until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def refusal(answer: dict[str, Any]) -> str:
    """The code of an answer that refuses."""
    assert not answer["ok"], answer
    code: str = answer["error"]["code"]
    return code
