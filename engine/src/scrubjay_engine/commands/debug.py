"""DEBUG: for tests and repairs. Needs `enable-debug-command`. Families add subcommands to `engine.parts["debug"]`: name -> handler(client, args)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core import gates
from scrubjay_engine.core.client import BigNumber, Client, Raw, SetReply, Verbatim
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.persistence.digest import NONE, data_digest, value_digest
from scrubjay_engine.persistence.dump import dump_payload
from scrubjay_engine.persistence.saving import CannotLoad

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

Handler = Callable[[Client, list[bytes]], object]

PROTOCOL_NAMES = (
    "ERR Wrong protocol type name. Please use one of the following:"
    " string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
)
# Bytes of a DUMP payload that are not the value: the type before it, version and checksum behind it.
PAYLOAD_FRAME = 11
ATTRIBUTE = b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"
PUSH = b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"
AFTER_ATTRIBUTE = b"Some real reply following the attribute"
AFTER_PUSH = b"Some real reply following the push reply"


def drive(work: Any) -> None:
    """Run a coroutine that only yields to be fair, without yielding: DEBUG holds the loop on purpose."""
    try:
        while True:
            work.send(None)
    except StopIteration:
        pass


def debug(client: Client, args: list[bytes]) -> object:
    engine = client.engine
    allowed = engine.config.text("enable-debug-command")
    local = client.address.startswith(("127.0.0.1:", "[::1]:", "/"))
    if allowed == "no" or (allowed == "local" and not local):
        raise CommandError(
            'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you '
            "need to set this option in the configuration file, and then restart the server."
        )
    handler: Handler | None = engine.parts["debug"].get(args[1].upper().decode(errors="replace"))
    if handler is None:
        raise CommandError(
            f"ERR unknown subcommand or wrong number of arguments for '{args[1][:128].decode(errors='replace')}'. Try DEBUG HELP."
        )
    return handler(client, args)


def reload(client: Client, args: list[bytes]) -> str:
    """RELOAD [MERGE] [NOFLUSH] [NOSAVE]: through the RDB file and back."""
    words = {word.upper() for word in args[2:]}
    if not words <= {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise CommandError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    persistence = client.engine.persistence
    try:
        drive(persistence.reload(flush=b"NOFLUSH" not in words, save=b"NOSAVE" not in words, merge=b"MERGE" in words))
    except (OSError, CannotLoad) as error:
        raise CommandError(f"ERR Error trying to load the RDB dump: {error}") from None
    return "OK"


def loadaof(client: Client, args: list[bytes]) -> str:
    """LOADAOF: empty the databases and load the append-only file."""
    engine = client.engine
    engine.aof.flush()
    for db in engine.keyspace.databases:
        db.flush()
    engine.parts["functions"].flush()
    sinks = list(engine.sinks)
    for sink in sinks:
        engine.remove_sink(sink)
    engine.set_gate(gates.LOADING, True)  # a slow script in the file lets others in
    try:
        drive(engine.parts["aof_loader"].load(engine.aof.manifest))
    except CannotLoad as error:
        raise CommandError(f"ERR Error trying to load the AOF files, check server logs: {error}") from None
    finally:
        engine.set_gate(gates.LOADING, False)
        for sink in sinks:
            engine.add_sink(sink)
    return "OK"


def sleep(client: Client, args: list[bytes]) -> str:
    """SLEEP seconds: the whole server stands still."""
    time.sleep(float(args[2]))
    return "OK"


def digest(client: Client, args: list[bytes]) -> str:
    return data_digest(client.engine.keyspace.databases).hex()


def digest_value(client: Client, args: list[bytes]) -> list[bytes]:
    found = []
    for name in args[2:]:
        value = client.db.peek(name)
        shown = NONE if value is None else value_digest(NONE, value, client.db.expire_at(name) >= 0)
        found.append(shown.hex().encode())
    return found


def populate(client: Client, args: list[bytes]) -> str:
    """POPULATE count [prefix] [size]."""
    count = integer(args[2])
    prefix = args[3] if len(args) > 3 else b"key"
    size = integer(args[4]) if len(args) > 4 else 0
    db = client.db
    for number in range(count):
        name = b"%b:%d" % (prefix, number)
        if not db.exists(name):
            value = b"value:%d" % number
            db.set_string(name, value[:size].ljust(size, b"\0") if size else value)
            db.changed(name)
    return "OK"


def set_active_expire(client: Client, args: list[bytes]) -> str:
    client.engine.expiry.enabled = args[2] != b"0"
    return "OK"


def pause_cron(client: Client, args: list[bytes]) -> str:
    """PAUSE-CRON 0|1: signals to end wait."""
    client.engine.parts["cron_paused"] = integer(args[2]) != 0
    return "OK"


def ignored(client: Client, args: list[bytes]) -> str:
    """Switches of Redis' internals that mean nothing here."""
    return "OK"


def boolean(client: Client, value: bool) -> Raw:
    """`#t` in RESP3, `:1` in RESP2."""
    if client.protocol == 3:
        return Raw(b"#t\r\n" if value else b"#f\r\n")
    return Raw(b":1\r\n" if value else b":0\r\n")


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


def protocol(client: Client, args: list[bytes]) -> Any:
    """PROTOCOL type: a reply of that type."""
    name = args[2].lower() if len(args) > 2 else b""
    plain: dict[bytes, Any] = {
        b"string": b"Hello World",
        b"integer": 12345,
        b"double": 3.141,
        b"bignum": BigNumber(b"1234567999999999999999999999999999999"),
        b"null": None,
        b"array": [0, 1, 2],
        b"set": SetReply([0, 1, 2]),
        b"map": {0: boolean(client, False), 1: boolean(client, True), 2: boolean(client, False)},
        b"verbatim": Verbatim(b"txt", b"This is a verbatim\nstring"),
        b"true": boolean(client, True),
        b"false": boolean(client, False),
    }
    if name in plain:
        return plain[name]
    if name == b"attrib":
        return Raw(ATTRIBUTE + bulk(AFTER_ATTRIBUTE)) if client.protocol == 3 else AFTER_ATTRIBUTE
    if name == b"push":
        if client.protocol < 3:
            raise CommandError("ERR RESP2 is not supported by this command")
        return Raw(PUSH + bulk(AFTER_PUSH))
    raise CommandError(PROTOCOL_NAMES)


def change_repl_id(client: Client, args: list[bytes]) -> str:
    """CHANGE-REPL-ID: replicas must synchronize anew."""
    client.engine.replication.history.begin()
    return "OK"


def replicate(client: Client, args: list[bytes]) -> str:
    """REPLICATE [replica|aof|all] command ...: into the stream without running it."""
    words = args[3:] if args[2].lower() in (b"replica", b"aof", b"all") and len(args) > 3 else args[2:]
    client.engine.add_effect(client.db.id, words)
    client.engine.flush_effects()
    return "OK"


def object_(client: Client, args: list[bytes]) -> str:
    """OBJECT key: where Redis shows addresses, zeros stand."""
    if len(args) < 3:
        raise SYNTAX
    space = client.engine.keyspace
    before, space.expiry_ignored = space.expiry_ignored, True  # a replica keeps expired keys: they are to be seen here
    try:
        value = client.db.peek(args[2])
        form = client.db.string_form(args[2])
    finally:
        space.expiry_ignored = before
    if value is None:
        raise CommandError("ERR no such key")
    encoding = form or value.encoding()
    length = len(dump_payload(value)) - 10
    return f"Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:0 lru_seconds_idle:0"


def install(server: Server) -> None:
    """The table of subcommands."""
    server.engine.parts.setdefault("debug", {}).update(
        {
            "RELOAD": reload, "LOADAOF": loadaof, "SLEEP": sleep, "DIGEST": digest, "DIGEST-VALUE": digest_value, "POPULATE": populate,
            "SET-ACTIVE-EXPIRE": set_active_expire, "CHANGE-REPL-ID": change_repl_id, "OBJECT": object_, "LOG": ignored, "JMAP": ignored,
            "AOF-FLUSH-SLEEP": ignored, "REPLYBUFFER": ignored, "QUICKLIST-PACKED-THRESHOLD": ignored, "PROTOCOL": protocol,
            "PAUSE-CRON": pause_cron, "STRINGMATCH-LEN": ignored, "DICT-RESIZING": ignored, "LISTPACK": ignored, "REPLICATE": replicate,
        }
    )  # fmt: skip


COMMANDS = family(
    "server",
    [
        command("debug", debug, -2, "admin noscript loading stale protected", since="1.0.0", summary="For tests and repairs.", complexity="Depends."),
    ],
)  # fmt: skip
