from collections.abc import Callable
from socket import socket

from scrubjay_engine.core.client import Client
from scrubjay_engine.core.connection import Connection
from scrubjay_engine.core.engine import Engine

class PrimaryLink(Connection):
    """The connection to our primary once the data is here."""

    def __init__(
        self, engine: Engine, socket: socket, on_close: Callable[[Client], None], applied: Callable[[bytes], None]
    ) -> None: ...
