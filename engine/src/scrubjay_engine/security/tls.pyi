from scrubjay_engine.core.wire import Wire

class TlsError(Exception): ...

class HandshakeError(Exception):
    reason: str

class TlsContext:
    client: bool
    def __init__(
        self,
        *,
        client: bool,
        verify: str,
        cert: str,
        key: str,
        key_password: str = "",
        ca_file: str = "",
        ca_folder: str = "",
    ) -> None: ...
    def restrict(
        self,
        *,
        protocols: str = "",
        ciphers: str = "",
        ciphersuites: str = "",
        prefer_ours: bool = False,
        dh_file: str = "",
    ) -> None: ...
    def remember_sessions(self, yes: bool, most: int, seconds: int) -> None: ...

class TlsWire(Wire):
    established: bool
    wants_write: bool
    resumed: bool
    version: str
    def __init__(self, context: TlsContext, fd: int) -> None: ...
    def handshake(self) -> bool: ...
    def read(self, size: int) -> bytes | None: ...
    def write(self, data: bytes) -> int: ...
    def peer_names(self) -> tuple[str | None, list[str]]: ...
