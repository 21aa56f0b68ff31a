"""Put a server's CONFIG back after each unit.

The suite restores only what it set through `overrides`; sixteen units leave parameters behind (type/hash leaves
`hash-max-listpack-entries 2`), and the next unit then fails for no fault of the server.
"""

from __future__ import annotations

import contextlib

import resp


class Settings:
    """The CONFIG of one server as it was when this object was made."""

    def __init__(self, address: resp.Address) -> None:
        """Remember every parameter; `address` is (host, port)."""
        self._address = address
        with resp.Connection(address) as connection:
            self._before = _read(connection)

    def restore(self) -> list[str]:
        """Set what differs, drop data, functions and scripts; returns the names left changed. Raises ErrorReply when it cannot."""
        with resp.Connection(self._address, timeout=10) as connection:
            now = _read(connection)
            changed = [name for name, value in self._before.items() if name in now and now[name] != value]
            for name in changed:
                with contextlib.suppress(resp.ErrorReply):  # a parameter that can only be set at start
                    connection.call("CONFIG", "SET", name, self._before[name])
            connection.call("FLUSHALL")  # the one that must work: a server that answers BUSY here is of no use any more
            for command in (("FUNCTION", "FLUSH"), ("SCRIPT", "FLUSH")):
                connection.frame(*command)
        return [name.decode() for name in changed]


def _read(connection: resp.Connection) -> dict[bytes, bytes]:
    reply = connection.frame("CONFIG", "GET", "*")
    texts = [child.value for child in reply.children if isinstance(child.value, bytes)]
    return dict(zip(texts[::2], texts[1::2], strict=True))
