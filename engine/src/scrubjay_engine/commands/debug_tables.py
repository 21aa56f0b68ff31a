"""DEBUG HTSTATS, HTSTATS-KEY, SDSLEN and HELP: subcommands that look into tables and strings (the others are in debug.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.keys import encoding_of, help_lines
from scrubjay_engine.core.client import Client, Verbatim
from scrubjay_engine.core.command import Command
from scrubjay_engine.core.errors import NO_KEY, SYNTAX, CommandError

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

COMMANDS: list[Command] = []


def _argument(args: list[bytes]) -> bytes:
    if len(args) != 3:
        raise SYNTAX
    return args[2]


def string_lengths(client: Client, args: list[bytes]) -> str:
    name = _argument(args)
    value = client.db.peek(name)
    if value is None:
        raise NO_KEY
    if not isinstance(value, bytes):
        raise CommandError("ERR Not an sds encoded string.")
    key, data = len(name), len(value)
    return f"key_sds_len:{key}, key_sds_avail:0, key_zmalloc: {key}, val_sds_len:{data}, val_sds_avail:0, val_zmalloc: {data}"


def _table(elements: int) -> str:
    return f"Hash table 0 stats (main hash table):\n number of elements: {elements}\n"


def table_statistics(client: Client, args: list[bytes]) -> Verbatim:
    number = integer(_argument(args))
    databases = client.engine.keyspace.databases
    if not 0 <= number < len(databases):
        raise CommandError("ERR Out of range database")
    db = databases[number]
    return Verbatim(b"txt", f"[Dictionary HT]\n{_table(len(db))}[Expires HT]\n{_table(db.expiring)}".encode())


def value_statistics(client: Client, args: list[bytes]) -> Verbatim:
    value = client.db.peek(_argument(args))
    if value is None:
        raise NO_KEY
    if encoding_of(client.db, args[2]) not in ("hashtable", "skiplist"):
        raise CommandError("ERR The value stored at the specified key is not represented using an hash table")
    return Verbatim(b"txt", _table(len(value)).encode())


def debug_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines("DEBUG", *sorted(client.engine.parts["debug"]))


def install(server: Server) -> None:
    """Adds the subcommands."""
    table = server.engine.parts.setdefault("debug", {})
    table.update(
        {
            "SDSLEN": string_lengths,
            "HTSTATS": table_statistics,
            "HTSTATS-KEY": value_statistics,
            "HELP": debug_help,
        }
    )
