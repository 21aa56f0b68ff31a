"""COMMAND: the command table shown to clients, in Redis' layout, from the one table that dispatch uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.commands.syntax import lookup
from scrubjay_engine.commands.syntax.history import FOR_SERVERS, REPLACED, history
from scrubjay_engine.commands.syntax.tips import NOTES, TIPS
from scrubjay_engine.core.client import Client, SetReply
from scrubjay_engine.core.command import Command, KeySpec, command, family
from scrubjay_engine.core.dispatch import find_command
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.security.rules import CATEGORIES, keys_with_positions

FLAG_NO_MANDATORY_KEYS = 1 << 15


# -- what a row looks like ---------------------------------------------------------------------------------------------


def _search(kind: tuple[object, ...], names: Mapping[str, tuple[str, ...]]) -> dict[bytes, object]:
    """`begin_search` or `find_keys`: its type, and its numbers by name."""
    name = str(kind[0])
    return {
        b"type": name.encode(),
        b"spec": {field.encode(): value for field, value in zip(names.get(name, ()), kind[1:], strict=False)},
    }


BEGIN = {"index": ("index",), "keyword": ("keyword", "startfrom")}
FIND = {"range": ("lastkey", "keystep", "limit"), "keynum": ("keynumidx", "firstkey", "keystep")}


def _key_spec(spec: KeySpec, notes: str) -> dict[bytes, object]:
    shown: dict[bytes, object] = {b"notes": notes.encode()} if notes else {}
    shown[b"flags"] = SetReply(spec.flags)
    shown[b"begin_search"] = _search(spec.begin, BEGIN)
    shown[b"find_keys"] = _search(spec.find, FIND)
    return shown


def describe(row: Command | None) -> object:
    """One element of COMMAND INFO."""
    if row is None:
        return None
    first, last, step = row.simple_keys
    return [
        row.name.encode(),
        row.arity,
        SetReply(row.flag_names),
        first,
        last,
        step,
        SetReply([f"@{category}" for category in CATEGORIES if category in row.categories]),
        SetReply([tip.encode() for tip in row.tips or TIPS.get(row.name, ())]),
        SetReply([_key_spec(spec, NOTES.get((row.name, at), "")) for at, spec in enumerate(row.key_specs)]),
        SetReply([describe(sub) for sub in (row.subcommands or {}).values()]),
    ]


def document(row: Command) -> dict[bytes, object]:
    """One value of COMMAND DOCS."""
    shown: dict[bytes, object] = {}
    for name in ("summary", "since", "group", "complexity"):
        if getattr(row, name):
            shown[name.encode()] = getattr(row, name).encode()
    if row.subcommands and not row.complexity:
        shown[b"complexity"] = b"That of the subcommand."
    replaced = REPLACED.get(row.name)
    if replaced is not None:
        since, by = replaced
        shown[b"doc_flags"] = SetReply(["deprecated"])
        shown[b"deprecated_since"] = since.encode()
        shown[b"replaced_by"] = by.encode()
    elif row.name in FOR_SERVERS:
        shown[b"doc_flags"] = SetReply(["syscmd"])
    changes = history(row.name)
    if changes:
        shown[b"history"] = SetReply(changes)
    arguments = lookup.arguments(row.name)
    if arguments:
        shown[b"arguments"] = arguments
    if row.subcommands:
        shown[b"subcommands"] = {sub.name.encode(): document(sub) for sub in row.subcommands.values()}
    return shown


def top_level(client: Client) -> Iterable[Command]:
    return client.engine.commands.by_name.values()


# -- commands ----------------------------------------------------------------------------------------------------------


def all_commands(client: Client, args: list[bytes]) -> list[object]:
    return [describe(row) for row in top_level(client)]


def count(client: Client, args: list[bytes]) -> int:
    return len(client.engine.commands.by_name)


def info(client: Client, args: list[bytes]) -> list[object]:
    if len(args) == 2:
        return all_commands(client, args)
    return [describe(client.engine.commands.lookup(name)) for name in args[2:]]


def docs(client: Client, args: list[bytes]) -> dict[bytes, object]:
    rows = top_level(client) if len(args) == 2 else map(client.engine.commands.lookup, args[2:])
    return {row.name.encode(): document(row) for row in rows if row is not None}


def list_names(client: Client, args: list[bytes]) -> list[bytes]:
    rows = client.engine.commands.all
    if len(args) == 2:
        return [row.name.encode() for row in rows]
    if len(args) != 5 or args[2].upper() != b"FILTERBY":
        raise SYNTAX
    wanted = args[4]
    match args[3].upper():
        case b"MODULE":
            return []
        case b"ACLCAT":
            category = wanted.lower().decode(errors="replace")
            return [row.name.encode() for row in rows if category in CATEGORIES and category in row.categories]
        case b"PATTERN":
            return [row.name.encode() for row in rows if glob_matches(wanted.lower(), row.name.encode())]
    raise SYNTAX


def _found_keys(client: Client, args: list[bytes]) -> list[tuple[int, tuple[str, ...]]]:
    words = args[2:]
    row = find_command(client.engine, words)
    if row is None:
        raise CommandError("ERR Invalid command specified")
    if row.getkeys is None and all("not_key" in spec.flags for spec in row.key_specs):
        raise CommandError("ERR The command has no key arguments")
    if (row.arity > 0 and row.arity != len(words)) or len(words) < -row.arity:
        raise CommandError("ERR Invalid number of arguments specified for command")
    found = keys_with_positions(row, words)
    if not found and not row.flags & FLAG_NO_MANDATORY_KEYS:
        raise CommandError("ERR Invalid arguments specified for command")
    return found


def get_keys(client: Client, args: list[bytes]) -> list[bytes]:
    return [args[2 + position] for position, _ in _found_keys(client, args)]


def get_keys_and_flags(client: Client, args: list[bytes]) -> list[object]:
    return [[args[2 + position], SetReply(flags)] for position, flags in _found_keys(client, args)]


def command_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "COMMAND",
        "(no subcommand)",
        "    What the server knows about every command.",
        "COUNT",
        "    How many commands there are.",
        "LIST [FILTERBY (MODULE|ACLCAT|PATTERN) <value>]",
        "    The commands' names.",
        "INFO [<command-name> ...]",
        "    What the server knows about commands.",
        "DOCS [<command-name> ...]",
        "    What people may want to know about commands.",
        "GETKEYS <full-command>",
        "    The keys in a command.",
        "GETKEYSANDFLAGS <full-command>",
        "    The keys in a command and what is done with them.",
    )


FLAGS = "loading stale no_role"
COMMANDS = family(
    "server",
    [
        command(
            "command", all_commands, -1, FLAGS, categories="connection", since="2.8.13", summary="The command table.", complexity="O(N) commands", tips=["nondeterministic_output_order"],
            subcommands=[
                command("count", count, 2, FLAGS, categories="connection", since="2.8.13", summary="How many commands there are.", complexity="O(1)"),
                command("docs", docs, -2, FLAGS, categories="connection", since="7.0.0", summary="Descriptions of commands.", complexity="O(N) commands", tips=["nondeterministic_output_order"]),
                command("getkeys", get_keys, -4, FLAGS, categories="connection", since="2.8.13", summary="The keys in a command.", complexity="O(N) arguments"),
                command("getkeysandflags", get_keys_and_flags, -4, FLAGS, categories="connection", since="7.0.0", summary="The keys in a command, with flags.", complexity="O(N) arguments"),
                command("help", command_help, 2, FLAGS, categories="connection", since="5.0.0", summary="Help.", complexity="O(1)"),
                command("info", info, -2, FLAGS, categories="connection", since="2.8.13", summary="Commands by name.", complexity="O(N) commands", tips=["nondeterministic_output_order"]),
                command("list", list_names, -2, FLAGS, categories="connection", since="7.0.0", summary="The commands' names.", complexity="O(N) commands", tips=["nondeterministic_output_order"]),
            ],
        ),
    ],
)  # fmt: skip
