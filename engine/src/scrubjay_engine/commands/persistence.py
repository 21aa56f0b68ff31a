"""Commands of persistence: SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, DUMP, RESTORE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import command, family, key
from scrubjay_engine.core.engine import NOTIFY_GENERIC
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.persistence import codecs, report
from scrubjay_engine.persistence.aof import AppendOnly
from scrubjay_engine.persistence.aof_loading import AofLoader
from scrubjay_engine.persistence.dump import dump_payload
from scrubjay_engine.persistence.errors import CorruptData, UnsupportedData
from scrubjay_engine.persistence.loading import ValueSink, set_access
from scrubjay_engine.persistence.rdb_reader import read_value
from scrubjay_engine.persistence.rdb_writer import without_footer
from scrubjay_engine.persistence.saving import Persistence, load_after_listening

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

assert codecs.layouts
BAD_PAYLOAD = CommandError("ERR DUMP payload version or checksum are wrong")
BAD_FORMAT = CommandError("ERR Bad data format")
BUSYKEY = CommandError("BUSYKEY Target key name already exists.")


def save(client: Client, args: list[bytes]) -> str:
    try:
        client.engine.persistence.save()
    except OSError:
        raise CommandError("ERR") from None
    return "OK"


def bgsave(client: Client, args: list[bytes]) -> str:
    persistence: Persistence = client.engine.persistence
    if len(args) > 2 or (len(args) == 2 and args[1].upper() != b"SCHEDULE"):
        raise SYNTAX
    if persistence.saving:
        raise CommandError("ERR Background save already in progress")
    if persistence.images.current is not None:
        if len(args) == 1:
            raise CommandError(
                "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
            )
        persistence.scheduled = True
        return "Background saving scheduled"
    try:
        persistence.save_in_background()
    except OSError as error:
        raise CommandError(f"ERR {error}") from None
    return "Background saving started"


def lastsave(client: Client, args: list[bytes]) -> int:
    moment: int = client.engine.persistence.last_save
    return moment


def bgrewriteaof(client: Client, args: list[bytes]) -> str:
    aof: AppendOnly = client.engine.aof
    if aof.rewriting_since is not None:
        raise CommandError("ERR Background append only file rewriting already in progress")
    if client.engine.images.current is not None:
        aof.scheduled = True
        return "Background append only file rewriting scheduled"
    aof.rewrite()
    return "Background append only file rewriting started"


def dump(client: Client, args: list[bytes]) -> bytes | None:
    value = client.db.value(args[1])
    return None if value is None else dump_payload(value)


def read_payload(payload: bytes, name: bytes) -> Any:
    """The value of a DUMP payload. Raises CommandError."""
    found: list[Any] = []
    try:
        body = without_footer(payload)
    except CorruptData:
        raise BAD_PAYLOAD from None
    try:
        read_value(body, ValueSink(lambda _, value, __: found.append(value)), name)
    except (CorruptData, UnsupportedData):
        raise BAD_FORMAT from None
    if not found or found[0] is None:
        raise BAD_FORMAT
    return found[0]


class RestoreOptions:
    """What follows the payload."""

    def __init__(self, words: list[bytes]) -> None:
        self.replace = self.absolute = False
        self.idle = self.frequency = -1
        rest = iter(words)
        for word in rest:
            match word.upper():
                case b"REPLACE":
                    self.replace = True
                case b"ABSTTL":
                    self.absolute = True
                case b"IDLETIME" if self.frequency == -1:
                    self.idle = self._number(rest, "ERR Invalid IDLETIME value, must be >= 0", 2**63 - 1)
                case b"FREQ" if self.idle == -1:
                    self.frequency = self._number(rest, "ERR Invalid FREQ value, must be >= 0 and <= 255", 255)
                case _:
                    raise SYNTAX

    @staticmethod
    def _number(rest: Any, text: str, highest: int) -> int:
        word = next(rest, None)
        if word is None:
            raise SYNTAX
        number = integer(word)
        if not 0 <= number <= highest:
            raise CommandError(text)
        return number


def restore(client: Client, args: list[bytes]) -> str:
    options = RestoreOptions(args[4:])
    db, name = client.db, args[1]
    if not options.replace and db.exists(name):
        raise BUSYKEY
    ttl = integer(args[2])
    if ttl < 0:
        raise CommandError("ERR Invalid TTL value, must be >= 0")
    value = read_payload(args[3], name)
    keyspace = client.engine.keyspace
    expire = -1
    if ttl:
        expire = ttl if options.absolute else ttl + keyspace.now_ms
    deleted = options.replace and db.delete(name)
    if 0 <= expire <= keyspace.now_ms and keyspace.expires_delete:
        if deleted:
            client.rewrite([b"DEL", name])
            db.changed(name)
            client.notify(NOTIFY_GENERIC, "del", name)
        return "OK"
    db.put(name, value, expire)
    if expire >= 0 and not options.absolute:
        client.rewrite([args[0], name, b"%d" % expire, *args[3:], b"ABSTTL"])
    set_access(db, name, options.idle, options.frequency)
    db.changed(name)
    client.notify(NOTIFY_GENERIC, "restore", name)
    db.ready(name)
    return "OK"


def install(server: Server) -> None:
    """The part `persistence`, its timer, and loading at start."""
    engine = server.engine
    persistence = engine.parts["persistence"] = Persistence(server)
    engine.parts["info"]["persistence"] = lambda server: report.section(persistence)
    engine.parts.setdefault("on_flush", []).append(persistence.before_flush)
    server.config.on_change(
        "rdb-key-save-delay", lambda delay: setattr(persistence.images, "delay_us", max(int(delay), 0))
    )
    server.every(0.1, persistence.look_at_points)
    aof = engine.parts["aof"] = AppendOnly(server)
    loader = AofLoader(server, aof, persistence)
    server.every(0.1, aof.each_tick)
    engine.replication.on_synchronized.append(aof.data_replaced)

    async def load() -> None:
        await (loader.at_start() if server.config.flag("appendonly") else persistence.load())

    def switch(value: object) -> None:
        if bool(value) != aof.wanted:
            aof.turn_on() if value else aof.turn_off()

    async def end() -> None:
        aof.close()

    load_after_listening(server, load)
    server.config.on_change("appendonly", switch, now=False)
    server.config.on_change("aof-disable-auto-gc", lambda _: aof.remove_history(), now=False)
    server.on_stop.append(end)
    engine.parts["aof_loader"] = loader


COMMANDS = family(
    "server",
    [
        command("save", save, 1, "admin noscript no_async_loading no_multi", since="1.0.0", summary="Save the data to disk now.", complexity="O(N)"),
        command("bgsave", bgsave, -1, "admin noscript no_async_loading", since="1.0.0", summary="Save the data to disk in the background.", complexity="O(1)"),
        command("bgrewriteaof", bgrewriteaof, 1, "admin noscript no_async_loading", since="1.0.0", summary="Rewrite the append-only file.", complexity="O(1)"),
        command("lastsave", lastsave, 1, "loading stale fast", categories="admin dangerous", since="1.0.0", summary="When the data was last saved.", complexity="O(1)"),
    ],
) + family(
    "generic",
    [
        command("dump", dump, 2, "readonly", keys=key(1, "RO access"), categories="keyspace", since="2.6.0", summary="A value in serialized form.", complexity="O(N)"),
        command("restore", restore, -4, "write denyoom", keys=key(1, "OW update"), categories="keyspace dangerous", since="2.6.0", summary="A key from its serialized form.", complexity="O(N)"),
        command("restore-asking", restore, -4, "write denyoom asking", group="server", keys=key(1, "OW update"), categories="keyspace dangerous", since="3.0.0", summary="A key from its serialized form, while its slot is imported.", complexity="O(N)"),
    ],
)  # fmt: skip
