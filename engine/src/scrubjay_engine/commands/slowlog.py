"""SLOWLOG: the commands that took longest, with `slowlog-log-slower-than` and `slowlog-max-len`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import Command, command, family
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.security.redaction import redacted

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

MOST_ARGUMENTS = 32
MOST_CHARACTERS = 128


@dataclass(slots=True)
class SlowCommand:
    """One entry: number, when it was run (s), how long it took (us), its words, who sent it."""

    number: int
    at: int
    microseconds: int
    args: list[bytes]
    address: bytes
    name: bytes


class SlowLog:
    """The latest slow commands, newest first."""

    def __init__(self, server: Server) -> None:
        self.entries: deque[SlowCommand] = deque()
        self.next_number = 0
        self.limit = 128
        server.config.on_change("slowlog-max-len", self.set_limit)
        server.engine.on_slow = self.note

    def set_limit(self, value: object) -> None:
        self.limit = int(str(value))
        self.trim()

    def trim(self) -> None:
        while len(self.entries) > self.limit:
            self.entries.pop()

    def note(self, client: Client, row: Command, args: list[bytes], nanoseconds: int) -> None:
        """The engine's hook."""
        session = getattr(client.script, "caller", client) if client.script is not None else client
        entry = SlowCommand(
            self.next_number,
            client.engine.keyspace.now_ms // 1000,
            nanoseconds // 1000,
            shorten(redacted(row, args)),
            session.address.encode(),
            session.name,
        )
        self.next_number += 1
        self.entries.appendleft(entry)
        self.trim()


def shorten(args: list[bytes]) -> list[bytes]:
    """At most 32 words of at most 128 characters, as Redis keeps them."""
    kept = args if len(args) <= MOST_ARGUMENTS else args[: MOST_ARGUMENTS - 1]
    shown = [
        arg
        if len(arg) <= MOST_CHARACTERS
        else arg[:MOST_CHARACTERS] + b"... (%d more bytes)" % (len(arg) - MOST_CHARACTERS)
        for arg in kept
    ]
    if len(args) > MOST_ARGUMENTS:
        shown.append(b"... (%d more arguments)" % (len(args) - MOST_ARGUMENTS + 1))
    return shown


def get(client: Client, args: list[bytes]) -> list[object]:
    log: SlowLog = client.engine.parts["slowlog"]
    count = 10
    if len(args) > 2:
        error = CommandError("ERR count should be greater than or equal to -1")
        count = integer(args[2], error, -1)
    entries = list(log.entries)
    if count >= 0:
        entries = entries[:count]
    return [[e.number, e.at, e.microseconds, e.args, e.address, e.name] for e in entries]


def length(client: Client, args: list[bytes]) -> int:
    return len(client.engine.parts["slowlog"].entries)


def reset(client: Client, args: list[bytes]) -> str:
    client.engine.parts["slowlog"].entries.clear()
    return "OK"


def slowlog_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "SLOWLOG",
        "GET [<count>]",
        "    The latest entries (10, or count; -1 for all): number, time, microseconds, words, address, name.",
        "LEN",
        "    How many entries there are.",
        "RESET",
        "    Forget them all.",
    )


def install(server: Server) -> None:
    """The log."""
    server.engine.parts["slowlog"] = SlowLog(server)


ADMIN = "admin loading stale no_role"
COMMANDS = family(
    "server",
    [
        command(
            "slowlog", None, -2, "", since="2.2.12", summary="The slow log.",
            subcommands=[
                command("get", get, -2, ADMIN, since="2.2.12", summary="The latest entries.", complexity="O(N) entries", tips=["request_policy:all_nodes", "nondeterministic_output"]),
                command("help", slowlog_help, 2, "loading stale", since="6.2.0", summary="Help.", complexity="O(1)"),
                command("len", length, 2, ADMIN, since="2.2.12", summary="How many entries there are.", complexity="O(1)", tips=["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
                command("reset", reset, 2, ADMIN, since="2.2.12", summary="Forget all entries.", complexity="O(N) entries", tips=["request_policy:all_nodes", "response_policy:all_succeeded"]),
            ],
        ),
    ],
)  # fmt: skip
