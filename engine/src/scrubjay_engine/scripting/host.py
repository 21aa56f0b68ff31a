"""What a script needs of the engine: the interface between `LuaVM` and whoever runs it.

`redis_library` calls these while a script runs; an exception raised here ends the script and is raised again by `LuaVM.run`.
"""

from typing import Protocol


class ScriptHost(Protocol):
    """One run of a script or function."""

    client_resp: int
    """RESP version of the client that waits for the reply."""

    busy_after_ms: int
    """After how long `busy` is called first; 0: never."""

    def call(self, args: list[bytes]) -> bytes:
        """Run a command for the script and return its reply in RESP (of the version set last by `set_resp`, 2 at the start); errors included."""
        ...

    def acl_check(self, args: list[bytes]) -> bool | None:
        """Whether the caller may run this command; None when there is no such command."""
        ...

    def set_resp(self, version: int) -> None: ...

    def set_repl(self, flags: int) -> None:
        """Where write commands are propagated from now on: bit 0 the append-only file, bit 1 replicas."""
        ...

    def busy(self) -> bool:
        """Called again and again once the script has run for `busy_after_ms`: serve other clients for a moment, and say whether the script is to be ended."""
        ...
