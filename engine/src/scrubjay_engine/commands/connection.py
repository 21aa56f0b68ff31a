"""Commands about the connection itself: PING, ECHO, SELECT, HELLO, QUIT, RESET, and CLIENT in client.py next door."""

from __future__ import annotations

from scrubjay_engine.commands.keys import database_of
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.version import REDIS_VERSION

CLIENT_SUBSCRIBED = 1 << 3


def ping(client: Client, args: list[bytes]) -> object:
    if len(args) > 2:
        raise CommandError("ERR wrong number of arguments for 'ping' command")
    if client.gates & CLIENT_SUBSCRIBED and client.protocol == 2:
        return [b"pong", args[1] if len(args) > 1 else b""]
    return args[1] if len(args) > 1 else "PONG"


def echo(client: Client, args: list[bytes]) -> bytes:
    return args[1]


def select(client: Client, args: list[bytes]) -> str:
    if client.engine.keyspace.cluster and args[1] != b"0":
        raise CommandError("ERR SELECT is not allowed in cluster mode")
    client.db = database_of(client, args[1])
    return "OK"


def quit_command(client: Client, args: list[bytes]) -> str:
    client.closing = True
    return "OK"


def hello(client: Client, args: list[bytes]) -> object:
    protocol, at = client.protocol, 1
    credentials: tuple[bytes, bytes] | None = None
    name: bytes | None = None
    if len(args) > 1:
        if not args[1].isdigit():
            raise CommandError("ERR Protocol version is not an integer or out of range")
        protocol, at = int(args[1]), 2
        if protocol not in (2, 3):
            raise CommandError("NOPROTO unsupported protocol version")
    while at < len(args):
        word = args[at].upper()
        if word == b"AUTH" and at + 2 < len(args):
            credentials = (args[at + 1], args[at + 2])
            at += 3
        elif word == b"SETNAME" and at + 1 < len(args):
            name = args[at + 1]
            at += 2
        else:
            raise CommandError(b"ERR Syntax error in HELLO option '" + args[at] + b"'")
    authenticate = client.engine.parts.get("authenticate")
    if credentials is not None and authenticate is not None:
        authenticate(client, *credentials)
    if client.gates & 1:
        raise CommandError(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> "
            "option can be used to authenticate the client and select the RESP protocol version at the same time"
        )
    if name is not None:
        check_name(name)
        client.name = name
    client.set_protocol(protocol)
    engine = client.engine
    role = engine.parts["role"]() if "role" in engine.parts else "master"
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": protocol,
        b"id": client.id,
        b"mode": b"cluster" if engine.keyspace.cluster else b"standalone",
        b"role": role.encode(),
        b"modules": [],
    }


def check_name(name: bytes) -> None:
    """Names of connections are printable and without blanks, so that CLIENT LIST stays readable."""
    if any(not 33 <= char <= 126 for char in name):
        raise CommandError("ERR Client names cannot contain spaces, newlines or special characters.")


def reset(client: Client, args: list[bytes]) -> str:
    for forget in client.engine.parts.get("on_reset", ()):
        forget(client)
    client.set_protocol(2)
    client.name = b""
    client.db = client.engine.keyspace.databases[0]
    client.muted = client.no_touch = client.no_evict = client.readonly = client.asking = False
    return "RESET"


FLAGS = "noscript loading stale fast no_auth allow_busy no_role"
COMMANDS = family(
    "connection",
    [
        command("ping", ping, -1, "fast no_role", summary="PONG, or the argument.", complexity="O(1)"),
        command("echo", echo, 2, "loading stale fast no_role", summary="The argument.", complexity="O(1)"),
        command("select", select, 2, "loading stale fast", summary="Choose a database.", complexity="O(1)"),
        command("quit", quit_command, -1, FLAGS, summary="Close the connection.", complexity="O(1)"),
        command("hello", hello, -1, FLAGS, since="6.0.0", summary="Choose the protocol, log in.", complexity="O(1)"),
        command(
            "reset", reset, 1, FLAGS, since="6.2.0", summary="Forget all state of the connection.", complexity="O(1)"
        ),
    ],
)  # fmt: skip
