"""Which arguments of a command are secret: the slow log, MONITOR and the log show `(redacted)` in their place."""

from __future__ import annotations

from scrubjay_engine.core.command import Command
from scrubjay_engine.options import ALIASES, OPTIONS

REDACTED = b"(redacted)"


def secret_positions(row: Command, args: list[bytes]) -> set[int]:
    """Indices into args that must not be shown."""
    if row.name == "auth":
        return set(range(1, len(args)))
    if row.name == "acl|setuser":
        return set(range(2, len(args)))
    if row.name == "acl|deluser":
        return set(range(2, len(args)))
    if row.name == "acl|getuser":
        return set(range(2, len(args)))
    if row.name == "config|set":
        return {at + 1 for at in range(2, len(args) - 1, 2) if _is_secret(args[at])}
    if row.name == "hello":
        return _after(args, {b"AUTH": 2})
    if row.name == "migrate":
        return _after(args, {b"AUTH": 1, b"AUTH2": 2})
    return set()


def _is_secret(name: bytes) -> bool:
    text = name.decode(errors="replace").lower()
    option = OPTIONS.get(ALIASES.get(text, text))
    # Redis hides masteruser too: with masterauth it is a credential.
    return option is not None and (option.secret or option.name == "masteruser")


def _after(args: list[bytes], words: dict[bytes, int]) -> set[int]:
    for at, arg in enumerate(args):
        if arg.upper() in words:
            return set(range(at + 1, min(at + 1 + words[arg.upper()], len(args))))
    return set()


def redacted(row: Command, args: list[bytes]) -> list[bytes]:
    """The words with secrets hidden."""
    secret = secret_positions(row, args)
    return [REDACTED if at in secret else arg for at, arg in enumerate(args)] if secret else args
