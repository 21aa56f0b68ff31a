"""A host for scripts that answers commands from a dictionary (the engine's own is in commands/scripting)."""


class RecordedHost:
    """Answers commands with prepared RESP and remembers what was asked."""

    def __init__(self, replies: dict[bytes, bytes], client_resp: int = 2) -> None:
        self.replies = replies
        self.client_resp = client_resp
        self.busy_after_ms = 0
        self.commands: list[list[bytes]] = []
        self.repl: list[int] = []
        self.resp: list[int] = []
        self.stop = False

    def call(self, args: list[bytes]) -> bytes:
        self.commands.append(args)
        return self.replies[args[0].lower()]

    def acl_check(self, args: list[bytes]) -> bool | None:
        return {b"get": True, b"set": False}.get(args[0])

    def set_resp(self, version: int) -> None:
        self.resp.append(version)

    def set_repl(self, flags: int) -> None:
        self.repl.append(flags)

    def busy(self) -> bool:
        return self.stop
