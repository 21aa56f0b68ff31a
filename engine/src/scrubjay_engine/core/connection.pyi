import socket as sockets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from scrubjay_engine.core.client import Client
from scrubjay_engine.core.engine import Engine
from scrubjay_engine.core.wire import Wire

def serving_nested() -> AbstractContextManager[None]:
    """Connections are served below another one's turn while this is held."""

class Budget:
    """What all connections of an engine may take together (`maxmemory-clients`), in bytes."""

    limit: int
    taken: int
    alarm: int
    over: Callable[[], object]
    def __init__(self, over: Callable[[], object]) -> None: ...
    def set(self, connection: Client, size: int) -> None:
        """A connection's share, as found by somebody who looked at all of them."""

class Connection(Client):
    socket: sockets.socket
    loop: Any
    fd: int
    wire: Wire | None
    paused: bool
    plain: Callable[[bytes], object] | None
    def __init__(
        self, engine: Engine, socket: sockets.socket, on_close: Callable[[Client], None] | None = None
    ) -> None: ...
    def use(self, wire: Wire) -> None: ...
    def start(self) -> None: ...
    def preload(self, data: bytes) -> None: ...
    def on_readable(self) -> None: ...
    def on_writable(self) -> None: ...
    def stop_reading(self) -> None: ...
    def release(self, end: int) -> None: ...
    def replace_held(self, spans: list[tuple[int, int]], error: bytes) -> int: ...
