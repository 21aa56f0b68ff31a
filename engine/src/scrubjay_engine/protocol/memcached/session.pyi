from collections.abc import Callable

from scrubjay_engine.core.connection import Connection
from scrubjay_engine.protocol.memcached.items import Items

class Session(Connection):
    items: Items
    speaks: int
    noreply: bool
    authenticated: bool
    check_login: Callable[[bytes, bytes], bool] | None
    last_command: float
    waiting_for_value: bool
    descriptor: int
    def begin(self, items: Items) -> None: ...
    def respond(self, data: bytes) -> None: ...
