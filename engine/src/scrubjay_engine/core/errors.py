"""Errors that clients are told, worded as Redis 7.0 words them. Raise them from anywhere below a command handler."""

from __future__ import annotations


class CommandError(Exception):
    """An error reply: `text` is all of it behind the minus sign, beginning with its code (`ERR syntax error`)."""

    def __init__(self, text: str | bytes) -> None:
        self.text = text.encode() if isinstance(text, str) else text
        super().__init__(self.text.decode(errors="replace"))

    @property
    def code(self) -> str:
        """The first word: ERR, WRONGTYPE, OOM ..."""
        return self.text.split(b" ", 1)[0].decode(errors="replace")


class Redirection(CommandError):
    """What cluster mode answers instead of running a command: MOVED, ASK, CROSSSLOT, TRYAGAIN, CLUSTERDOWN. EXEC answers it as it is."""


SYNTAX = CommandError("ERR syntax error")
WRONGTYPE = CommandError("WRONGTYPE Operation against a key holding the wrong kind of value")
NOT_INTEGER = CommandError("ERR value is not an integer or out of range")
NOT_FLOAT = CommandError("ERR value is not a valid float")
OUT_OF_RANGE = CommandError("ERR index out of range")
MUST_BE_POSITIVE = CommandError("ERR value is out of range, must be positive")
NO_KEY = CommandError("ERR no such key")
OOM = CommandError("OOM command not allowed when used memory > 'maxmemory'.")
LOADING = CommandError("LOADING Redis is loading the dataset in memory")
NO_ROLE = CommandError("LOADING Scrubjay has not been given a role yet")
NOAUTH = CommandError("NOAUTH Authentication required.")
READONLY = CommandError("READONLY You can't write against a read only replica.")
MASTERDOWN = CommandError("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")
NOREPLICAS = CommandError("NOREPLICAS Not enough good replicas to write.")
INTERNAL = CommandError("ERR internal error, see the server's log")
STRING_TOO_LONG = CommandError("ERR string exceeds maximum allowed size (proto-max-bulk-len)")


def unknown_subcommand(command: str, subcommand: bytes) -> CommandError:
    """The answer to `CLIENT NONSENSE`."""
    name = subcommand[:128].decode(errors="replace")
    return CommandError(f"ERR unknown subcommand '{name}'. Try {command.upper()} HELP.")
