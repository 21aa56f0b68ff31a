"""Commands on keys of any type: names, iteration, OBJECT. Existence and expiry are in `lifetimes`."""

from __future__ import annotations

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import command, family, key
from scrubjay_engine.core.engine import NOTIFY_GENERIC
from scrubjay_engine.core.errors import NO_KEY, SYNTAX, CommandError
from scrubjay_engine.core.keyspace import Database, lfu_frequency

# -- names -------------------------------------------------------------------------------------------------------------


def _rename(client: Client, source: bytes, target: bytes, only_new: bool) -> bool:
    db = client.db
    if db.write_value(source) is None:
        raise NO_KEY
    if source == target:
        return False
    if db.write_value(target) is not None:
        if only_new:
            return False
        db.delete(target)
    value, at = db.take(source)
    db.put(target, value, at)
    db.changed(source)
    db.changed(target)
    client.notify(NOTIFY_GENERIC, "rename_from", source)
    client.notify(NOTIFY_GENERIC, "rename_to", target)
    db.ready(target)
    return True


def rename(client: Client, args: list[bytes]) -> str:
    _rename(client, args[1], args[2], only_new=False)
    return "OK"


def renamenx(client: Client, args: list[bytes]) -> int:
    return int(_rename(client, args[1], args[2], only_new=True))


def database_of(client: Client, text: bytes) -> Database:
    """The database a number names. Raises Redis' errors."""
    try:
        number = integer(text)
    except CommandError:
        raise CommandError("ERR value is not an integer or out of range") from None
    databases: list[Database] = client.engine.keyspace.databases
    if not 0 <= number < len(databases):
        raise CommandError("ERR DB index is out of range")
    return databases[number]


def move(client: Client, args: list[bytes]) -> int:
    if client.engine.keyspace.cluster:
        raise CommandError("ERR MOVE is not allowed in cluster mode")
    target = database_of(client, args[2])
    if target is client.db:
        raise CommandError("ERR source and destination objects are the same")
    name = args[1]
    if client.db.write_value(name) is None or target.write_value(name) is not None:
        return 0
    value, at = client.db.take(name)
    target.put(name, value, at)
    client.db.changed(name)
    target.changed(name)
    client.engine.notify(NOTIFY_GENERIC, "move_from", name, client.db.id)
    client.engine.notify(NOTIFY_GENERIC, "move_to", name, target.id)
    target.ready(name)
    return 1


def copy(client: Client, args: list[bytes]) -> int:
    target, replace, at = client.db, False, 3
    while at < len(args):
        word = args[at].upper()
        if word == b"REPLACE":
            replace = True
        elif word == b"DB" and at + 1 < len(args):
            target = database_of(client, args[at + 1])
            at += 1
        else:
            raise SYNTAX
        at += 1
    if client.engine.keyspace.cluster and target.id != 0:
        raise CommandError("ERR Copying to another database is not allowed in cluster mode")
    source_key, target_key = args[1], args[2]
    if target is client.db and source_key == target_key:
        raise CommandError("ERR source and destination objects are the same")
    value = client.db.value(source_key)
    if value is None:
        return 0
    expires = client.db.expire_at(source_key)
    if target.write_value(target_key) is not None:
        if not replace:
            return 0
        target.delete(target_key)
    target.put(target_key, value if isinstance(value, bytes) else value.copy(), expires)
    target.changed(target_key)
    client.engine.notify(NOTIFY_GENERIC, "copy_to", target_key, target.id)
    target.ready(target_key)
    return 1


# -- iteration ---------------------------------------------------------------------------------------------------------


def keys_command(client: Client, args: list[bytes]) -> list[bytes]:
    pattern = args[1]
    found: list[bytes] = client.db.keys()
    return found if pattern == b"*" else [name for name in found if glob_matches(pattern, name)]


def random_key(client: Client, args: list[bytes]) -> bytes | None:
    found: bytes | None = client.db.random_key()
    return found


def scan_cursor(text: bytes) -> int:
    """A cursor argument of SCAN, HSCAN, SSCAN, ZSCAN."""
    error = CommandError("ERR invalid cursor")
    if not text.isdigit() or len(text) > 20 or int(text) >= 2**64:
        raise error
    return int(text)


def scan_options(args: list[bytes], at: int, with_type: bool = False) -> tuple[int, bytes | None, bytes | None]:
    """COUNT, MATCH and (for SCAN) TYPE from the words at `at` on."""
    count, pattern, kind = 10, None, None
    while at < len(args):
        word = args[at].upper()
        if at + 1 >= len(args):
            raise SYNTAX
        if word == b"COUNT":
            count = integer(args[at + 1])
            if count < 1:
                raise SYNTAX
        elif word == b"MATCH":
            pattern = None if args[at + 1] == b"*" else args[at + 1]
        elif word == b"TYPE" and with_type:
            kind = args[at + 1].lower()
        else:
            raise SYNTAX
        at += 2
    return count, pattern, kind


def scan(client: Client, args: list[bytes]) -> list[object]:
    cursor = scan_cursor(args[1])
    count, pattern, kind = scan_options(args, 2, with_type=True)
    cursor, found = client.db.scan(cursor, count)
    if pattern is not None:
        found = [name for name in found if glob_matches(pattern, name)]
    if kind is not None:
        found = [name for name in found if client.db.type_of(name).encode() == kind]
    return [b"%d" % cursor, found]


# -- OBJECT ------------------------------------------------------------------------------------------------------------


def encoding_of(db: Database, name: bytes) -> str | None:
    """`int`, `embstr`, `listpack` ...; None when there is no such key."""
    form: str | None = db.string_form(name)
    if form is not None:
        return form
    value = db.peek(name)
    return None if value is None else str(value.encoding())


def object_encoding(client: Client, args: list[bytes]) -> bytes | None:
    found = encoding_of(client.db, args[2])
    return None if found is None else found.encode()


def object_refcount(client: Client, args: list[bytes]) -> int | None:
    if args[2] not in client.db:
        return None
    # Redis shares small integers; the value it shows for them is a constant that tools know.
    value = client.db.peek(args[2])
    shared = (
        isinstance(value, bytes) and value.isdigit() and int(value) < 10000 and client.db.string_form(args[2]) == "int"
    )
    own_clock = client.engine.maxmemory and client.engine.config.text("maxmemory-policy").endswith(("lru", "lfu"))
    return 2147483647 if shared and not own_clock else 1


def object_idletime(client: Client, args: list[bytes]) -> int | None:
    clock = client.db.access_clock(args[2])
    if clock is None:
        return None
    keyspace = client.engine.keyspace
    if keyspace.lfu:
        raise CommandError(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at "
            "runtime LRU and LFU data will take some time to adjust."
        )
    return int((keyspace.access_clock - clock) & 0xFFFFFF)


def object_freq(client: Client, args: list[bytes]) -> int | None:
    clock = client.db.access_clock(args[2])
    if clock is None:
        return None
    keyspace = client.engine.keyspace
    if not keyspace.lfu:
        raise CommandError(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between "
            "policies at runtime LRU and LFU data will take some time to adjust."
        )
    return int(lfu_frequency(keyspace, clock))


def help_lines(name: str, *lines: str) -> list[str]:
    """The answer to `NAME HELP`: simple strings, as Redis sends them."""
    return [
        f"{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        *lines,
        "HELP",
        "    Print this help.",
    ]


def object_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "OBJECT",
        "ENCODING <key>",
        "    How the key's value is held.",
        "FREQ <key>",
        "    How often the key is used, where the policy is an LFU one.",
        "IDLETIME <key>",
        "    Seconds since the key was last used.",
        "REFCOUNT <key>",
        "    How many references the value has.",
    )


RO, RW = "RO", "RW update"
COMMANDS = family(
    "generic",
    [
        command("rename", rename, 3, "write", keys=[*key(1, "RW access delete"), *key(2, "OW update")], summary="Give a key another name.", complexity="O(1)"),
        command("renamenx", renamenx, 3, "write fast", keys=[*key(1, "RW access delete"), *key(2, "OW insert")], summary="Give a key another name if that is free.", complexity="O(1)"),
        command("move", move, 3, "write fast", keys=key(1, "RW access update"), summary="Move a key to another database.", complexity="O(1)"),
        command("copy", copy, -3, "write denyoom", keys=[*key(1, "RO access"), *key(2, "OW update")], since="6.2.0", summary="Copy a key.", complexity="O(N) elements"),
        command("keys", keys_command, 2, "readonly", categories="dangerous", summary="All keys that match a pattern.", complexity="O(N) keys in the database"),
        command("randomkey", random_key, 1, "readonly", summary="Some key.", complexity="O(1)"),
        command("scan", scan, -2, "readonly", since="2.8.0", summary="Iterate over the keys.", complexity="O(1) a call"),
        command(
            "object", None, -2, "", since="2.2.3", summary="What is known about a value.",
            subcommands=[
                command("encoding", object_encoding, 3, "readonly", keys=key(2, RO), since="2.2.3", summary="How a value is held.", complexity="O(1)"),
                command("refcount", object_refcount, 3, "readonly", keys=key(2, RO), since="2.2.3", summary="References to a value.", complexity="O(1)"),
                command("idletime", object_idletime, 3, "readonly", keys=key(2, RO), since="2.2.3", summary="Seconds since the last use.", complexity="O(1)"),
                command("freq", object_freq, 3, "readonly", keys=key(2, RO), since="4.0.0", summary="The access counter under an LFU policy.", complexity="O(1)"),
                command("help", object_help, 2, "loading stale", since="6.2.0", summary="Help.", complexity="O(1)"),
            ],
        ),
    ],
)  # fmt: skip
