"""CLIENT: who is connected, names, killing, pausing, replies. Tracking is in tracking.py, limits on clients are in client_limits.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.connection import check_name
from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.commands.tracking import TRACKING_COMMANDS
from scrubjay_engine.core import gates
from scrubjay_engine.core.client import NO_REPLY, NOT_READY, Client, Verbatim
from scrubjay_engine.core.command import Command, command, family
from scrubjay_engine.core.dispatch import execute_list
from scrubjay_engine.core.errors import SYNTAX, CommandError

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

CLIENT_MULTI = 1 << 2
FLAG_WRITE, FLAG_MAY_REPLICATE = 1 << 0, 1 << 14
NORMAL, REPLICA, PUBSUB, PRIMARY = "normal", "slave", "pubsub", "master"
Filter = Callable[[Client], bool]
KINDS = {b"normal": NORMAL, b"slave": REPLICA, b"replica": REPLICA, b"pubsub": PUBSUB, b"master": PRIMARY}
UNBLOCKED = CommandError("UNBLOCKED client unblocked via CLIENT UNBLOCK")


def kind_of(client: Client) -> str:
    """The class that limits, CLIENT LIST TYPE and CLIENT KILL TYPE go by."""
    if client.gates & gates.CLIENT_PRIMARY:
        return PRIMARY
    if client.replica is not None:
        return REPLICA
    return PUBSUB if client.subscriptions else NORMAL


def _flags(client: Client) -> str:
    tracking = client.tracking
    watched = client.watched
    shown = [
        ("O", "monitor" in client.notes),
        ("S", client.replica is not None),
        ("M", bool(client.gates & gates.CLIENT_PRIMARY)),
        ("P", bool(client.subscriptions)),
        ("x", client.multi is not None),
        ("b", client.blocked is not None),
        ("t", tracking is not None),
        ("R", tracking is not None and tracking.broken),
        ("B", tracking is not None and tracking.broadcast),
        ("d", watched is not None and watched.dirty),
        ("c", client.closing),
        ("U", ":" not in client.address or client.address.endswith(":0")),
        ("r", client.readonly),
        ("e", client.no_evict),
    ]
    return "".join(letter for letter, on in shown if on) or "N"


def client_line(client: Client) -> bytes:
    """One line of CLIENT LIST."""
    now = client.engine.keyspace.now_ms
    held = client.subscriptions
    pending = client.output_pending if client.blocked is None else 0
    current = client.query_bytes
    name = client.command.name if client.command is not None else "NULL"
    waiting = client.output_bytes
    fields: list[tuple[str, object]] = [
        ("id", client.id),
        ("addr", client.address),
        ("laddr", client.local_address),
        ("fd", getattr(client, "fd", -1)),
        ("name", client.name.decode(errors="replace")),
        ("age", (now - client.created_ms) // 1000),
        ("idle", (now - client.active_ms) // 1000),
        ("flags", _flags(client)),
        ("db", client.db.id),
        ("sub", len(held.channels) if held else 0),
        ("psub", len(held.patterns) if held else 0),
        ("ssub", len(held.shard_channels) if held else 0),
        ("multi", -1 if client.multi is None else len(client.multi.commands)),
        ("qbuf", current),
        ("qbuf-free", client.query_free),
        ("argv-mem", client.argument_bytes + client.notes.get("held_bytes", 0)),
        ("multi-mem", 0 if client.multi is None else client.multi.bytes),
        ("rbs", 0),
        ("rbp", 0),
        ("obl", min(pending, waiting)),
        ("oll", 1 if waiting else 0),
        ("omem", waiting),
        ("tot-mem", client.memory),
        ("events", client.events),
        ("cmd", name),
        ("user", client.user.name.decode(errors="replace") if client.user is not None else "(superuser)"),
        ("redir", -1 if client.tracking is None else client.tracking.redirect),
        ("resp", client.protocol),
        ("lib-name", client.lib_name.decode(errors="replace")),
        ("lib-ver", client.lib_ver.decode(errors="replace")),
    ]
    return " ".join(f"{field}={value}" for field, value in fields).encode()


def connections(client: Client) -> list[Client]:
    """Everybody but those that are being closed: they are gone at the loop's next turn."""
    return [each for each in client.engine.clients.values() if not each.doomed]


# -- who is there ------------------------------------------------------------------------------------------------------


def list_clients(client: Client, args: list[bytes]) -> Verbatim:
    chosen = connections(client)
    if len(args) == 4 and args[2].upper() == b"TYPE":
        kind = _kind(args[3])
        chosen = [each for each in chosen if kind_of(each) == kind]
    elif len(args) > 3 and args[2].upper() == b"ID":
        numbers = [integer(word, CommandError("ERR Invalid client ID")) for word in args[3:]]
        found = [client.engine.clients.get(number) for number in numbers if number >= 0]
        chosen = [each for each in found if each is not None]
    elif len(args) != 2:
        raise SYNTAX
    return Verbatim(b"txt", b"".join(client_line(each) + b"\n" for each in chosen))


def _kind(word: bytes) -> str:
    kind = KINDS.get(word.lower())
    if kind is None:
        raise CommandError(b"ERR Unknown client type '%s'" % word)
    return kind


def info(client: Client, args: list[bytes]) -> Verbatim:
    return Verbatim(b"txt", client_line(client) + b"\n")


def client_id(client: Client, args: list[bytes]) -> int:
    return client.id


def set_name(client: Client, args: list[bytes]) -> str:
    check_name(args[2])
    client.name = args[2]
    return "OK"


def get_name(client: Client, args: list[bytes]) -> bytes | None:
    return client.name or None


def set_info(client: Client, args: list[bytes]) -> str:
    attribute = args[2].lower()
    if attribute not in (b"lib-name", b"lib-ver"):
        raise CommandError(b"ERR Unrecognized option '%s'" % args[2])
    if any(not 33 <= char <= 126 for char in args[3]):
        shown = attribute.decode()
        raise CommandError(f"ERR {shown} cannot contain spaces, newlines or special characters.")
    if attribute == b"lib-name":
        client.lib_name = args[3]
    else:
        client.lib_ver = args[3]
    return "OK"


# -- killing -----------------------------------------------------------------------------------------------------------


def _field_filter(field: str, value: object) -> Filter:
    return lambda each: bool(getattr(each, field) == value)


def _kind_filter(kind: str) -> Filter:
    return lambda each: kind_of(each) == kind


def _user_filter(client: Client, name: bytes) -> Filter:
    user = client.engine.parts["acl"].users.get(name)
    if user is None:
        raise CommandError(b"ERR No such user '%s'" % name)
    return lambda each: each.user is user


def _kill_filters(client: Client, args: list[bytes]) -> tuple[list[Filter], bool]:
    """Conditions of CLIENT KILL's new form, and whether the caller is spared."""
    filters: list[Filter] = []
    skip_me = True
    if len(args) % 2:
        raise SYNTAX
    for word, value in zip(args[2::2], args[3::2], strict=True):
        text = value.decode(errors="replace")
        match word.upper():
            case b"ID":
                number = integer(value, CommandError("ERR client-id should be greater than 0"), 1)
                filters.append(_field_filter("id", number))
            case b"TYPE":
                filters.append(_kind_filter(_kind(value)))
            case b"ADDR":
                filters.append(_field_filter("address", text))
            case b"LADDR":
                filters.append(_field_filter("local_address", text))
            case b"USER":
                filters.append(_user_filter(client, value))
            case b"SKIPME":
                if value.upper() not in (b"YES", b"NO"):
                    raise SYNTAX
                skip_me = value.upper() == b"YES"
            case _:
                raise SYNTAX
    return filters, skip_me


def kill(client: Client, args: list[bytes]) -> object:
    old_form = len(args) == 3
    if old_form:
        filters, skip_me = [_field_filter("address", args[2].decode(errors="replace"))], False
    else:
        filters, skip_me = _kill_filters(client, args)
    killed = 0
    for each in connections(client):
        if not (each is client and skip_me) and all(fits(each) for fits in filters):
            killed += 1
            if each is client:
                client.closing = True
            else:
                each.close()
    if not old_form:
        return killed
    if not killed:
        raise CommandError("ERR No such client")
    return "OK"


def unblock(client: Client, args: list[bytes]) -> int:
    reason = args[3].upper() if len(args) > 3 else b"TIMEOUT"
    if len(args) > 4 or reason not in (b"TIMEOUT", b"ERROR"):
        raise CommandError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    target = client.engine.clients.get(max(integer(args[2]), 0))
    if target is None or target.blocked is None or target.blocked.kind == Pause.KIND:
        return 0
    waits = client.engine.blocking
    return int(waits.unblock(target, UNBLOCKED) if reason == b"ERROR" else waits.time_out_now(target))


# -- pausing -----------------------------------------------------------------------------------------------------------


class Held(NamedTuple):
    """A command that waits for the end of a pause."""

    client: Client
    args: list[bytes]


class Pause:
    """Holds commands back: all, or those that may write (CLIENT PAUSE, hand-overs). While it lasts, nothing expires or is evicted."""

    KIND = "postponed"

    def __init__(self, server: Server) -> None:
        self.engine = server.engine
        self.until_ms = 0
        self.everything = False
        self.held: list[Held] = []
        self.deleting = True

    def begin(self, milliseconds: int, everything: bool) -> None:
        """Pauses, or makes a pause longer and stricter; it never gets shorter."""
        engine = self.engine
        if not engine.gates & gates.PAUSED:
            self.deleting = engine.keyspace.expires_delete
            engine.keyspace.expires_delete = False
            self.until_ms, self.everything = 0, False
        self.everything = self.everything or everything
        self.until_ms = max(self.until_ms, engine.keyspace.now_ms + milliseconds)
        engine.set_gate(gates.PAUSED, True)
        engine.loop.call_later(max(self.until_ms - engine.keyspace.now_ms, 0) / 1000 + 0.001, self.expire)

    def expire(self) -> None:
        self.engine.tick()
        if self.engine.gates & gates.PAUSED and self.engine.keyspace.now_ms >= self.until_ms:
            self.end()

    def end(self) -> None:
        """Lets everybody go on, in the order in which they came."""
        engine = self.engine
        if not engine.gates & gates.PAUSED:
            return
        engine.set_gate(gates.PAUSED, False)
        engine.keyspace.expires_delete = self.deleting
        held, self.held = self.held, []
        for each in held:
            client = each.client
            if client.closed or client.blocked is None or client.blocked.kind != self.KIND:
                continue
            client.notes.pop("held_bytes", None)
            engine.blocking.release(client)
            execute_list(client, each.args)
        engine.flush_pending()

    def check(self, client: Client, row: Command, args: list[bytes]) -> bool:
        """Dispatch's hook: whether the command was held back."""
        if client.replica is not None or not (self.everything or self._may_write(client, row, args)):
            return False
        client.command = row
        client.notes["held_bytes"] = sum(len(word) for word in args)
        client.block([], lambda key: NOT_READY, 0, lambda: None, kind=self.KIND)
        self.held.append(Held(client, args))
        return True

    def _may_write(self, client: Client, row: Command, args: list[bytes]) -> bool:
        if row.name == "exec" and client.multi is not None:
            return bool(client.multi.replicates)
        flags = self.engine.parts["scripting"].flags_of(row, args) if row.group == "scripting" else row.flags
        return bool(flags & (FLAG_WRITE | FLAG_MAY_REPLICATE))


def pause(client: Client, args: list[bytes]) -> str:
    mode = args[3].upper() if len(args) > 3 else b"ALL"
    if mode not in (b"ALL", b"WRITE"):
        raise CommandError("ERR CLIENT PAUSE mode must be WRITE or ALL")
    error = CommandError("ERR timeout is not an integer or out of range")
    milliseconds = integer(args[2], error)
    if milliseconds < 0:
        raise CommandError("ERR timeout is negative")
    if milliseconds > 2**62:
        raise CommandError("ERR timeout is out of range")
    client.engine.parts["pause"].begin(milliseconds, mode == b"ALL")
    return "OK"


def unpause(client: Client, args: list[bytes]) -> str:
    client.engine.loop.call_soon(client.engine.parts["pause"].end)
    return "OK"


# -- replies and the like ----------------------------------------------------------------------------------------------


def _on_off(word: bytes) -> bool:
    if word.upper() not in (b"ON", b"OFF"):
        raise SYNTAX
    return word.upper() == b"ON"


def reply(client: Client, args: list[bytes]) -> object:
    match args[2].upper():
        case b"ON":
            client.muted = client.mute_next = False
            return "OK"
        case b"OFF":
            client.muted = True
        case b"SKIP":
            client.mute_next = not client.muted
        case _:
            raise SYNTAX
    return NO_REPLY


def no_evict(client: Client, args: list[bytes]) -> str:
    client.no_evict = _on_off(args[2])
    return "OK"


def no_touch(client: Client, args: list[bytes]) -> str:
    client.no_touch = _on_off(args[2])
    return "OK"


def client_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "CLIENT",
        "CACHING (YES|NO)",
        "    Whether the next command's keys are tracked, in OPTIN or OPTOUT mode.",
        "GETNAME",
        "    The connection's name.",
        "GETREDIR",
        "    The client that invalidation messages go to.",
        "ID",
        "    The connection's number.",
        "INFO",
        "    What is known about the connection.",
        "KILL <ip:port>",
        "    Close a connection.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Close connections by ADDR, LADDR, TYPE, USER, ID; SKIPME (yes|no) spares this one.",
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <client-id> ...]",
        "    The connections.",
        "NO-EVICT (ON|OFF)",
        "    Spare this connection when clients are evicted.",
        "NO-TOUCH (ON|OFF)",
        "    Do not count this connection's reads as uses of the keys.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Hold commands back for so many milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Whether commands are replied to.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Name the client library.",
        "SETNAME <name>",
        "    Name the connection.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Tell this connection when keys that it has read change.",
        "TRACKINGINFO",
        "    How tracking is set.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    End a blocked client's wait.",
        "UNPAUSE",
        "    End CLIENT PAUSE.",
    )


def install(server: Server) -> None:
    """What other parts ask of this one."""
    engine = server.engine
    pause_state = engine.parts["pause"] = Pause(server)
    engine.check_paused = pause_state.check
    engine.parts["client_info"] = client_line
    engine.parts["client_kind"] = kind_of


SLOW = "noscript loading stale no_role"
ADMIN = "admin noscript loading stale no_role"
COMMANDS = family(
    "connection",
    [
        command(
            "client", None, -2, "", since="2.4.0", summary="The connections.",
            subcommands=[
                *TRACKING_COMMANDS,
                command("getname", get_name, 2, SLOW, since="2.6.9", summary="The connection's name.", complexity="O(1)"),
                command("help", client_help, 2, "loading stale", since="5.0.0", summary="Help.", complexity="O(1)"),
                command("id", client_id, 2, SLOW, since="5.0.0", summary="The connection's number.", complexity="O(1)"),
                command("info", info, 2, SLOW, since="6.2.0", summary="This connection.", complexity="O(1)"),
                command("kill", kill, -3, ADMIN, since="2.4.0", summary="Close connections.", complexity="O(N) connections"),
                command("list", list_clients, -2, ADMIN, since="2.4.0", summary="All connections.", complexity="O(N) connections"),
                command("no-evict", no_evict, 3, ADMIN, since="7.0.0", summary="Spare this connection from eviction.", complexity="O(1)"),
                command("no-touch", no_touch, 3, SLOW, since="7.2.0", summary="Reads do not count as uses.", complexity="O(1)"),
                command("pause", pause, -3, ADMIN, since="2.9.50", summary="Hold commands back.", complexity="O(1)"),
                command("reply", reply, 3, SLOW, since="3.2.0", summary="Whether there are replies.", complexity="O(1)"),
                command("setinfo", set_info, 4, SLOW, since="7.2.0", summary="Name the client library.", complexity="O(1)"),
                command("setname", set_name, 3, SLOW, since="2.6.9", summary="Name the connection.", complexity="O(1)"),
                command("unblock", unblock, -3, ADMIN, since="5.0.0", summary="End a client's wait.", complexity="O(1)"),
                command("unpause", unpause, 2, ADMIN, since="6.2.0", summary="End a pause.", complexity="O(N) paused clients"),
            ],
        ),
    ],
)  # fmt: skip
