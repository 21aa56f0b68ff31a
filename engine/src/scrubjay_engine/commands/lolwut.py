"""LOLWUT: the version, with a picture."""

from __future__ import annotations

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core.client import Client, Verbatim
from scrubjay_engine.core.command import command, family
from scrubjay_engine.version import REDIS_VERSION, VERSION

BIRD = r"""
        __
    ___( o)>      caw?
    \ <_. )       I hid %d acorns, and I know where each one is.
     `---'
"""


def lolwut(client: Client, args: list[bytes]) -> Verbatim:
    if len(args) >= 3 and args[1].upper() == b"VERSION":
        integer(args[2])
    keys = sum(len(db) for db in client.engine.keyspace.databases)
    return Verbatim(b"txt", (BIRD % keys).encode() + f"\nRedis ver. {REDIS_VERSION} (Scrubjay {VERSION})\n".encode())


COMMANDS = family(
    "server",
    [command("lolwut", lolwut, -1, "readonly fast", since="5.0.0", summary="A picture.", complexity="O(1)")],
)
